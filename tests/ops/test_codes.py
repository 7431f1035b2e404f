"""The input product of visits code by code, and layers to which it is given."""

from __future__ import annotations

import pytest
import torch
from tests.tolerances import GRADCHECK
from torch.nn import functional

from sequela import ops
from sequela.cells import CELLS, CellWeights
from sequela.errors import ConfigError
from sequela.ops.codes import code_products, held_products
from sequela.ops.native import library
from sequela.ops.recurrent import run

DOUBLE = torch.float64
SIZES = (3, 2, 2)
native = pytest.mark.skipif(library() is None, reason="the native library is not built here")


def visits(values=2, dtype=DOUBLE):
    """A table of six codes of width 4, weights for 5 outputs, and four visits; one has no code."""
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(6, 4, generator=generator, dtype=DOUBLE).to(dtype)
    weight = torch.randn(5, 4 + values, generator=generator, dtype=DOUBLE).to(dtype)
    numbers = torch.randn(4, values, generator=generator, dtype=DOUBLE).to(dtype)
    return table, weight, torch.tensor([5, 0, 3, 5, 5, 1]), torch.tensor([0, 3, 3, 4]), numbers


@pytest.fixture(params=["every code", "those that are there"])
def either(request, monkeypatch):
    monkeypatch.setattr(ops.codes, "_FEW", 128 if request.param == "every code" else 0)


@native
@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("values", [0, 2])
def test_the_product_of_visits(values):
    table, weight, codes, offsets, numbers = visits(values)
    summed = functional.embedding_bag(codes, table, offsets, mode="sum")
    wanted = torch.cat([summed, numbers], 1) @ weight.T
    torch.testing.assert_close(code_products(table, weight, codes, offsets, numbers), wanted)
    nobody = code_products(table, weight, codes[:0], offsets[:0], numbers[:0])
    assert nobody.shape == (0, 5)


@native
@pytest.mark.usefixtures("either")
def test_products_that_are_held_change_no_bit_and_are_let_go():
    table, weight, *given = visits(dtype=torch.float32)
    table, weight = torch.nn.Parameter(table), torch.nn.Parameter(weight)
    with torch.no_grad():
        wanted = code_products(table, weight, *given)
        for _ in range(2):
            with held_products():
                found = [code_products(table, weight, *given) for _ in range(2)]
            assert torch.equal(found[0], wanted)
            assert torch.equal(found[1], wanted)
            weight.mul_(2)
            wanted = code_products(table, weight, *given)
        with held_products(), pytest.raises(IndexError):
            code_products(table, weight, given[0] + 1, *given[1:])
    with held_products():  # what learns is computed anew
        assert code_products(table, weight, *given).requires_grad


@native
@pytest.mark.usefixtures("either")
def test_its_gradients_and_theirs():
    table, weight, codes, offsets, numbers = visits()
    given = [part.requires_grad_() for part in (table, weight, numbers)]

    def product(table, weight, numbers):
        return code_products(table, weight, codes, offsets, numbers)

    assert torch.autograd.gradcheck(product, given, **GRADCHECK)
    assert torch.autograd.gradgradcheck(product, given, **GRADCHECK)
    table.requires_grad_(False)
    product(*given).sum().backward()
    assert table.grad is None
    assert weight.grad is not None


@native
def test_a_visit_has_the_same_bits_in_any_company(monkeypatch):
    table, weight, codes, offsets, numbers = visits(dtype=torch.float32)
    both = code_products(table, weight, codes, offsets, numbers)
    monkeypatch.setattr(ops.codes, "_FEW", 0)
    alone = code_products(table, weight, codes[:3], offsets[:1], numbers[:1])
    assert both[:1].numpy().tobytes() == alone.numpy().tobytes()


@native
@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("code", [-1, 6])
def test_a_code_outside_is_refused(code):
    table, weight, codes, offsets, numbers = visits()
    codes[2] = code
    with pytest.raises(IndexError, match=r"outside|out of range"):
        code_products(table, weight, codes, offsets, numbers)


def layer(cell, hidden=3):
    generator = torch.Generator().manual_seed(2)
    rows = CELLS[cell].gate_count * hidden
    shapes = [(rows, hidden), (rows,), (rows,), (sum(SIZES), rows)]
    shapes += [(4, hidden)] * len(CELLS[cell].state._fields)
    w_hh, b_ih, b_hh, data, *initial = (
        torch.randn(shape, generator=generator, dtype=DOUBLE, requires_grad=True)
        for shape in shapes
    )
    return CellWeights(None, w_hh, b_ih, b_hh), data, initial


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("cell", [name for name in CELLS if name != "rnn_sigmoid"])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_given_product_is_that_of_the_identity(cell, backend, reverse):
    if backend == "native" and library() is None:
        pytest.skip("the native library is not built here")
    weights, data, initial = layer(cell)
    whole = weights._replace(w_ih=torch.eye(data.shape[1], dtype=DOUBLE))
    found = []
    with ops.force(backend):
        for one in (weights, whole):
            result = run(cell, data, SIZES, initial, one, reverse=reverse)
            loss = result.output.square().sum() + sum(part.sum() for part in result.final)
            parts = [data, weights.w_hh, weights.b_ih, weights.b_hh, *initial]
            found.append([result.output, *result.final, *torch.autograd.grad(loss, parts)])
    for given, multiplied in zip(*found, strict=True):
        torch.testing.assert_close(given, multiplied, rtol=1e-13, atol=1e-13)


@native
def test_second_derivatives_of_given_products():
    weights, data, initial = layer("gru_after", 2)

    def output(data):
        return run("gru_after", data, SIZES, initial, weights).output

    assert torch.autograd.gradgradcheck(output, (data,), **GRADCHECK)


def test_what_given_products_do_not_go_with():
    weights, data, initial = layer("gru_after")
    with ops.force("aten"), pytest.raises(ConfigError, match="multiply the input"):
        run("gru_after", data, SIZES, initial, weights)
    with pytest.raises(RuntimeError, match=r"data must have shape \[N, 9\]"):
        run("gru_after", data[:, :8], SIZES, initial, weights)
    # Options are the reference's: the kernels' own way to them multiplies.
    mask = torch.ones(4, 3, dtype=DOUBLE)
    masked = run("gru_after", data, SIZES, initial, weights, mask=mask).output
    torch.testing.assert_close(masked, run("gru_after", data, SIZES, initial, weights).output)
    empty = run("gru_after", data[:0], (), initial, weights)
    assert empty.output.shape == (0, 3)
