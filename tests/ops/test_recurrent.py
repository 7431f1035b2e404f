"""The operator: both backends, ragged rows, gradients, aliasing, and calls that do not fit."""

from __future__ import annotations

import pytest
import torch
from tests.tolerances import GRADCHECK, REFERENCE

from sequela import nn
from sequela.cells import CELLS, CellWeights, input_product, zoneout
from sequela.ops import force, run
from sequela.ops.step import run_step

D, H = 2, 3
SIZES = {
    "dense": [4, 4, 4],
    "ragged": [4, 3, 3, 1],
    "empty rows": [2, 1],
    "zeros behind": [3, 2, 0, 0],
    "one row": [1, 1, 1, 1, 1],
}
ATEN = ("rnn_tanh", "rnn_relu", "lstm", "gru_after")


def example(cell, sizes, width=H, bias=True):
    generator = torch.Generator().manual_seed(3)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)

    rows = CELLS[cell].gate_count * H
    biases = (draw(rows), draw(rows)) if bias else (None, None)
    weights = CellWeights(draw(rows, D), draw(rows, width), *biases)
    if width != H:
        weights = weights._replace(w_hr=draw(width, H))
    initial = (draw(4, width), draw(4, H))[: len(CELLS[cell].state._fields)]
    return draw(sum(sizes), D), torch.tensor(sizes), initial, weights


def leaves(data, initial, weights):
    return [data, *initial, *(weight for weight in weights if weight is not None)]


def gradients(result, inputs, seed=0):
    generator = torch.Generator().manual_seed(seed)
    outputs = [result.output, *result.final]
    chosen = [torch.randn(o.shape, generator=generator, dtype=o.dtype) for o in outputs]
    return torch.autograd.grad(outputs, inputs, chosen, retain_graph=True)


def row_by_row(cell, data, sizes, initial, weights, reverse, mask=None, keep=None):
    """Each row on its own, one step after the other: the meaning of raggedness and direction."""
    output = torch.zeros(data.shape[0], weights.w_hh.shape[1], dtype=data.dtype)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)])
    finals = []
    for b in range(initial[0].shape[0]):
        state = CELLS[cell].state(*(part[b : b + 1] for part in initial))
        steps = [int(offsets[t]) + b for t in range(len(sizes)) if sizes[t] > b]
        for n in reversed(steps) if reverse else steps:
            a_ih = input_product(data[n : n + 1], weights)
            row_mask = None if mask is None else mask[b : b + 1]
            new, _ = CELLS[cell].step(a_ih, state, weights, row_mask)
            if keep is not None:
                new = [zoneout(*pair, k[n]) for *pair, k in zip(new, state, keep, strict=True)]
            state = CELLS[cell].state(*new)
            output = output.index_copy(0, torch.tensor([n]), state.h)
        finals.append(state)
    return output, [torch.cat(parts) for parts in zip(*finals, strict=True)]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("cell", CELLS)
def test_the_reference_is_every_row_on_its_own(cell, kind, reverse):
    data, sizes, initial, weights = example(cell, SIZES[kind])
    generator = torch.Generator().manual_seed(1)
    masks = {
        "mask": torch.randint(2, initial[0].shape, generator=generator).double() * 2,
        "keep": [torch.randint(2, (len(data), H), generator=generator).double() for _ in initial],
    }
    for given in ({}, masks):
        with force("reference"):
            result = run(cell, data, sizes, initial, weights, reverse=reverse, **given)
        output, final = row_by_row(cell, data, sizes, initial, weights, reverse, **given)
        torch.testing.assert_close(result.output, output, **REFERENCE)
        for got, wanted in zip(result.final, final, strict=True):
            torch.testing.assert_close(got, wanted, **REFERENCE)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("cell", [*ATEN, "lstm projected"])
def test_aten_equals_the_reference_with_all_gradients(cell, kind, reverse):
    cell, _, projected = cell.partition(" ")
    for bias in (True, False):
        data, sizes, initial, weights = example(
            cell, SIZES[kind], width=2 if projected else H, bias=bias
        )
        results, given = [], leaves(data, initial, weights)
        for backend in ("reference", "aten"):
            with force(backend):
                results.append(run(cell, data, sizes, initial, weights, reverse=reverse))
        reference, aten = results
        torch.testing.assert_close(aten, reference, **REFERENCE)
        for got, wanted in zip(gradients(aten, given), gradients(reference, given), strict=True):
            torch.testing.assert_close(got, wanted, **REFERENCE)


@pytest.mark.parametrize("cell", ["rnn_tanh", "lstm", "gru_after", "gru_before"])
def test_gradcheck_of_ragged_rows(cell):
    data, sizes, initial, weights = example(cell, [3, 2])

    def layer(data, *rest):
        states, given = rest[: len(initial)], rest[len(initial) :]
        result = run(cell, data, sizes, states, CellWeights(*given), reverse=True)
        return (result.output, *result.final)

    given = (data, *initial, *weights[:4])
    assert torch.autograd.gradcheck(layer, given, **GRADCHECK)


@pytest.mark.parametrize("backend", ["reference", "aten"])
def test_gradients_only_through_the_final_states(backend):
    data, sizes, initial, weights = example("lstm", [3, 2])
    inputs = leaves(data, initial, weights)
    with force(backend):
        result = run("lstm", data, sizes, initial, weights)
    _, final = row_by_row("lstm", data, sizes, initial, weights, reverse=False)
    for part in (0, 1):
        got = torch.autograd.grad(result.final[part].sum(), inputs, retain_graph=True)
        wanted = torch.autograd.grad(final[part].sum(), inputs, retain_graph=True)
        for one, other in zip(got, wanted, strict=True):
            torch.testing.assert_close(one, other, **REFERENCE)
    # Row 3 has no step: its initial state is its final one.
    assert torch.equal(result.final[1][3], initial[1][3])


@pytest.mark.parametrize("sizes", [[], [0, 0], [2, 1], [4, 4]])
@pytest.mark.parametrize("backend", ["reference", "aten"])
def test_nothing_aliases(backend, sizes):
    data, sizes, initial, weights = example("lstm", sizes)
    with force(backend), torch.no_grad():
        result = run("lstm", data, sizes, initial, weights)
    parts = [result.output, *result.final, data, *initial]
    addresses = [part.untyped_storage().data_ptr() for part in parts if part.numel()]
    assert len(set(addresses)) == len(addresses)


def test_every_state_and_gate():
    for cell in CELLS:
        data, sizes, initial, weights = example(cell, SIZES["ragged"])
        result = run(cell, data, sizes, initial, weights, everything=True)
        names = (*CELLS[cell].state._fields, *CELLS[cell].gates._fields)
        assert tuple(result.everything) == names
        assert torch.equal(result.everything["h"], result.output)
        if cell == "lstm":
            c, o = result.everything["c"], result.everything["o"]
            torch.testing.assert_close(o * c.tanh(), result.output, **REFERENCE)
            assert torch.equal(c[-1], result.final[1][0])
        empty = run(cell, data[:0], sizes[:0], initial, weights, everything=True)
        assert tuple(empty.everything) == names
        assert all(value.shape == (0, H) for value in empty.everything.values())


def bad_calls():
    lstm = example("lstm", [3, 2])
    data, sizes, initial, weights = lstm
    yield "unknown cell", ("gru", *lstm), {}
    yield "must not increase", ("lstm", data, torch.tensor([2, 3]), initial, weights), {}
    yield "negative", ("lstm", data, torch.tensor([5, -1]), initial, weights), {}
    yield "batch_sizes sum to 4", ("lstm", data, torch.tensor([3, 1]), initial, weights), {}
    yield "has 4 rows", ("lstm", data, torch.tensor([5]), initial, weights), {}
    yield "data must have shape", ("lstm", data[:, :1], sizes, initial, weights), {}
    yield "got 1 tensors", ("lstm", data, sizes, initial[:1], weights), {}
    yield "initial c must have", ("lstm", data, sizes, (initial[0], initial[0][:2]), weights), {}
    yield "must be torch.float64", (
        "lstm", data, sizes, (initial[0], initial[1].float()), weights
    ), {}  # fmt: skip
    yield "mask must have shape", ("lstm", *lstm[:4]), {"mask": data}
    yield "one entry for each", ("lstm", *lstm[:4]), {"keep": (0.1,)}
    yield "keep of c must have", ("lstm", *lstm[:4]), {"keep": (0.1, data)}
    for field, wrong in (
        ("w_ih", torch.zeros(5, D)),
        ("w_hh", torch.zeros(12, 4)),
        ("w_hh", torch.zeros(12)),
        ("b_ih", torch.zeros(3)),
        ("b_hh", None),
        ("w_hr", torch.zeros(2, 9)),
        ("w_peephole", torch.zeros(4, H)),
        ("norm_c", torch.zeros(4)),
        ("b_ih", torch.zeros(12, dtype=torch.float32)),
    ):
        wrong = wrong if wrong is None or field == "b_ih" else wrong.double()
        changed = weights._replace(**{field: wrong})
        yield f"({field}|b_ih and b_hh)", ("lstm", data, sizes, initial, changed), {}


@pytest.mark.parametrize("backend", ["reference", "aten"])
def test_calls_that_do_not_fit(backend):
    for phrase, given, options in bad_calls():
        with force(backend), pytest.raises(RuntimeError, match=phrase):
            run(*given, **options)


def test_a_single_step():
    for cell in CELLS:
        data, _, initial, weights = example(cell, [4])
        wanted = run(cell, data, torch.tensor([4]), initial, weights).final
        for backend in ("reference", "aten") if cell in ATEN else ("reference",):
            with force(backend):
                got = run_step(cell, data, initial, weights)
            torch.testing.assert_close(got, wanted, **REFERENCE)
        with pytest.raises(RuntimeError, match="weights are for input size 2"):
            run_step(cell, data[:, :1], initial, weights)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_batch_sizes_may_be_a_list(sizes):
    data, tensor, initial, weights = example("lstm", sizes)
    listed = run("lstm", data, sizes, initial, weights)
    given = run("lstm", data, tensor, initial, weights)
    assert torch.equal(listed.output, given.output)
    assert all(map(torch.equal, listed.final, given.final))
    with pytest.raises(RuntimeError, match="must not increase"):
        run("lstm", data, [1, 2], initial, weights)


def test_a_list_of_batch_sizes_is_left_as_it_is():
    sizes = [3, 2, 0, 0]
    data, _, initial, weights = example("gru_after", sizes)
    run("gru_after", data, sizes, initial, weights)
    assert sizes == [3, 2, 0, 0]


@pytest.mark.parametrize("through", ["output", "h_n"])
def test_every_weight_has_a_gradient_where_all_rows_are_empty(through):
    # Processes that train together (DistributedDataParallel) wait for the gradient of each.
    layer = nn.LSTM(2, 5, 2, bidirectional=True, proj_size=3, peephole=True, layer_norm=True)
    x, state = torch.zeros(4, 2, 2, requires_grad=True), torch.full((4, 2, 3), -0.0)
    state.requires_grad_()
    output, (h_n, _) = layer(x, (state, torch.ones(4, 2, 5)), lengths=[0, 0])
    assert torch.equal(torch.signbit(h_n), torch.ones(4, 2, 3, dtype=torch.bool))
    (output if through == "output" else h_n).sum().backward()
    for part in (x, *layer.parameters()):
        assert part.grad is not None
        assert not part.grad.any()
    if through == "h_n":
        assert torch.equal(state.grad, torch.ones(4, 2, 3))


@pytest.mark.parametrize("cell", CELLS)
def test_masks_may_have_gradients(cell):
    # To the kernels they are constants: such a call is not theirs.
    data, _, initial, weights = example(cell, SIZES["ragged"])
    mask, keep = torch.rand_like(initial[0]), torch.rand(len(data), H, dtype=data.dtype)
    given = [part.requires_grad_() for part in (mask, keep)]
    found = []
    for backend in (None, "reference"):
        with force(backend):
            result = run(
                cell,
                data,
                SIZES["ragged"],
                initial,
                weights,
                mask=mask,
                keep=[keep, *[None] * (len(initial) - 1)],
            )
        found.append(torch.autograd.grad(result.output.square().sum(), given))
    torch.testing.assert_close(found[0], found[1], **REFERENCE)
    assert all(part.any() for part in found[0])
