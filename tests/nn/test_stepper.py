"""A stack fed step by step: what one call over the whole sequence gives."""

from __future__ import annotations

import copy

import pytest
import torch

from sequela import nn, ops
from sequela.errors import ConfigError
from sequela.ops import native

LAYERS = {
    "tanh": lambda **more: nn.RNN(3, 20, 2, **more),
    "relu": lambda **more: nn.RNN(3, 20, 1, "relu", bias=False, **more),
    "sigmoid": lambda **more: nn.RNN(3, 20, 2, "sigmoid", **more),
    "lstm": lambda **more: nn.LSTM(3, 20, 3, **more),
    "gru": lambda **more: nn.GRU(3, 20, 2, batch_first=True, **more),
    "gru before": lambda **more: nn.GRU(3, 20, 2, reset_after=False, **more),
}
OPTIONS = {
    "projection": lambda: nn.LSTM(3, 20, 2, proj_size=7),
    "peephole": lambda: nn.LSTM(3, 20, 2, peephole=True),
    "norm": lambda: nn.GRU(3, 20, 2, layer_norm=True),
    "zoneout": lambda: nn.LSTM(3, 20, 2, zoneout=(0.3, 0.1)),
    "dropout": lambda: nn.LSTM(3, 20, 2, dropout=0.5, recurrent_dropout=0.5),
    "last only": lambda: nn.GRU(3, 20, 2, return_sequences=False, return_all_states=True),
}


def whole(layer, data):
    """Outputs ``[T, B, H]`` and final state of one call."""
    layer = copy.deepcopy(layer)
    layer.return_sequences, layer.return_all_states = True, False
    output, final = layer(data.transpose(0, 1) if layer.batch_first else data)
    return output.transpose(0, 1) if layer.batch_first else output, final


def parts(state):
    return state if isinstance(state, tuple) else (state,)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
@pytest.mark.parametrize("name", LAYERS)
def test_the_steps_are_those_of_one_call(name, dtype):
    torch.manual_seed(0)
    layer = LAYERS[name](dtype=dtype).eval()
    for batch in (1, 2, 5, 9):
        stepper, data = layer.stepper(batch), torch.randn(6, batch, 3, dtype=dtype)
        found = torch.stack([stepper(x) for x in data])
        output, final = whole(layer, data)
        if native.library() is not None and name != "sigmoid":
            assert torch.equal(found, output)
            assert all(map(torch.equal, parts(stepper.state), parts(final)))
        torch.testing.assert_close(found, output)
        for ours, wanted in zip(parts(stepper.state), parts(final), strict=True):
            torch.testing.assert_close(ours, wanted)


@torch.no_grad()
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported:UserWarning")
@pytest.mark.parametrize("name", OPTIONS)
def test_options_hold(name):
    torch.manual_seed(0)
    layer = OPTIONS[name]().eval()
    stepper, data = layer.stepper(2), torch.randn(5, 2, 3)
    found = torch.stack([stepper(x) for x in data])
    output, final = whole(layer, data)
    torch.testing.assert_close(found, output)
    for ours, wanted in zip(parts(stepper.state), parts(final), strict=True):
        torch.testing.assert_close(ours, wanted)


@torch.no_grad()
def test_state_can_be_read_set_and_reset():
    layer = nn.LSTM(3, 5, 2)
    stepper, x = layer.stepper(3), torch.randn(3, 3)
    fresh = stepper(x)
    kept = stepper.state
    second = stepper(x)
    assert not torch.equal(fresh, second)
    stepper.state = kept
    assert torch.equal(stepper(x), second)
    kept[0].zero_()
    stepper.reset([0, 2])
    mixed = stepper(x)
    assert torch.equal(mixed[[0, 2]], fresh[[0, 2]])
    assert not torch.equal(mixed[1], fresh[1])
    stepper.reset(torch.tensor([False, True, False]))
    assert torch.equal(stepper(x)[1], fresh[1])
    stepper.reset()
    assert torch.equal(stepper(x), fresh)
    stepper(x).zero_()  # an output is the caller's own
    assert not torch.equal(stepper.state[0][1], torch.zeros(3, 5))


@torch.no_grad()
def test_it_follows_the_weights_of_its_layer():
    layer, x = nn.GRU(3, 5, 2), torch.randn(1, 3)
    one, other = layer.stepper(), layer.stepper()
    old = one(x)
    layer.weight_ih_l1.mul_(2)
    new = other(x)
    assert not torch.equal(old, new)
    layer.weight_ih_l1.data.div_(2)
    one.reset()
    assert torch.equal(one(x), old)
    torch.nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    one.reset()
    torch.testing.assert_close(one(x), old)


@torch.no_grad()
def test_a_change_past_torch_between_the_layers_of_a_step_loses_no_state():
    """The upper layer's weights are found changed after the lower layer has stepped."""
    layer, x = nn.RNN(3, 5, 2), torch.randn(1, 3)
    stepper = layer.stepper()
    stepper(x)
    stepper.reset()
    layer.weight_ih_l1.data.mul_(2)
    found = stepper(x)
    torch.testing.assert_close(found, layer(x[None])[0][0])
    torch.testing.assert_close(stepper.state, layer(x[None])[1])


@torch.no_grad()
def test_copies_are_streams_of_their_own():
    layer, x = nn.LSTM(3, 5), torch.randn(1, 3)
    stepper = layer.stepper()
    stepper(x)
    state = stepper.state
    other = copy.deepcopy(stepper)
    assert other.layer is not layer
    wanted = stepper(x)
    assert torch.equal(other(x), wanted)
    stepper.state = state
    other.reset()
    assert torch.equal(stepper(x), wanted)
    other.layer.weight_hh_l0.zero_()
    assert torch.equal(stepper.layer.weight_hh_l0, layer.weight_hh_l0)


@torch.no_grad()
def test_a_forced_backend_is_obeyed():
    layer, x = nn.GRU(3, 5).eval(), torch.randn(1, 3)
    with ops.force("reference"):
        found = layer.stepper()(x)
        wanted = layer(x[None])[0][0]
    assert torch.equal(found, wanted)


def test_what_does_not_fit_is_refused():
    for layer in (nn.LSTM(3, 5, bidirectional=True), nn.GRU(3, 5, go_backwards=True)):
        with pytest.raises(ConfigError, match="one direction, forward"):
            layer.stepper()
    layer = nn.LSTM(3, 5, 2, dropout=0.5)
    for batch in (0, True, 1.5):
        with pytest.raises(ConfigError, match="batch of the stepper"):
            layer.stepper(batch)
    stepper = layer.stepper(2)
    with pytest.raises(ConfigError, match=r"Call layer.eval\(\)"):
        stepper(torch.randn(2, 3))
    layer.eval()
    for x in (torch.randn(3), torch.randn(1, 3), torch.randn(2, 4), torch.randn(1, 2, 3)):
        with pytest.raises(RuntimeError, match=r"Expected input size \[2, 3\]"):
            stepper(x)
    with pytest.raises(RuntimeError, match="dtype"):
        stepper(torch.randn(2, 3).double())
    with pytest.raises(RuntimeError, match="without gradients"):
        stepper(torch.randn(2, 3, requires_grad=True))
    assert not stepper(torch.randn(2, 3)).requires_grad
    with pytest.raises(RuntimeError, match="Expected state sizes"):
        stepper.state = torch.zeros(2, 2, 5)
    with pytest.raises(RuntimeError, match="dtype"):
        stepper.state = (torch.zeros(2, 2, 5).double(),) * 2
    assert all(not part.any() for part in layer.stepper(2).state)


def test_a_layer_that_became_double_needs_a_new_stepper():
    layer = nn.GRU(3, 5)
    stepper = layer.stepper()
    layer.double()
    with pytest.raises(RuntimeError, match="float64"):
        stepper(torch.randn(1, 3))
    assert layer.stepper()(torch.randn(1, 3).double()).dtype == torch.float64


def test_a_stepper_made_in_inference_mode_goes_on_outside_of_it():
    for options in ({}, {"zoneout": 0.1}):
        layer = nn.GRU(3, 5, **options).eval()
        with torch.inference_mode():
            stepper = layer.stepper()
            stepper(torch.ones(1, 3))
        stepper(torch.ones(1, 3))
        with torch.no_grad():
            assert torch.equal(stepper.state, layer(torch.ones(2, 1, 3))[1])
        stepper.reset()


@torch.no_grad()
def test_a_step_that_fails_leaves_every_layer_where_it_was():
    torch.manual_seed(0)
    layer = nn.LSTM(3, 20, 2, peephole=True).eval()
    stepper = layer.stepper(2)
    stepper(torch.randn(2, 3))
    before = stepper.state
    layer.weight_hh_l1 = torch.nn.Parameter(torch.zeros(80, 19))
    with pytest.raises(RuntimeError):
        stepper(torch.randn(2, 3))
    assert all(map(torch.equal, parts(stepper.state), parts(before)))


@torch.no_grad()
def test_a_state_that_is_set_is_copied():
    torch.manual_seed(0)
    stepper = nn.GRU(3, 20, 2).eval().stepper(2)
    given = torch.randn(2, 2, 20)
    kept = given.clone()
    stepper.state = given
    stepper(torch.randn(2, 3))
    assert torch.equal(given, kept)
    given.zero_()
    assert stepper.state.count_nonzero() > 0
