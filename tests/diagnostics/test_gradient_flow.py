"""The instruments against closed forms, autograd on its own, and the layers' own output."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from sequela.diagnostics import (
    Flow,
    direct_path,
    gradient_flow,
    parameter_norms,
    recurrent_weights,
    verdict,
)
from sequela.diagnostics.unroll import unroll
from sequela.errors import ConfigError, DataError
from sequela.nn import GRU, LSTM, RNN

DOUBLE = {"dtype": torch.float64}
TIGHT = {"rtol": 1e-12, "atol": 1e-12}

LAYERS = {
    "rnn": lambda: RNN(3, 5, **DOUBLE),
    "relu": lambda: RNN(3, 5, nonlinearity="relu", **DOUBLE),
    "sigmoid, backwards": lambda: RNN(3, 5, nonlinearity="sigmoid", go_backwards=True, **DOUBLE),
    "lstm": lambda: LSTM(3, 5, num_layers=2, bidirectional=True, **DOUBLE),
    "lstm, all options": lambda: LSTM(
        3,
        5,
        num_layers=2,
        proj_size=4,
        peephole=True,
        layer_norm=True,
        zoneout=(0.1, 0.2),
        **DOUBLE,
    ),
    "lstm, summed": lambda: LSTM(
        3, 5, num_layers=2, bidirectional=True, merge="sum", batch_first=True, **DOUBLE
    ),
    "gru": lambda: GRU(3, 5, num_layers=2, batch_first=True, **DOUBLE),
    "gru before, no bias": lambda: GRU(3, 5, bias=False, reset_after=False, **DOUBLE),
    "gru, last step": lambda: GRU(3, 5, bidirectional=True, return_sequences=False, **DOUBLE),
}
TORCH = {
    "torch rnn": lambda: nn.RNN(3, 5, nonlinearity="relu", **DOUBLE),
    "torch lstm": lambda: nn.LSTM(3, 5, 2, bidirectional=True, batch_first=True, **DOUBLE),
    "torch projected": lambda: nn.LSTM(3, 5, proj_size=2, **DOUBLE),
    "torch gru": lambda: nn.GRU(3, 5, 2, **DOUBLE),
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", [*LAYERS, *TORCH])
def test_the_walk_gives_what_the_layer_gives(name: str):
    layer = {**LAYERS, **TORCH}[name]().eval()
    x = torch.randn(7, 4, 3, **DOUBLE)
    expected = layer(x)[0]
    torch.testing.assert_close(unroll(layer, x).output, expected, **TIGHT)


@pytest.mark.parametrize("name", LAYERS)
def test_the_walk_gives_what_the_layer_gives_with_lengths(name: str):
    layer = LAYERS[name]().eval()
    x = torch.randn(7, 7, 3, **DOUBLE)
    lengths = torch.tensor([3, 7, 1, 5, 2, 7, 6])
    expected = layer(x, lengths=lengths)[0]
    torch.testing.assert_close(unroll(layer, x, lengths).output, expected, **TIGHT)
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False, batch_first=layer.batch_first)
    again = gradient_flow(layer, packed)
    torch.testing.assert_close(
        again.h, gradient_flow(layer, x, lengths=lengths).h, equal_nan=True, **TIGHT
    )


def test_one_sequence_without_a_batch():
    layer = GRU(3, 5, **DOUBLE)
    x = torch.randn(6, 3, **DOUBLE)
    torch.testing.assert_close(unroll(layer, x).output, layer(x)[0], **TIGHT)
    flow = gradient_flow(layer, x, lambda output: output[-1].sum())
    torch.testing.assert_close(flow.h, gradient_flow(layer, x[:, None]).h, **TIGHT)


def test_an_rnn_flows_as_the_product_of_its_jacobians():
    layer = RNN(3, 5, **DOUBLE)
    x = torch.randn(9, 1, 3, **DOUBLE)
    h = layer(x)[0][:, 0].detach().numpy()
    w_hh = layer.weight_hh_l0.detach().numpy()
    dh, expected = np.ones(5), [math.sqrt(5)]
    for t in range(8, 0, -1):
        dh = w_hh.T @ ((1 - h[t] ** 2) * dh)
        expected.insert(0, float(np.linalg.norm(dh)))
    np.testing.assert_allclose(gradient_flow(layer, x).h[0, :, 0], expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["gru", "lstm, all options", "relu"])
def test_the_gradient_at_a_step_is_the_layers_own(name: str):
    # dL/dh_3 by the layer itself, as the initial state of the steps that follow.
    layer = LAYERS[name]().eval()
    time = 1 if layer.batch_first else 0
    x = torch.randn(8, 2, 3, **DOUBLE).movedim(0, time)
    before, after = x.split([3, 5], dim=time)
    state = layer(before)[1]
    state = state if isinstance(state, tuple) else (state,)
    state = tuple(part.detach().requires_grad_() for part in state)
    final = layer(after, state if len(state) > 1 else state[0])[1]
    final = final[0] if isinstance(final, tuple) else final
    wanted = torch.autograd.grad(final[-1].sum(), state)[0]
    # h_3 of a lower layer also reaches step 3 of the layer above, which is over here.
    torch.testing.assert_close(gradient_flow(layer, x).h[-1, 2], wanted[-1].norm(dim=-1), **TIGHT)


def test_the_gradient_at_c_comes_through_h_and_the_next_c():
    layer = LSTM(3, 5, return_all_states=True, **DOUBLE)
    x = torch.randn(8, 2, 3, **DOUBLE)
    states = layer(x[:3])[2]
    h, c = (part[:, -1].detach().requires_grad_() for part in (states.h, states.c))
    final = layer(x[3:], (h, c))[1][0]
    dh, dc = torch.autograd.grad(final.sum(), (h, c))
    wanted = dc + dh * states.o[:, -1] * (1 - c.tanh() ** 2)
    found = gradient_flow(layer, x).c
    assert found is not None
    torch.testing.assert_close(found[0, 2], wanted[0].norm(dim=-1), **TIGHT)


def _cut_lstm(layer: LSTM, x: Tensor) -> tuple[list[Tensor], Tensor]:
    """Every c of an LSTM whose gates read a detached h, and its forget gates."""
    h = x.new_zeros(x.shape[1], 5)
    c = x.new_zeros(x.shape[1], 5).requires_grad_()
    cells, gates = [], []
    for step in x:
        a = step @ layer.weight_ih_l0.T + layer.bias_ih_l0 + h @ layer.weight_hh_l0.T
        i, f, g, o = (a + layer.bias_hh_l0).detach().chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = (o.sigmoid() * c.tanh()).detach()
        cells.append(c)
        gates.append(f.sigmoid())
    return cells, torch.stack(gates)


def test_along_c_the_product_of_the_forget_gates_arrives_exactly():
    layer = LSTM(3, 5, return_all_states=True, **DOUBLE)
    x = torch.randn(30, 4, 3, **DOUBLE)
    cells, _ = _cut_lstm(layer, x)
    expected = torch.autograd.grad(cells[-1].sum(), cells)
    found = direct_path(layer(x)[2])
    torch.testing.assert_close(found[0], torch.stack(expected), rtol=1e-12, atol=0.0)
    assert (found[0, -1] == 1).all()
    assert found.min() < 1e-6  # the range in which it was tested


def test_the_path_through_h_is_more_than_the_direct_one():
    layer = LSTM(3, 5, return_all_states=True, **DOUBLE)
    x = torch.randn(10, 1, 3, **DOUBLE)
    whole = gradient_flow(layer, x, lambda output: output[-1].sum())
    states = layer(x)[2]
    last = states.c[0, -1].detach().tanh()
    along_c = direct_path(states)[0, :, 0] * (states.o[0, -1] * (1 - last**2))
    assert whole.c is not None
    torch.testing.assert_close(whole.c[0, -1], along_c[-1].norm()[None], **TIGHT)
    assert not torch.allclose(whole.c[0, :-1, 0], along_c[:-1].norm(dim=1))


def test_along_h_of_a_gru_the_product_of_the_update_gates_arrives():
    layer = GRU(3, 5, return_all_states=True, **DOUBLE)
    states = layer(torch.randn(12, 2, 3, **DOUBLE))[2]
    n, z = states.n[0].detach(), states.z[0].detach()
    h = torch.zeros(2, 5, **DOUBLE).requires_grad_()
    nodes = []
    for t in range(12):
        h = (1 - z[t]) * n[t] + z[t] * h
        nodes.append(h)
    torch.testing.assert_close(h, states.h[0, -1], **TIGHT)
    expected = torch.stack(torch.autograd.grad(h.sum(), nodes))
    torch.testing.assert_close(direct_path(states)[0], expected, rtol=1e-12, atol=0.0)


def test_the_direct_path_in_every_layout():
    options = {"return_all_states": True, **DOUBLE}
    layer = LSTM(3, 5, **options)
    x = torch.randn(6, 2, 3, **DOUBLE)
    path = direct_path(layer(x)[2])
    first = LSTM(3, 5, batch_first=True, **options)
    backwards = LSTM(3, 5, go_backwards=True, **options)
    first.load_state_dict(layer.state_dict())
    backwards.load_state_dict(layer.state_dict())
    turned = direct_path(first(x.transpose(0, 1))[2], batch_first=True)
    torch.testing.assert_close(turned.transpose(1, 2), path, **TIGHT)
    torch.testing.assert_close(direct_path(layer(x[:, 1])[2]), path[:, :, 1], **TIGHT)
    reverse = direct_path(backwards(x.flip(0))[2], reverse=True)
    torch.testing.assert_close(reverse.flip(1), path, **TIGHT)
    longer = torch.cat([x, torch.randn(3, 2, 3, **DOUBLE)])
    lengths = torch.tensor([6, 6])
    short = direct_path(layer(longer, lengths=lengths)[2], lengths=lengths)
    torch.testing.assert_close(short[:, :6], path, **TIGHT)
    assert (short[:, 6:] == 1).all()


def test_distances_are_counted_from_each_rows_last_step():
    layer = GRU(3, 5, **DOUBLE)
    x = torch.randn(6, 2, 3, **DOUBLE)
    lengths = torch.tensor([4, 6])
    flow = gradient_flow(layer, x, lengths=lengths)
    assert flow.h[0, 4:, 0].isnan().all()
    short, long = (gradient_flow(layer, x[:n, k : k + 1]) for k, n in enumerate(lengths.tolist()))
    near = (short.h[0, :, 0].flip(0) + long.h[0, 2:, 0].flip(0)) / 2
    torch.testing.assert_close(flow.by_distance()[0, :4], near, **TIGHT)
    torch.testing.assert_close(flow.by_distance()[0, 4:], long.h[0, :2, 0].flip(0), **TIGHT)
    backwards = GRU(3, 5, go_backwards=True, **DOUBLE)
    backwards.load_state_dict(layer.state_dict())
    again = gradient_flow(backwards, x.flip(0))
    torch.testing.assert_close(again.by_distance(), gradient_flow(layer, x).by_distance(), **TIGHT)
    assert again.reverse == (True,)


def test_what_vanishes_in_single_precision_is_seen():
    layer = RNN(2, 4)
    with torch.no_grad():
        layer.weight_hh_l0.mul_(0.3)
    flow = gradient_flow(layer, torch.randn(100, 1, 2))
    assert 0 < flow.h[0, 0, 0] < 1e-50


def test_measuring_changes_nothing():
    layer = LSTM(3, 5, num_layers=2, dropout=0.5, zoneout=0.2)
    x = torch.randn(7, 2, 3)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    random = torch.random.get_rng_state()
    with torch.no_grad():
        gradient_flow(layer, x)
    recurrent_weights(layer)
    assert layer.training
    assert x.grad is None
    assert all(parameter.grad is None for parameter in layer.parameters())
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), random)


def test_spectral_radius_and_norm():
    layer = RNN(2, 2)
    with torch.no_grad():
        # A shear: both eigenvalues are 1/2, and yet it stretches.
        layer.weight_hh_l0.copy_(torch.tensor([[0.5, 3.0], [0.0, 0.5]]))
    (found,) = recurrent_weights(layer)
    assert found[:2] == ("weight_hh_l0", "h")
    assert found.radius == pytest.approx(0.5, abs=1e-6)
    assert found.norm == pytest.approx((3 + math.sqrt(10)) / 2, rel=1e-9)
    names = [(row.name, row.gate) for row in recurrent_weights(nn.GRU(2, 3, bidirectional=True))]
    assert names == [(f"weight_hh_l0{end}", gate) for end in ("", "_reverse") for gate in "rzn"]
    projected = LSTM(2, 4, proj_size=3)
    block = projected.weight_hh_l0.double()[4:8] @ projected.weight_hr_l0.double()
    expected = torch.linalg.eigvals(block).abs().max().item()
    assert recurrent_weights(projected)[1].radius == pytest.approx(expected, rel=1e-9)
    with torch.no_grad():
        layer.weight_hh_l0[0, 0] = math.nan
    assert math.isnan(recurrent_weights(layer)[0].radius)


def test_norms_of_the_parameters():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1), nn.Linear(1, 1))
    for parameter, value in zip(model.parameters(), (3.0, 1.0, math.inf, 2.0), strict=False):
        parameter.grad = torch.full_like(parameter, value)
    rows = parameter_norms(model)
    assert [row.name for row in rows[:4]] == ["1.weight", "0.weight", "1.bias", "0.bias"]
    assert rows[1].gradient == pytest.approx(3 * math.sqrt(6))
    assert rows[0].gradient == math.inf
    assert all(math.isnan(row.gradient) for row in rows[4:])
    assert rows[1].weight == pytest.approx(model[0].weight.norm().item(), rel=1e-6)


def _flow(norms: list[float]) -> Flow:
    return Flow(("l0",), (False,), torch.tensor(norms, **DOUBLE)[None, :, None], None)


@pytest.mark.parametrize(
    ("norms", "words"),
    [
        ([1e-6, 1e-3, 1.0], "vanishes: x 1e-06 over 2 steps, x 0.001 a step"),
        ([1e6, 1e3, 1.0], "explodes: x 1e+06 over 2 steps, x 1e+03 a step"),
        ([0.25, 0.5, 1.0], "flows: x 0.25 over 2 steps, x 0.5 a step"),
        ([0.0, 0.5, 1.0], "vanishes: nothing is left 2 steps back"),
        ([math.inf, 0.5, 1.0], "explodes: the gradient is not finite"),
        ([1.0], "one step: nothing flows through time"),
        ([1.0, 0.0], "no gradient arrives at the last step: the loss does not depend on it"),
    ],
)
def test_the_verdict_in_words(norms: list[float], words: str):
    assert verdict(_flow(norms)) == words


def test_the_verdict_on_an_lstm_is_about_c():
    norms = torch.tensor([1e-6, 1.0], **DOUBLE)[None, :, None]
    flow = Flow(("l0",), (False,), norms, torch.ones_like(norms))
    assert verdict(flow) == "flows: x 1 over 1 steps, x 1 a step"


def test_the_verdict_names_the_layers():
    words = verdict(gradient_flow(LSTM(3, 5, num_layers=2), torch.randn(5, 2, 3)))
    assert words.startswith("l0 flows")
    assert "; l1 flows" in words


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="wanted an RNN, LSTM or GRU"):
        gradient_flow(nn.Linear(3, 3), torch.randn(5, 2, 3))
    with pytest.raises(ConfigError, match="no gate that holds its state"):
        direct_path(RNN(3, 5, return_all_states=True)(torch.randn(5, 2, 3))[2])
    with pytest.raises(ConfigError, match="only an LSTM has c"):
        gradient_flow(GRU(3, 5), torch.randn(5, 2, 3)).by_distance("c")
    for x in (torch.randn(5, 2, 4), torch.randn(0, 2, 3), torch.randn(5, 0, 3)):
        with pytest.raises(DataError, match="steps of width 3"):
            gradient_flow(GRU(3, 5), x)
    for lengths in ([1, 6], [0, 5], [5]):
        with pytest.raises(DataError, match="lengths"):
            gradient_flow(GRU(3, 5), torch.randn(5, 2, 3), lengths=torch.tensor(lengths))
    with pytest.raises(DataError, match="scalar tensor that depends on the output"):
        gradient_flow(GRU(3, 5), torch.randn(5, 2, 3), lambda output: torch.tensor(1.0))
