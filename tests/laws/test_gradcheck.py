"""Every gradient by finite differences: cells, options, directions, lengths, masks, resets.

The default tier takes every tenth case and compares one random projection of the Jacobian
(``fast_mode``); the long tier compares every element of it in every case.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from tests.laws.cases import CELLS as LAYERS
from tests.tolerances import GRADCHECK
from torch.autograd import gradcheck

from sequela import nn
from sequela.cells import CELLS, CellWeights
from sequela.ops import run

D, H, P = 2, 3, 2
# The options of a cell, and what is drawn for a call: zoneout and recurrent dropout, masks fixed.
CELL_OPTIONS = [(cell, option) for cell in CELLS for option in ("plain", "norm")] + [
    ("lstm", "peephole"),
    ("lstm", "projection"),
    ("lstm", "projection peephole norm"),
]
DRAWN = ("nothing", "dropout", "zoneout", "zoneout in evaluation", "dropout and zoneout")
# Batch sizes; one row more than the first of them, so that a row of length 0 is always there.
SIZES = {"one step": [1], "ragged": [2, 2, 1], "no steps": []}


class Operator(NamedTuple):
    """One call of the operator; ``through`` says by which results the gradient arrives."""

    cell: str
    option: str
    drawn: str
    reverse: bool
    sizes: str
    through: str


class Layer(NamedTuple):
    """One call of a layer with what makes its rows ragged."""

    cell: str
    ragged: str
    direction: str


def operators():
    for cell, option in CELL_OPTIONS:
        for drawn in DRAWN:
            for sizes in SIZES:
                for reverse in (False, True):
                    yield Operator(cell, option, drawn, reverse, sizes, "everything")
        for through in ("output", "h_n", "c_n"):
            if cell == "lstm" or through != "c_n":
                for reverse in (False, True):
                    yield Operator(cell, option, "nothing", reverse, "ragged", through)


def layers():
    for cell in LAYERS:
        for ragged in ("lengths", "mask", "reset", "lengths mask reset"):
            for direction in ("forward", "bidirectional", "go_backwards"):
                yield Layer(cell, ragged, direction)


CASES: list[Any] = [*operators(), *layers()]
SPREAD = CASES[::11]


def name(case):
    return "-".join(str(part) for part in case).replace(" ", "_")


def drawer(seed):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)

    def flags(*shape):
        return torch.randint(0, 2, shape, generator=generator).double()

    return draw, flags


def operator_call(case):
    """The function of all leaves, and the leaves."""
    draw, flags = drawer(1)
    sizes, cell = SIZES[case.sizes], CELLS[case.cell]
    batch, steps = (sizes[0] if sizes else 0) + 1, sum(sizes)
    width = P if "projection" in case.option else H
    rows = cell.gate_count * H
    fields = {"w_ih": (rows, D), "w_hh": (rows, width), "b_ih": (rows,), "b_hh": (rows,)}
    if "projection" in case.option:
        fields["w_hr"] = (P, H)
    if "peephole" in case.option:
        fields["w_peephole"] = (3, H)
    if "norm" in case.option:
        fields |= {"norm_ih": (rows,), "norm_hh": (rows,)}
        fields |= {"norm_c": (H,), "norm_c_bias": (H,)} if case.cell == "lstm" else {}
    widths = {"h": width, "c": H}
    state = [draw(batch, widths[part]) for part in cell.state._fields]
    leaves = [draw(steps, D), *state, *(draw(*shape) for shape in fields.values())]
    mask = flags(batch, width) * 2 if "dropout" in case.drawn else None
    keep: list[Any] = []
    if "zoneout" in case.drawn:
        keep = [flags(steps, widths[part]) for part in cell.state._fields]
    if case.drawn == "zoneout in evaluation":
        keep = [0.3, 0.1][: len(state)]

    def call(data, *given):
        weights = CellWeights(**dict(zip(fields, given[len(state) :], strict=True)))
        result = run(
            case.cell,
            data,
            sizes,
            given[: len(state)],
            weights,
            reverse=case.reverse,
            mask=mask,
            keep=keep,
        )
        taken = {"output": (result.output,), "h_n": result.final[:1], "c_n": result.final[1:]}
        return taken.get(case.through, (result.output, *result.final))

    return call, leaves


def layer_call(case):
    draw, flags = drawer(2)
    kind, options = LAYERS[case.cell]
    direction = {} if case.direction == "forward" else {case.direction: True}
    layer = kind(D, H, dtype=torch.float64, **options, **direction).eval()
    directions = 2 if layer.bidirectional else 1
    widths = [layer.proj_size or H, H][: 2 if kind is nn.LSTM else 1]
    leaves = [draw(3, 3, D), *(draw(directions, 3, width) for width in widths)]
    torch.manual_seed(3)
    names = list(dict(layer.named_parameters()))
    leaves += [draw(*getattr(layer, each).shape) for each in names]
    given: dict[str, Any] = {}
    if "lengths" in case.ragged:
        given["lengths"] = [2, 0, 3]
    if "mask" in case.ragged:
        given["mask"] = flags(3, 3).bool()
    if "reset" in case.ragged:
        given["reset"] = flags(3, 3).bool()

    def call(x, *rest):
        hx, weights = rest[: len(widths)], dict(zip(names, rest[len(widths) :], strict=True))
        hx = hx if kind is nn.LSTM else hx[0]
        # Parameters given from outside, without functorch: its transforms take another way.
        for each, weight in weights.items():
            layer._parameters[each] = weight
        output, final = layer(x, hx, **given)
        return (output, *final) if kind is nn.LSTM else (output, final)

    return call, leaves


def check(case, **options):
    call, leaves = operator_call(case) if isinstance(case, Operator) else layer_call(case)
    assert gradcheck(call, leaves, **GRADCHECK, **options)


@pytest.mark.parametrize("case", SPREAD, ids=name)
def test_a_spread_of_cases(case):
    check(case, fast_mode=True)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=name)
def test_all_cases(case):
    check(case)


def test_there_are_enough_cases():
    assert len(set(CASES)) == len(CASES) >= 500
    assert len(SPREAD) >= 50
    # Every value of every axis is in the default tier as well.
    for kind, axes in ((Operator, Operator._fields), (Layer, Layer._fields)):
        for axis in axes:
            values = [
                {getattr(c, axis) for c in some if isinstance(c, kind)} for some in (CASES, SPREAD)
            ]
            assert values[0] == values[1], (axis, values[0] - values[1])
