"""The gradients of each sample: one backward pass has the bits of a pass for each of them."""

from __future__ import annotations

import pytest
import torch
from tests.ops.test_native_options import ALL, NAMES, example
from torch.func import functional_call, grad, vmap

import sequela.nn
from sequela.ops import native_call
from sequela.ops.native import library
from sequela.ops.native_call import backward, forward
from sequela.ops.native_layer import EVERY_TENSOR, WITH_ROWS, checked

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")

SAMPLES = 3
# Of one sample; more packed rows than a block of the sums, and a row without a step.
LENGTHS = [40, 40, 30, 30, 30, 30, 25, 25, 25, 10, 1, 0]


@pytest.fixture(autouse=True)
def _threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def tensors(call, sample=None):
    """The kernels' arguments, of all samples or of one: row b belongs to sample b % SAMPLES."""
    c0 = call.initial[1] if len(call.initial) > 1 else None
    keep = [part if isinstance(part, torch.Tensor) else None for part in call.keep]
    given = (call.data, call.initial[0], c0, *call.weights, call.mask, *keep)
    given = [None if part is None else part.detach() for part in given]
    if sample is None:
        return given
    return [
        part[sample::SAMPLES] if part is not None and name in WITH_ROWS else part
        for name, part in zip(EVERY_TENSOR, given, strict=False)
    ]


def gradients(call, sizes, given, late, samples):
    everything = call.everything
    layer = checked(call.cell.name, sizes, call.reverse, *given, everything=everything)
    output, *_, saved = forward(layer, keep=True)
    wanted = [part is not None and "keep" not in name for name, part in zip(EVERY_TENSOR, given)]  # noqa: B905
    found = backward(layer, output, saved, late, wanted[:13], samples)
    return dict(zip(EVERY_TENSOR, found, strict=False))


@pytest.mark.parametrize("options", ["", "dropout", "drawn", "norm", "projection peephole", ALL])
@pytest.mark.parametrize("cell", NAMES)
def test_each_sample_has_the_bits_of_its_own_pass(cell, options):
    for dtype, threads in ((torch.float32, 1), (torch.float64, 2)):
        torch.set_num_threads(threads)
        lengths = [length for length in LENGTHS for _ in range(SAMPLES)]
        call = example(cell, lengths, 5, 20, options, dtype)
        given, sizes = tensors(call), torch.tensor(call.sizes)
        late = [torch.randn(len(call.data), call.weights.w_hh.shape[1]).to(dtype)]
        late += [torch.randn(part.shape).to(dtype) for part in call.initial]
        if call.everything:
            hidden = call.weights.w_hh.shape[0] // call.cell.gate_count
            count = native_call.handed_count(cell)
            late += [torch.randn(len(call.data), hidden).to(dtype) for _ in range(count)]
        whole = gradients(call, sizes, given, late, SAMPLES)
        for s in range(SAMPLES):
            own = [part[s::SAMPLES] for part in late]
            alone = gradients(call, sizes // SAMPLES, tensors(call, s), own, 0)
            for name, wanted in alone.items():
                found = whole[name]
                if wanted is None:
                    assert found is None
                else:
                    own = found[s::SAMPLES] if name in WITH_ROWS else found[s]
                    assert torch.equal(own, wanted), name


def test_rows_that_no_sample_can_have_are_an_error():
    call = example("gru_after", [3, 3, 2], 2, 4, "")
    given, sizes = tensors(call), torch.tensor(call.sizes)
    with pytest.raises(RuntimeError, match="native: batch_sizes"):
        gradients(call, sizes, given, [torch.ones(8, 4).double()], 3)


def layer_and_loss(kind, **options):
    torch.manual_seed(5)
    layer = getattr(sequela.nn, kind)(3, 5, dtype=torch.float64, **options)
    parameters = {name: part.detach() for name, part in layer.named_parameters()}

    def loss(parameters, x):
        output, final, *states = functional_call(layer, parameters, (x,))
        parts = [output, *(final if isinstance(final, tuple) else (final,)), *(states or [()])[0]]
        return sum(part.square().sum() for part in parts)

    return layer, parameters, loss


def separately(parameters, loss, samples):
    found = [grad(loss)(parameters, x) for x in samples]
    return {name: torch.stack([one[name] for one in found]) for name in parameters}


LAYERS = {
    "LSTM": ("LSTM", {"num_layers": 2, "bidirectional": True}),
    "GRU": ("GRU", {"reset_after": False, "go_backwards": True}),
    "RNN": ("RNN", {}),
    "options": ("LSTM", {"peephole": True, "proj_size": 2, "layer_norm": True}),
    "states": ("GRU", {"return_all_states": True, "layer_norm": True}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_vmap_of_grad_is_one_backward_pass(name, monkeypatch):
    kind, options = LAYERS[name]
    layer, parameters, loss = layer_and_loss(kind, **options)
    samples = torch.randn(4, 6, 2, 3, dtype=torch.float64)
    wanted = separately(parameters, loss, samples)
    calls, before = [], native_call.backward
    monkeypatch.setattr(native_call, "backward", lambda *a: calls.append(1) or before(*a))
    found = vmap(grad(loss), in_dims=(None, 0))(parameters, samples)
    assert len(calls) == layer.num_layers * (2 if layer.bidirectional else 1)
    for key, part in wanted.items():
        assert torch.equal(found[key], part)


def test_samples_within_samples():
    _, parameters, loss = layer_and_loss("GRU")
    samples = torch.randn(3, 4, 6, 2, 3, dtype=torch.float64)
    for axes in ((0, 0), (1, 0), (0, 1)):
        inner = vmap(grad(loss), in_dims=(None, axes[1]))
        found = vmap(inner, in_dims=(None, axes[0]))(parameters, samples)
        ordered = samples.movedim(axes[0], 0)
        for i, group in enumerate(ordered):
            wanted = separately(parameters, loss, group.movedim(axes[1], 0))
            for key, part in wanted.items():
                assert torch.equal(found[key][i], part)


def test_samples_of_an_ensemble():
    _, parameters, loss = layer_and_loss("LSTM")
    models = {name: torch.stack([part, part * 0.5]) for name, part in parameters.items()}
    samples = torch.randn(4, 6, 1, 3, dtype=torch.float64)
    found = vmap(vmap(grad(loss), in_dims=(None, 0)), in_dims=(0, None))(models, samples)
    for i in range(2):
        own = {name: part[i] for name, part in models.items()}
        for key, part in separately(own, loss, samples).items():
            assert torch.equal(found[key][i], part)
