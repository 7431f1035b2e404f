"""Laws of the gradients: what reaches what, and that sums are sums."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.laws.cases import Case, cases, law
from tests.tolerances import REFERENCE

from sequela.cells import CELLS, CellWeights, input_product, zoneout
from sequela.nn.parameters import PARAMETER_NAMES
from sequela.ops import force


def double(drawn, **options) -> Case:
    return drawn._replace(dtype=torch.float64).make(**options)


def gradients(case, x=None, hx=None, late=None, weights_only=False, **options):
    """Of x, each part of the state and every parameter; the loss weighs outputs and finals."""
    x = (case.x if x is None else x).detach().requires_grad_()
    hx = tuple(p.detach().requires_grad_() for p in (case.hx if hx is None else hx))
    output, final = case.differentiable(x, hx, **options)
    results = (output, *final)
    late = [torch.ones_like(part) for part in results] if late is None else late
    leaves = [*([] if weights_only else [x, *hx]), *case.layer.parameters()]
    found = torch.autograd.grad(results, leaves, late, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(leaves, found, strict=True)]


def drawn_late(case):
    output, final = case()
    return [torch.randn_like(part) for part in (output, *final)]


def near(left, right):
    torch.testing.assert_close(left, right, **REFERENCE)


@law
@given(drawn=cases)
def test_gradients_know_no_padding(drawn):
    case = double(drawn, bidirectional=True)
    of_x, *rest = gradients(case)
    assert torch.count_nonzero(of_x[case.beyond]) == 0
    again, *rest_again = gradients(case, torch.cat([case.x, case.x]))
    near(again[: len(case.x)], of_x)
    assert torch.count_nonzero(again[len(case.x) :]) == 0
    near(rest_again, rest)


@law
@given(drawn=cases)
def test_the_kernels_have_the_gradients_of_the_equations(drawn):
    case = double(drawn, bidirectional=True, num_layers=2)
    late = drawn_late(case)
    ours = gradients(case, late=late)
    with force("reference"):
        wanted = gradients(case, late=late)
    for mine, theirs in zip(ours, wanted, strict=True):
        # Of the largest element: where terms cancel (layer normalisation of two units), the
        # equations themselves move an element by 3e-12 when their inputs move by half a bit.
        scale = float(theirs.abs().max()) if theirs.numel() else 0.0
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12 * max(1.0, scale))


@law
@given(drawn=cases)
def test_the_gradient_of_a_batch_is_the_sum_of_its_rows(drawn):
    case = double(drawn, bidirectional=True)
    late = drawn_late(case)
    states = len(case.hx)
    whole = gradients(case, late=late)
    total = [torch.zeros_like(part) for part in whole[1 + states :]]
    for b, length in enumerate(case.lengths.tolist()):
        row = slice(b, b + 1)
        hx = tuple(part[:, row] for part in case.hx)
        own = [part[:, row] for part in late]
        parts = gradients(case, case.x[:, row], hx, own, lengths=[length])
        near(parts[0], whole[0][:, row])
        near(parts[1 : 1 + states], [part[:, row] for part in whole[1 : 1 + states]])
        total = [sum_ + part for sum_, part in zip(total, parts[1 + states :], strict=True)]
    near(total, whole[1 + states :])


@law
@given(drawn=cases)
def test_gradients_are_linear_in_what_arrives(drawn):
    case = double(drawn)
    first, second = drawn_late(case), drawn_late(case)
    both = [a + 2 * b for a, b in zip(first, second, strict=True)]
    one, two = gradients(case, late=first), gradients(case, late=second)
    near(gradients(case, late=both), [a + 2 * b for a, b in zip(one, two, strict=True)])


@law
@given(drawn=cases, cut=st.integers(0, 5))
def test_no_gradient_passes_a_reset(drawn, cut):
    case = double(drawn)
    cut = min(cut, len(case.x) - 1)
    reset = torch.zeros(case.x.shape[:2], dtype=torch.bool)
    reset[cut] = True
    late = drawn_late(case)
    late[0][:cut] = 0
    ended = (case.lengths <= cut)[:, None]
    late[1:] = [part.masked_fill(ended, 0) for part in late[1:]]
    of_x, *of_hx = gradients(case, late=late, reset=reset)[: 1 + len(case.hx)]
    assert torch.count_nonzero(of_x[:cut]) == 0
    assert all(torch.count_nonzero(part) == 0 for part in of_hx)


@law
@given(drawn=cases, part=st.integers(0, 1))
def test_a_gradient_may_arrive_through_one_state_alone(drawn, part):
    case = double(drawn)
    part = 1 + part % len(case.hx)
    late = [torch.zeros_like(each) for each in drawn_late(case)]
    late[part] = torch.randn_like(late[part])
    x = case.x.detach().requires_grad_()
    hx = tuple(each.detach().requires_grad_() for each in case.hx)
    leaves = [x, *hx, *case.layer.parameters()]

    def alone():
        _, final = case.differentiable(x, hx)
        found = torch.autograd.grad(final[part - 1], leaves, late[part], allow_unused=True)
        return [torch.zeros_like(p) if g is None else g for p, g in zip(leaves, found, strict=True)]

    near(alone(), gradients(case, late=late))
    with force("reference"):
        near(alone(), gradients(case, late=late))


def walked(case, cut):
    """Every row on its own in plain PyTorch, the state detached before step ``cut``."""
    layer, cell = case.layer, CELLS[case.layer._cell]
    weights = CellWeights(
        **{field: getattr(layer, f"{name}_l0", None) for field, name in PARAMETER_NAMES.items()}
    )
    total = case.x.new_zeros(())
    x = case.x.detach().requires_grad_()
    for b, length in enumerate(case.lengths.tolist()):
        state = cell.state(*(part[0, b : b + 1] for part in case.hx))
        for t in range(length):
            if t == cut:
                state = cell.state(*(part.detach() for part in state))
            new, _ = cell.step(input_product(x[t, b : b + 1], weights), state, weights)
            rates = [rate or None for rate in layer.zoneout]
            kept = [
                part if rate is None else zoneout(part, old, rate)
                for part, old, rate in zip(new, state, rates, strict=True)
            ]
            state = cell.state(*kept)
            total = total + state.h.square().sum()
    leaves = [x, *layer.parameters()]
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(leaves, found, strict=True)]


@law
@given(drawn=cases, cut=st.integers(0, 6))
def test_truncated_back_propagation_is_cut_at_the_border_and_nowhere_else(drawn, cut):
    case = double(drawn)
    cut = min(cut, len(case.x))
    x = case.x.detach().requires_grad_()
    head, state = case.differentiable(x[:cut], lengths=case.lengths.clamp(max=cut))
    state = tuple(part.detach() for part in state)
    tail, _ = case.differentiable(x[cut:], state, lengths=(case.lengths - cut).clamp(min=0))
    whole, _ = case()
    near(torch.cat([head, tail]).detach(), whole)
    leaves = [x, *case.layer.parameters()]
    loss = head.square().sum() + tail.square().sum()
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    ours = [torch.zeros_like(p) if g is None else g for p, g in zip(leaves, found, strict=True)]
    near(ours, walked(case, cut))
    # The later outputs leave no trace before the border.
    if tail.numel() and tail.requires_grad:
        (early,) = torch.autograd.grad(
            case.differentiable(x[cut:], state, lengths=(case.lengths - cut).clamp(min=0))[0].sum(),
            x,
        )
        assert torch.count_nonzero(early[:cut]) == 0
