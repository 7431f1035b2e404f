"""The layers under torch.func, autocast, deepcopy, and in two processes."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import pytest
import torch
from tests.tolerances import REFERENCE
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jacrev, jvp, stack_module_state, vmap

import sequela.nn
from sequela.ops import force
from sequela.ops.native import library

D, H = 3, 5
# torch scripts its derivatives when the first of them is asked for.
_TORCHS_OWN = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
LAYERS = {
    "LSTM": ("LSTM", {"num_layers": 2, "bidirectional": True}),
    "GRU": ("GRU", {"reset_after": False}),
    "GRU after": ("GRU", {}),
    "RNN": ("RNN", {"go_backwards": True}),
}


def made(name):
    torch.manual_seed(3)
    kind, options = LAYERS[name]
    return getattr(sequela.nn, kind)(D, H, dtype=torch.float64, **options)


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def loss_of(layer):
    def loss(parameters, x):
        output, final = functional_call(layer, parameters, (x,))
        final = final if isinstance(final, tuple) else (final,)
        return output.square().sum() + sum(part.sin().sum() for part in final)

    return loss


def gradients(layer, loss, x):
    parameters = dict(layer.named_parameters())
    found = torch.autograd.grad(loss(parameters, x), list(parameters.values()))
    return dict(zip(parameters, found, strict=True))


@_TORCHS_OWN
@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "in training"])
@pytest.mark.parametrize("name", [*LAYERS, "plain LSTM"])
def test_forward_mode_derivatives(name, frozen):
    # The kernels know none: a layer without gradients of its own silently gave none at all.
    layer = sequela.nn.LSTM(D, H, dtype=torch.float64) if "plain" in name else made(name)
    layer.requires_grad_(not frozen)
    x, direction = numbers(4, 2, D), numbers(4, 2, D)
    options = {"lengths": [3, 4]} if frozen else {}
    step = 1e-6 * direction
    wanted = (layer(x + step, **options)[0] - layer(x - step, **options)[0]) / 2e-6
    with forward_ad.dual_level():
        output = layer(forward_ad.make_dual(x, direction), **options)[0]
        found = forward_ad.unpack_dual(output).tangent
        if "plain" in name:  # of float32 torch has a kernel of another library, without derivatives
            dual = forward_ad.make_dual(x.float(), direction.float())
            near = forward_ad.unpack_dual(copy.deepcopy(layer).float()(dual, **options)[0]).tangent
            torch.testing.assert_close(near.double(), wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-8)
    found = jvp(lambda x: layer(x, **options)[0], (x,), (direction,))[1] if not options else found
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-8)


@_TORCHS_OWN
def test_forward_mode_derivatives_of_single_steps():
    cell = sequela.nn.LSTMCell(D, H, dtype=torch.float64).requires_grad_(False)
    stepper = sequela.nn.GRU(D, H, dtype=torch.float64).requires_grad_(False).stepper(2)
    x, direction = numbers(2, D), numbers(2, D)
    for step in (lambda x: cell(x)[1], lambda x: (stepper.reset(), stepper(x))[1]):
        wanted = (step(x + 1e-6 * direction) - step(x - 1e-6 * direction)) / 2e-6
        with forward_ad.dual_level():
            output = step(forward_ad.make_dual(x, direction))
            tangent = forward_ad.unpack_dual(output).tangent
        torch.testing.assert_close(tangent, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", LAYERS)
def test_grad_has_the_bits_of_autograd(name):
    layer, x = made(name), numbers(4, 6, D)
    loss = loss_of(layer)
    wanted = gradients(layer, loss, x)
    for key, found in grad(loss)(dict(layer.named_parameters()), x).items():
        assert torch.equal(found, wanted[key])


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_each_sample(name):
    layer, samples = made(name), numbers(6, 4, 1, D)
    loss = loss_of(layer)
    parameters = {key: part.detach() for key, part in layer.named_parameters()}
    found = vmap(grad(loss, argnums=(0, 1)), in_dims=(None, 0))(parameters, samples)
    for i, x in enumerate(samples):
        wanted = gradients(layer, loss, x)
        for key in wanted:
            torch.testing.assert_close(found[0][key][i], wanted[key], **REFERENCE)
        x = x.clone().requires_grad_()
        (wanted_x,) = torch.autograd.grad(loss(parameters, x), [x])
        torch.testing.assert_close(found[1][i], wanted_x, **REFERENCE)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mapped_input_is_one_call_of_more_rows(name, axis):
    layer, x = made(name), numbers(2, 4, 3, D)
    found = vmap(lambda x: layer(x)[0], in_dims=axis)(x)
    for i, part in enumerate(x.unbind(axis)):
        wanted = layer(part)[0]
        if library() is not None:
            assert torch.equal(found[i], wanted)
        torch.testing.assert_close(found[i], wanted, **REFERENCE)


def test_an_ensemble_of_weights():
    layers = [sequela.nn.LSTM(D, H, dtype=torch.float64) for _ in range(3)]
    parameters, buffers = stack_module_state(layers)
    x = numbers(4, 2, D)
    both = (parameters, buffers)
    found = vmap(lambda state: functional_call(layers[0], state, (x,))[0])(both)
    for i, layer in enumerate(layers):
        torch.testing.assert_close(found[i], layer(x)[0], **REFERENCE)


def test_jacobian():
    layer, x = made("GRU"), numbers(2, 1, D)
    wanted = torch.autograd.functional.jacobian(lambda x: layer(x)[0], x)
    torch.testing.assert_close(jacrev(lambda x: layer(x)[0])(x), wanted, **REFERENCE)


def test_a_gradient_of_a_gradient_is_left_to_the_reference():
    layer, x = made("GRU"), numbers(3, 1, D)
    parameters, loss = dict(layer.named_parameters()), loss_of(layer)

    def twice(x):
        return sum(part.square().sum() for part in grad(loss)(parameters, x).values())

    if library() is not None:
        with pytest.raises(RuntimeError, match="gradient of a gradient"):
            grad(twice)(x)
    with force("reference"):
        assert grad(twice)(x).shape == x.shape


@pytest.mark.parametrize("name", LAYERS)
def test_autocast_computes(name):
    layer = made(name).float()
    x = torch.randn(4, 2, D)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = layer(x)[0]
        output.float().sum().backward()
    torch.testing.assert_close(output.float(), layer(x)[0], atol=3e-2, rtol=3e-2)


@pytest.mark.parametrize("name", LAYERS)
def test_a_deep_copy_is_another_layer_with_the_same_bits(name):
    layer, x = made(name), numbers(4, 2, D)
    other = copy.deepcopy(layer)
    assert torch.equal(other(x)[0], layer(x)[0])
    with torch.no_grad():
        next(other.parameters()).zero_()
    assert not torch.equal(other(x)[0], layer(x)[0])


@pytest.mark.parametrize("name", ["LSTM", "GRU after", "RNN"])
def test_weights_go_to_torch_and_back(name):
    kind, options = LAYERS[name]
    options = {key: value for key, value in options.items() if key != "go_backwards"}
    ours = getattr(sequela.nn, kind)(D, H, **options)
    theirs = getattr(torch.nn, kind)(D, H, **options)
    theirs.load_state_dict(ours.state_dict())
    again = getattr(sequela.nn, kind)(D, H, **options)
    again.load_state_dict(theirs.state_dict())
    for key, part in ours.state_dict().items():
        assert torch.equal(again.state_dict()[key], part)


TWO_PROCESSES = """
import sys, torch, sequela.nn
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
torch.manual_seed(0)
layer = sequela.nn.LSTM(3, 5, num_layers=2, dtype=torch.float64)
x = torch.randn(6, 4, 3, dtype=torch.float64)
parallel = DistributedDataParallel(layer)
parallel(x[:, 2 * rank : 2 * rank + 2])[0].square().mean().backward()
if rank == 0:
    found = [part.grad.clone() for part in layer.parameters()]
    layer.zero_grad()
    layer(x)[0].square().mean().backward()
    for one, part in zip(found, layer.parameters(), strict=True):
        torch.testing.assert_close(one, part.grad, rtol=1e-12, atol=1e-15)
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.long
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no torch.distributed")
def test_two_processes_have_the_gradients_of_one(tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-c", TWO_PROCESSES]
    workers = [
        subprocess.Popen([*command, str(rank), str(tmp_path)], env=environment) for rank in (0, 1)
    ]
    assert [worker.wait(timeout=100) for worker in workers] == [0, 0]


def test_weights_are_read_anew_at_every_call():
    layer, x = made("GRU after"), numbers(4, 2, D)
    other = torch.nn.GRU(D, H, dtype=torch.float64)

    def agree():
        other.load_state_dict({name: getattr(layer, name).detach() for name in names})
        torch.testing.assert_close(layer(x)[0], other(x)[0], **REFERENCE)

    names = [name for name, _ in layer.named_parameters()]
    agree()
    with torch.no_grad():
        layer.weight_hh_l0.mul_(0.5)
        layer.bias_ih_l0.data = numbers(3 * H)
    agree()
    layer.weight_ih_l0 = torch.nn.Parameter(numbers(3 * H, D))
    agree()
    torch.nn.utils.parametrize.register_parametrization(layer, "weight_hh_l0", torch.nn.Tanh())
    assert "weight_hh_l0" not in layer._parameters
    agree()
    layer.parametrizations.weight_hh_l0.original.data.neg_()
    agree()
    torch.nn.utils.parametrize.remove_parametrizations(layer, "weight_hh_l0")
    agree()
    copied = copy.deepcopy(layer)
    with torch.no_grad():
        layer.weight_hh_l0.zero_()
    assert not torch.equal(copied(x)[0], layer(x)[0])
    assert layer.float()(x.float())[0].dtype is torch.float32


def test_a_layer_without_a_state_begins_each_direction_with_its_own_zeros():
    layer = sequela.nn.LSTM(D, H, num_layers=2, bidirectional=True, dtype=torch.float64)
    x, zeros = numbers(4, 2, D), torch.zeros(4, 2, H, dtype=torch.float64)
    output, (h_n, c_n) = layer(x)
    again, (h, c) = layer(x, (zeros, zeros.clone()))
    assert torch.equal(output, again)
    assert torch.equal(h_n, h)
    assert torch.equal(c_n, c)
