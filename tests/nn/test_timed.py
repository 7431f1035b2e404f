"""Layers whose state changes between the steps: equations, rows that end, a state to go on with."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import gru, lstm, weights
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from sequela.errors import DataError
from sequela.nn import DecayedValues, DecayGRU, TimeLSTM
from sequela.nn.timed import discount
from sequela.ops.native import library

B, T, D, H, K = 4, 5, 3, 2, 2
LENGTHS = torch.tensor([3, 5, 1, 3])


def layer_of(kind: str):
    torch.manual_seed(0)
    layer = DecayGRU(D, H, K) if kind == "gru" else TimeLSTM(D, H)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    return layer.double()


def packed(x):
    return pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)


def data(kind: str):
    torch.manual_seed(1)
    x = torch.randn(B, T, D).double()
    beside = torch.rand(B, T, K if kind == "gru" else 1).double()
    first = tuple(torch.randn(B, H).double() for _ in range(1 if kind == "gru" else 2))
    return x, beside, first


def call(layer, kind, steps, beside, first):
    if kind == "gru":
        output, h = layer(steps, beside, first[0])
        return output, (h,)
    return layer(steps, beside[:, 0], first)


def by_hand(layer, kind, x, beside, state):
    own, found = layer.state_dict(), []
    for step, more in zip(x, beside, strict=True):
        if kind == "gru":
            rate = own["rate.weight"] @ more + own["rate.bias"]
            factor = torch.exp(-torch.clamp(rate, min=0))
            state = (gru(weights(own, "cell"), step, factor * state[0], reset_after=False),)
        else:
            h, c = state
            short = torch.tanh(own["short.weight"] @ c + own["short.bias"])
            state = lstm(weights(own, "cell"), step, h, c - short + more[0] * short)
        found.append(state[0])
    return torch.stack(found), state


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_every_row_equals_its_equations_and_ends_where_it_ends(kind):
    layer, (x, beside, first) = layer_of(kind), data(kind)
    output, last = call(layer, kind, packed(x), packed(beside).data, first)
    wanted = [
        by_hand(layer, kind, x[b, :n], beside[b, :n], tuple(part[b] for part in first))
        for b, n in enumerate(LENGTHS.tolist())
    ]
    padded, _ = torch.nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
    for row, (states, end) in enumerate(wanted):
        torch.testing.assert_close(padded[row, : len(states)], states)
        for part, of_row in zip(last, end, strict=True):
            torch.testing.assert_close(part[row], of_row)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_in_pieces_with_the_state_carried_it_is_one_pass(kind):
    layer, (x, beside, state) = layer_of(kind), data(kind)
    steps, gaps = packed(x), packed(beside).data
    with torch.no_grad():
        whole, end = call(layer, kind, steps, gaps, state)
        found, begin = [], 0
        for sizes in steps.batch_sizes.split(2):
            stop = begin + int(sizes.sum())
            piece = PackedSequence(steps.data[begin:stop], sizes, *steps[2:])
            output, state = call(layer, kind, piece, gaps[begin:stop], state)
            found.append(output.data)
            begin = stop
    near = {} if library() is None else {"rtol": 0, "atol": 0}
    torch.testing.assert_close(torch.cat(found), whole.data, **near)
    torch.testing.assert_close(tuple(state), tuple(end), **near)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_a_batch_of_empty_rows_keeps_its_states(kind):
    layer, (_, _, first) = layer_of(kind), data(kind)
    order = torch.arange(B)
    none = PackedSequence(torch.zeros(0, D).double(), order[:0], order, order)
    output, last = call(layer, kind, none, torch.zeros(0, K).double(), first)
    assert output.data.shape == (0, H)
    assert all(torch.equal(a, b) for a, b in zip(last, first, strict=True))


def test_discount_falls_slowly_from_one():
    days = torch.tensor([0.0, 1.0, 30.0, 4000.0]).double()
    torch.testing.assert_close(discount(torch.log1p(days)), 1 / torch.log(torch.e + days))
    assert discount(torch.zeros(1)).item() == pytest.approx(1.0, abs=1e-6)


def test_mistakes():
    layer, (x, beside, _) = layer_of("gru"), data("gru")
    with pytest.raises(DataError, match="the initial state"):
        layer(packed(x), packed(beside).data, torch.zeros(B, H + 1))
    with pytest.raises(DataError, match="beside the steps"):
        layer(packed(x), packed(beside).data[1:])
    with pytest.raises(ValueError, match="at least one"):
        DecayedValues(0)
