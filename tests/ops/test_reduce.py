"""Sums, maxima and softmax by row: the definitions, gradients, and bits of a row's own."""

from __future__ import annotations

import pytest
import torch
from tests.tolerances import GRADCHECK
from torch.autograd import forward_ad
from torch.nn import functional

from sequela.ops import native_score, reduce
from sequela.ops.native import library

# torch's own way to forward derivatives compiles with torch.jit.
TORCHS_OWN = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
native = pytest.mark.skipif(library() is None, reason="the native library is not built here")

ROWS = torch.tensor([0, 1, 3, 0, 1, 3, 0, 3, 3])  # row 2 and 4 have no step
COUNT = 5
DOUBLE = torch.float64


@pytest.fixture(autouse=True)
def _threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["native", "torch"])
def either(request, monkeypatch):
    """Every definition holds on both sides of the choice."""
    if request.param == "torch":
        monkeypatch.setattr(native_score, "library", lambda: None)
    elif library() is None:
        pytest.skip("the native library is not built here")


def steps(width=7, dtype=DOUBLE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(ROWS), width, generator=generator, dtype=DOUBLE).to(dtype)


def each_row(x, function):
    empty = x.new_zeros(x.shape[1:])
    return torch.stack(
        [function(x[b == ROWS]) if (b == ROWS).any() else empty for b in range(COUNT)]
    )


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("width", [1, 7, 16, 70])
def test_sums_and_maxima_by_row(width):
    x, weights = steps(width), steps(1)[:, 0]
    found = reduce.row_sum(x, ROWS, COUNT)
    torch.testing.assert_close(found, each_row(x, lambda part: part.sum(0)))
    weighted = each_row(x * weights[:, None], lambda part: part.sum(0))
    torch.testing.assert_close(reduce.row_sum(x, ROWS, COUNT, weights), weighted)
    greatest = each_row(x, lambda part: part.max(0).values)
    assert torch.equal(reduce.row_max(x, ROWS, COUNT), greatest)


@pytest.mark.usefixtures("either")
def test_softmax_by_row():
    scores = steps(1)[:, 0] * 50
    found = reduce.row_softmax(scores, ROWS, COUNT)
    for b in ROWS.unique():
        torch.testing.assert_close(found[b == ROWS], torch.softmax(scores[b == ROWS], 0))
    assert reduce.row_softmax(scores[:0], ROWS[:0], 3).shape == (0,)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("width", [1, 5, 64, 100])
def test_bags(width):
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(6, width, generator=generator, dtype=DOUBLE)
    places, offsets = torch.tensor([5, 5, 0, 3, 2, 1, 1]), torch.tensor([0, 0, 3, 6, 7])
    wanted = functional.embedding_bag(places, table, offsets, mode="sum")
    torch.testing.assert_close(reduce.bag_sum(table, places, offsets), wanted)
    none = places[:0]
    assert reduce.bag_sum(table, none, none).shape == (0, width)
    assert not reduce.bag_sum(table, none, torch.zeros(2, dtype=torch.int64)).any()


@pytest.mark.usefixtures("either")
def test_bags_that_do_not_fit_are_refused_in_torchs_words():
    table, offsets = torch.zeros(3, 2), torch.tensor([0, 1])
    for places in (torch.tensor([0, 3]), torch.tensor([-1, 0])):
        with pytest.raises((RuntimeError, IndexError), match=r"valid range|out of range|index"):
            reduce.bag_sum(table, places, offsets)
    with pytest.raises(RuntimeError, match="offsets"):
        reduce.bag_sum(table, torch.tensor([0, 1]), torch.tensor([1, 2]))


@native
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE], ids=["single", "double"])
def test_bags_that_fall_are_refused(dtype):
    # torch refuses them in float32, and in float64 sorts them and sums other bags.
    places, offsets = torch.tensor([0, 1, 2]), torch.tensor([0, 3, 1])
    with pytest.raises(RuntimeError, match="offsets must not fall"):
        reduce.bag_sum(torch.zeros(3, 2, dtype=dtype), places, offsets)


@native
def test_a_row_outside_is_refused():
    for wrong in (ROWS + 2, ROWS - 1):
        for call in (reduce.row_sum, reduce.row_max):
            with pytest.raises(IndexError, match="out of range"):
                call(steps(), wrong, COUNT)
        with pytest.raises(IndexError, match="out of range"):
            reduce.row_softmax(steps()[:, 0], wrong, COUNT)
    with pytest.raises(RuntimeError, match="rows must be int64"):
        reduce.row_sum(steps(), ROWS[:-1], COUNT)
    with pytest.raises(RuntimeError, match="rows must be int64"):
        reduce.row_sum(steps(), ROWS.int(), COUNT)


@pytest.mark.usefixtures("either")
def test_softmax_of_the_last_axis():
    x = steps(7).view(3, 3, 7) * 30
    torch.testing.assert_close(reduce.softmax(x), torch.softmax(x, -1))
    torch.testing.assert_close(reduce.log_softmax(x), torch.log_softmax(x, -1))
    x[0, 0, 3:] = -torch.inf
    torch.testing.assert_close(reduce.softmax(x), torch.softmax(x, -1))
    torch.testing.assert_close(reduce.log_softmax(x), torch.log_softmax(x, -1))
    assert reduce.softmax(x[:0]).shape == (0, 3, 7)
    carried = x[1].clone().requires_grad_()
    reduce.softmax(carried)[:, 0].sum().backward()
    assert carried.grad.abs().sum() > 0


@pytest.mark.usefixtures("either")
def test_gradients_and_their_gradients():
    x, weights = steps(3).requires_grad_(), steps(1)[:, 0].clone().requires_grad_()
    checks = [
        (lambda x: reduce.row_sum(x, ROWS, COUNT), (x,)),
        (lambda x, w: reduce.row_sum(x, ROWS, COUNT, w), (x, weights)),
        (lambda x: reduce.row_max(x, ROWS, COUNT), (x,)),
        (lambda w: reduce.row_softmax(w, ROWS, COUNT), (weights,)),
        (lambda x: reduce.bag_sum(x, ROWS, torch.tensor([0, 2, 2])), (x,)),
        *((function, (x,)) for function in (reduce.exp, reduce.sigmoid, reduce.tanh)),
    ]
    for function, given in checks:
        assert torch.autograd.gradcheck(function, given, **GRADCHECK)
    for function, given in [checks[1], checks[3], checks[7]]:
        assert torch.autograd.gradgradcheck(function, given, **GRADCHECK)


@native
def test_steps_that_tie_share_the_gradient_as_in_torch():
    rows = torch.tensor([0, 0, 1])
    found = []
    for call in (reduce.row_max, None):
        x = torch.tensor([[2.0, 1.0], [2.0, 3.0], [4.0, 4.0]], requires_grad=True)
        if call is None:
            start = torch.zeros(2, 2)
            places = rows[:, None].expand(-1, 2)
            y = start.scatter_reduce(0, places, x, "amax", include_self=False)
        else:
            y = call(x, rows, 2)
        y.sum().backward()
        found.append(x.grad)
    assert torch.equal(*found)


@native
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_a_row_has_the_same_bits_in_any_company(dtype):
    generator = torch.Generator().manual_seed(4)
    rows = torch.randint(0, 40, (700,), generator=generator)
    x = torch.randn(700, 70, generator=generator, dtype=DOUBLE).to(dtype)
    scores = x[:, 3].contiguous() * 5
    whole = [f(x, rows, 40) for f in (reduce.row_sum, reduce.row_max)]
    shares = reduce.row_softmax(scores, rows, 40)
    weighted = reduce.row_sum(x, rows, 40, scores)
    for b in range(40):
        own = rows == b
        alone = torch.zeros(int(own.sum()), dtype=torch.int64)
        for function, wanted in zip((reduce.row_sum, reduce.row_max), whole, strict=True):
            assert torch.equal(function(x[own], alone, 1)[0], wanted[b])
        assert torch.equal(reduce.row_softmax(scores[own], alone, 1), shares[own])
        assert torch.equal(reduce.row_sum(x[own], alone, 1, scores[own])[0], weighted[b])


@native
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_an_element_has_the_same_bits_wherever_it_stands(dtype):
    x = torch.linspace(-20, 20, 1003, dtype=dtype)
    for function in (reduce.exp, reduce.sigmoid, reduce.tanh):
        whole = function(x)
        for start in (0, 1, 7, 990, 1002):
            assert torch.equal(function(x[start:]), whole[start:])
            assert torch.equal(function(x[start : start + 1]), whole[start : start + 1])


@native
def test_threads_change_no_bit():
    x = torch.randn(20000, 90)
    rows, places = torch.randint(0, 50, (20000,)), torch.randint(0, 20000, (60000,))
    offsets = torch.arange(0, 60000, 3)
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(
            (
                reduce.row_sum(x, rows, 50),
                reduce.row_max(x, rows, 50),
                reduce.bag_sum(x, places, offsets),
            )
        )
    assert all(
        torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True)
    )


@pytest.mark.usefixtures("either")
def test_a_nan_and_an_infinity_stay_in_their_rows():
    x = steps()
    x[0, 0], x[2, 1] = float("nan"), float("inf")
    for call in (reduce.row_sum, reduce.row_max):
        found = call(x, ROWS, COUNT)
        assert found[0, 0].isnan()
        assert found[3, 1].isinf()
        assert found.isfinite().sum() == found.numel() - 2


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE], ids=["single", "double"])
def test_exp_down_to_the_last_subnormal_number(dtype):
    least = torch.finfo(dtype).smallest_normal
    x = torch.linspace(torch.tensor(least, dtype=DOUBLE).log().item(), -746, 400, dtype=dtype)
    unit = torch.nextafter(torch.zeros((), dtype=dtype), torch.ones((), dtype=dtype))
    assert ((reduce.exp(x) - torch.exp(x)).abs() <= unit).all()


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE], ids=["single", "double"])
def test_the_functions_of_huge_numbers_are_their_limits(dtype):
    # From some hundreds on, exp(2x) is no number any more; beyond, its exponent would wrap around.
    powers = torch.logspace(1.6, 38, 500, dtype=DOUBLE).to(dtype)
    ends = torch.tensor([torch.finfo(dtype).max, torch.inf], dtype=dtype)
    huge = torch.cat([torch.linspace(40, 2000, 500, dtype=dtype), powers, ends])
    assert torch.equal(reduce.tanh(huge), torch.ones_like(huge))
    assert torch.equal(reduce.tanh(-huge), -torch.ones_like(huge))
    assert torch.equal(reduce.sigmoid(huge), torch.ones_like(huge))
    least = torch.nextafter(huge.new_zeros(()), huge.new_ones(()))
    assert (reduce.sigmoid(-huge) <= torch.exp(-huge.double()) * 1.001 + least).all()
    assert torch.equal(reduce.exp(huge[huge > 710]), torch.full_like(huge[huge > 710], torch.inf))
    assert not reduce.exp(-huge[huge > 746]).any()
    assert reduce.tanh(huge.new_tensor([torch.nan])).isnan().all()


@pytest.mark.usefixtures("either")
@TORCHS_OWN
@pytest.mark.parametrize("call", [reduce.exp, reduce.sigmoid, reduce.tanh, reduce.softmax])
def test_forward_derivatives_are_not_dropped(call):
    x, direction = steps(seed=2), steps(seed=3)
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(call(forward_ad.make_dual(x, direction))).tangent
    assert found is not None
    near = (call(x + 1e-6 * direction) - call(x - 1e-6 * direction)) / 2e-6
    torch.testing.assert_close(found, near, rtol=1e-6, atol=1e-8)


def test_a_nan_behind_a_number_is_the_greatest():
    x = torch.tensor([[1.0], [float("nan")], [0.5], [2.0]])
    found = reduce.row_max(x, torch.tensor([0, 0, 0, 1]), 2)
    assert found[0].isnan()
    assert found[1] == 2


@pytest.mark.skipif(library() is None, reason="the native library is not built here")
def test_bags_that_begin_before_the_one_before_are_refused():
    table, places = torch.ones(3, 2), torch.tensor([0, 1, 2])
    with pytest.raises(IndexError):
        native_score.bag(table, places, torch.tensor([0, 2, 1]))
