"""The product: torch's numbers, gradients and errors, and bits that depend on the row alone."""

from __future__ import annotations

import pytest
import torch
from tests.tolerances import GRADCHECK
from torch.autograd import forward_ad
from torch.nn import functional

from sequela import nn, ops
from sequela.ops import native_score, reduce
from sequela.ops.linear import linear
from sequela.ops.native import library

# torch's own way to forward derivatives compiles with torch.jit.
TORCHS_OWN = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
native = pytest.mark.skipif(library() is None, reason="the native library is not built here")

# Few and many rows, one output, part of a vector, several panels, no input, nothing at all.
SHAPES = [(1, 7, 1), (1, 40, 90), (3, 5, 2), (16, 33, 17), (17, 33, 17), (40, 1, 1), (300, 20, 70)]
SHAPES += [(5, 0, 3), (0, 4, 3), (4, 3, 0), (50, 9, 1), (2, 300, 65)]
BOUNDS = {torch.float32: 1e-5, torch.float64: 1e-13}


@pytest.fixture(autouse=True)
def _threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def draw(rows, inner, outputs, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(rows, inner), (outputs, inner), (outputs,)]
    return [torch.randn(*s, generator=generator, dtype=torch.float64).to(dtype) for s in shapes]


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_the_product(dtype, shape, bias):
    x, weight, b = draw(*shape, dtype)
    b = b if bias else None
    wanted = functional.linear(x.double(), weight.double(), None if b is None else b.double())
    bound = BOUNDS[dtype] * max(1, shape[1]) ** 0.5
    torch.testing.assert_close(linear(x, weight, b).double(), wanted, rtol=0, atol=bound)


@native
@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize(("inner", "outputs"), [(33, 1), (64, 5), (20, 130), (128, 128)])
def test_a_row_has_the_same_bits_in_any_company(dtype, inner, outputs):
    x, weight, bias = draw(257, inner, outputs, dtype)
    whole = linear(x, weight, bias)
    for count in (1, 2, 5, 15, 16, 17, 31, 100, 256):
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert torch.equal(linear(x[-count:], weight, bias), whole[-count:])
    order = torch.randperm(257)
    assert torch.equal(linear(x[order], weight, bias), whole[order])


@native
def test_large_products_on_several_threads_keep_their_bits():
    x, weight, bias = draw(3000, 150, 200, torch.float32)
    torch.set_num_threads(1)
    alone = linear(x, weight, bias)
    torch.set_num_threads(3)
    assert torch.equal(linear(x, weight, bias), alone)


@native
def test_each_element_is_one_chain_of_multiply_adds():
    # 2^24 + 1 is no float32: whether the ones are lost says in which order they were added.
    x = torch.tensor([[2.0**24, 1.0, 1.0, -(2.0**24)]])
    ones = torch.ones(1, 4)
    assert linear(x, ones).item() == 0
    assert linear(x.flip(1), ones).item() == 2
    assert linear(x, ones, torch.ones(1)).item() == 0
    assert linear(torch.tensor([[1.0, 1.0, 2.0**24, -(2.0**24)]]), ones).item() == 2


def test_gradients_and_their_gradients():
    for shape in ((3, 4, 2), (20, 3, 1)):
        given = [part.requires_grad_() for part in draw(*shape)]
        assert torch.autograd.gradcheck(linear, given, **GRADCHECK)
        assert torch.autograd.gradgradcheck(linear, given, **GRADCHECK)


@TORCHS_OWN
def test_forward_derivatives_are_not_dropped():
    x, weight, bias = draw(6, 5, 3)
    direction = draw(6, 5, 3, seed=1)[0]
    with forward_ad.dual_level():
        result = linear(forward_ad.make_dual(x, direction), weight, bias)
        found = forward_ad.unpack_dual(result).tangent
    assert found is not None
    torch.testing.assert_close(found, direction @ weight.T)


@native
def test_the_numbers_do_not_depend_on_whether_a_gradient_is_wanted():
    x, weight, bias = draw(9, 30, 4, torch.float32)
    wanted = linear(x, weight, bias)
    assert torch.equal(linear(x, weight.requires_grad_(), bias).detach(), wanted)


def test_any_number_of_dimensions_and_any_strides():
    x, weight, bias = draw(24, 6, 5)
    wanted = linear(x, weight, bias)
    assert torch.equal(linear(x.view(2, 3, 4, 6), weight, bias), wanted.view(2, 3, 4, 5))
    torch.testing.assert_close(linear(x[3], weight, bias), wanted[3])
    strided = x.T.contiguous().T
    assert torch.equal(linear(strided, weight.T.contiguous().T, bias), wanted)
    assert linear(x[:0].view(0, 4, 6), weight, bias).shape == (0, 4, 5)
    assert linear(x.view(2, 12, 6)[:, :, :0], weight[:, :0], bias).shape == (2, 12, 5)


def test_errors_are_torchs_own():
    x, weight, bias = draw(3, 4, 2)
    for wrong in [(x[:, :3], weight, bias), (x.float(), weight, bias), (x, weight[0, 0], bias)]:
        with pytest.raises(RuntimeError) as own:
            linear(*wrong)
        with pytest.raises(RuntimeError) as torchs:
            functional.linear(*wrong)
        assert str(own.value) == str(torchs.value)


def test_torch_computes_what_the_library_cannot():
    x, weight, bias = draw(3, 4, 2, torch.float32)
    assert not native_score.computes(x.to(torch.bfloat16))
    assert not native_score.computes(x, weight.double())
    with ops.force("aten"):
        assert not native_score.computes(x)
        assert torch.equal(linear(x, weight, bias), functional.linear(x, weight, bias))
    with torch.autocast("cpu", torch.bfloat16):
        assert not native_score.computes(x)
        assert linear(x, weight, bias).dtype == torch.bfloat16
    each = torch.func.vmap(lambda row: linear(row, weight, bias))(x)
    torch.testing.assert_close(each, functional.linear(x, weight, bias))
    found = linear(x.to(torch.bfloat16), weight.to(torch.bfloat16), bias.to(torch.bfloat16))
    assert found.dtype == torch.bfloat16


def test_a_compiler_passes_through():
    x, weight, bias = draw(6, 4, 3)
    rows, codes, offsets = (torch.tensor(v) for v in ([0, 1, 0, 2, 2, 0], [1, 5, 2], [0, 1]))

    def function(x):
        y = reduce.tanh(linear(x, weight, bias))
        shares = reduce.row_softmax(y[:, 0], rows, 3)
        bags = reduce.bag_sum(x, codes, offsets)
        return reduce.row_sum(y, rows, 3, shares), reduce.row_max(y, rows, 3), bags

    compiled = torch.compile(function, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), function(x))


def test_a_nan_stays_in_its_row():
    x, weight, bias = draw(20, 4, 3, torch.float32)
    x[4, 2] = float("nan")
    found = linear(x, weight, bias)
    assert found[4].isnan().all()
    assert found[:4].isfinite().all()
    assert found[5:].isfinite().all()


def test_the_layer_is_torchs():
    torch.manual_seed(0)
    own = nn.Linear(5, 3)
    torchs = torch.nn.Linear(5, 3)
    torchs.load_state_dict(own.state_dict())
    x = torch.randn(4, 5)
    torch.testing.assert_close(own(x), torchs(x))
    assert repr(own) == repr(torchs)
