"""Wiring apart from rounding: weights for which an output far down the sequence is a whole number.

The idea is that of oneDNN's benchdnn, which tests recurrent layers with linear gates. Here large
biases drive the gates to exactly 0 and 1, so that what is left is a chain of copies and sums of
small whole numbers, exact in float32: a unit taken from the wrong row, a gate in the wrong place or
a step out of order shows as a number that is plainly another one, and no tolerance hides it.
"""

from __future__ import annotations

import pytest
import torch

from sequela.cells import CellWeights
from sequela.ops import force, run
from sequela.ops.native import library

H = 37
OPEN = 1000.0  # sigma is 1 here and 0 at -1000, to the last bit of float64
BACKENDS = ["reference", "aten", "native"]
STEPS = [40, 40, 25, 9, 1, 0]


def compute(backend, cell, data, initial, weights, sizes, reverse=False):
    if backend == "native" and library() is None:
        pytest.skip("the native library is not built here")
    if backend == "aten" and cell == "gru_before":
        pytest.skip("torch has no such cell")
    with force(backend), torch.no_grad():
        return run(cell, data, sizes, initial, weights, reverse=reverse)


def packed(rows):
    """Rows ``[length, D]`` of one batch, longest first, as time-major data and batch sizes."""
    sizes = [sum(len(row) > t for row in rows) for t in range(max(map(len, rows)))]
    return torch.stack([rows[b][t] for t, size in enumerate(sizes) for b in range(size)]), sizes


def unpacked(output, sizes, b):
    offsets = [0, *torch.tensor(sizes).cumsum(0).tolist()]
    return torch.stack([output[offsets[t] + b] for t in range(len(sizes)) if sizes[t] > b])


def rows_of_numbers(dtype):
    generator = torch.Generator().manual_seed(5)
    return [torch.randint(-3, 4, (n, H), generator=generator).to(dtype) for n in STEPS]


both_types = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["32", "64"])
backends = pytest.mark.parametrize("backend", BACKENDS)
directions = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])


def shift(dtype):
    """The matrix that moves unit k to unit k + 1, the last to the first."""
    return torch.roll(torch.eye(H, dtype=dtype), 1, 0)


@directions
@both_types
@backends
def test_a_relu_layer_counts(backend, dtype, reverse):
    # h_t[k] = x_t[k] + h_(t-1)[k-1] with x >= 0: a sum along a diagonal.
    rows = [row.abs() for row in rows_of_numbers(dtype)]
    data, sizes = packed(rows)
    weights = CellWeights(torch.eye(H, dtype=dtype), shift(dtype))
    initial = torch.arange(len(rows) * H, dtype=dtype).view(len(rows), H)
    result = compute(backend, "rnn_relu", data, (initial,), weights, sizes, reverse)
    for b, row in enumerate(rows):
        h, wanted = initial[b], torch.zeros_like(row)
        for t in reversed(range(len(row))) if reverse else range(len(row)):
            h = row[t] + torch.roll(h, 1)
            wanted[t] = h
        if len(row):
            assert torch.equal(unpacked(result.output, sizes, b), wanted)
        assert torch.equal(result.final[0][b], h)


def blocks(count, dtype, **given):
    """A weight of ``count`` gates from the blocks that are not zero."""
    weight = torch.zeros(count, H, H, dtype=dtype)
    for gate, block in given.items():
        weight[int(gate[1:])] = block
    return weight.view(count * H, H)


@directions
@both_types
@backends
def test_an_lstm_is_a_counter(backend, dtype, reverse):
    # i = f = 1, g = +-1 from a large input: c counts the steps, each unit up or down.
    rows = [torch.sign(row + 0.5) for row in rows_of_numbers(dtype)]
    data, sizes = packed(rows)
    bias = torch.zeros(4, H, dtype=dtype)
    bias[0] = bias[1] = bias[3] = OPEN
    w_ih = blocks(4, dtype, g2=OPEN * torch.eye(H, dtype=dtype))
    weights = CellWeights(
        w_ih, torch.zeros_like(w_ih), bias.flatten(), torch.zeros(4 * H).to(dtype)
    )
    start = torch.arange(H, dtype=dtype).expand(len(rows), H).contiguous()
    initial = (torch.zeros_like(start), start)
    result = compute(backend, "lstm", data, initial, weights, sizes, reverse)
    for b, row in enumerate(rows):
        assert torch.equal(result.final[1][b], start[b] + row.sum(0))


@pytest.mark.parametrize("closed", ["i", "f", "o"])
@both_types
@backends
def test_each_gate_of_an_lstm_closes_what_it_should(backend, dtype, closed):
    data, sizes = packed([torch.ones(n, H, dtype=dtype) for n in STEPS])
    bias = torch.zeros(4, H, dtype=dtype)
    for gate, place in (("i", 0), ("f", 1), ("o", 3)):
        bias[place] = -OPEN if gate == closed else OPEN
    w_ih = blocks(4, dtype, g2=OPEN * torch.eye(H, dtype=dtype))
    weights = CellWeights(
        w_ih, torch.zeros_like(w_ih), bias.flatten(), torch.zeros(4 * H).to(dtype)
    )
    start = torch.full((len(STEPS), H), 7.0, dtype=dtype)
    initial = (torch.zeros_like(start), start)
    h, c = compute(backend, "lstm", data, initial, weights, sizes).final
    for b, n in enumerate(STEPS):
        counted = {"i": 7.0, "f": 1.0 if n else 7.0, "o": 7.0 + n}[closed]
        assert (c[b] == counted).all()
        assert not n or closed != "o" or not h[b].any()


@directions
@pytest.mark.parametrize("cell", ["gru_after", "gru_before"])
@both_types
@backends
def test_a_gru_keeps_what_its_update_gate_keeps(backend, cell, dtype, reverse):
    # Unit k of h copies sign(x) at the steps where x says so, and holds it otherwise.
    generator = torch.Generator().manual_seed(6)
    rows = []
    for n in STEPS:
        sign = torch.randint(0, 2, (n, H), generator=generator) * 2 - 1
        write = torch.randint(0, 4, (n, H), generator=generator) == 0
        rows.append(torch.cat([sign, torch.where(write, -1, 1)], 1).to(dtype))
    data, sizes = packed(rows)
    w_ih = torch.zeros(3, H, 2 * H, dtype=dtype)
    w_ih[2, :, :H] = w_ih[1, :, H:] = OPEN * torch.eye(H, dtype=dtype)
    weights = CellWeights(w_ih.view(3 * H, 2 * H), torch.zeros(3 * H, H, dtype=dtype))
    initial = torch.full((len(rows), H), 0.5, dtype=dtype)
    result = compute(backend, cell, data, (initial,), weights, sizes, reverse)
    for b, row in enumerate(rows):
        h = initial[b]
        for t in reversed(range(len(row))) if reverse else range(len(row)):
            h = torch.where(row[t, H:] < 0, row[t, :H], h)
        assert torch.equal(result.final[0][b], h)


@pytest.mark.parametrize("cell", ["gru_after", "gru_before"])
@both_types
@backends
def test_the_reset_gate_stands_where_the_form_says(backend, cell, dtype):
    # z = 0, n = tanh(...): with r = 0 the product is gone, but its bias stays in the form "before".
    data = torch.zeros(1, H, dtype=dtype)
    bias = torch.zeros(3, H, dtype=dtype)
    bias[0] = bias[1] = -OPEN
    b_hh = torch.zeros(3, H, dtype=dtype)
    b_hh[2] = OPEN
    w_hh = blocks(3, dtype, g2=OPEN * torch.eye(H, dtype=dtype))
    weights = CellWeights(torch.zeros_like(w_hh), w_hh, bias.flatten(), b_hh.flatten())
    initial = torch.full((1, H), -3.0, dtype=dtype)
    result = compute(backend, cell, data, (initial,), weights, [1])
    assert (result.output == (1.0 if cell == "gru_before" else 0.0)).all()


@both_types
@backends
def test_the_gradient_of_a_counting_layer_counts(backend, dtype):
    # relu in its linear part: dL/dx_t[k] is how often x_t[k] reaches an output.
    if backend == "native" and library() is None:
        pytest.skip("the native library is not built here")
    rows = [torch.ones(n, H, dtype=dtype) for n in STEPS]
    data, sizes = packed(rows)
    data = data.requires_grad_()
    w_ih = torch.eye(H, dtype=dtype).requires_grad_()
    w_hh = shift(dtype).requires_grad_()
    initial = torch.ones(len(rows), H, dtype=dtype).requires_grad_()
    with force(backend):
        result = run("rnn_relu", data, sizes, (initial,), CellWeights(w_ih, w_hh))
        of_x, of_h, of_w_hh = torch.autograd.grad(result.output.sum(), [data, initial, w_hh])
    for b, n in enumerate(STEPS):
        left = torch.arange(n, 0, -1, dtype=dtype)
        if n:
            assert torch.equal(unpacked(of_x, sizes, b), left[:, None].expand(n, H))
        assert (of_h[b] == n).all()
    # dL/dw_hh[j, k] = sum over rows and steps of (outputs still to come) * (h before the step).
    total = sum((n - t) * (t + 1) for n in STEPS for t in range(n))
    assert (of_w_hh == total).all()
