"""Products of factors give what logarithms give, up to the edge of what they may be used for."""

from __future__ import annotations

import math

import pytest
import torch
from tests.nn.test_crf import SCHEMES, emissions, every, made, packed, unpacked

from sequela.nn import CRF, legal_tags
from sequela.nn.chain import mixing_steps, room
from sequela.nn.crf import Legal


def test_steps_until_each_tag_leads_to_each_other():
    assert mixing_steps(torch.ones(4, 4, dtype=torch.bool)) == 1
    assert mixing_steps(legal_tags(3, "bio").transitions) == 2
    assert mixing_steps(legal_tags(3, "bioes").transitions) == 3
    assert mixing_steps(torch.eye(3, dtype=torch.bool)) is None
    # A circle leads to each tag, but never to all of them in the same number of steps.
    assert mixing_steps(torch.eye(3, dtype=torch.bool).roll(1, 0)) is None


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("part", [0.5, 0.999, 1.001, 3.0])
def test_at_the_edge_of_the_range(scheme, part):
    crf = made(scheme)
    limit = room(*crf._scores(), mixing_steps(crf.legal_transitions))
    assert limit > 100
    rows = emissions(crf, (5, 2, 4))
    # As far apart as may be, in turn: what one step wants the next forbids.
    for row in rows:
        row.copy_(torch.where(row == row.amax(1, keepdim=True), part * limit, 0.0))
    x = packed(rows)
    assert (crf._far(crf._ragged(x)) is None) is (part < 1)
    with torch.no_grad():
        chances, totals = unpacked(x, crf.marginals(x)), crf.log_partition(x)
    for row, found, total in zip(rows, chances, totals, strict=True):
        truth = every(crf, row, scheme)
        whole = torch.tensor(list(truth.values()), dtype=torch.float64).logsumexp(0)
        torch.testing.assert_close(total, whole, rtol=1e-13, atol=1e-10)
        wanted = torch.zeros_like(row)
        for y, score in truth.items():
            for t, tag in enumerate(y):
                wanted[t, tag] += math.exp(score - whole)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


def test_rows_that_lie_too_far_apart_do_not_change_the_others():
    crf = made("bioes", torch.float32)
    rows = emissions(crf, (4, 3, 5))
    rows[1] *= 1e5
    x = packed(rows)
    with torch.no_grad():
        assert crf._far(crf._ragged(x)).tolist() == [False, True, False]
        together, total = unpacked(x, crf.marginals(x)), crf.log_partition(x)
        for number, row in enumerate(rows):
            alone = packed([row])
            torch.testing.assert_close(crf.marginals(alone), together[number])
            torch.testing.assert_close(crf.log_partition(alone)[0], total[number])
    # With gradients all rows go the safe way.
    data = x.data.clone().requires_grad_()
    crf.log_partition(x._replace(data=data)).sum().backward()
    assert data.grad.isfinite().all()
    torch.testing.assert_close(unpacked(x, data.grad)[0], together[0])


def test_no_way_at_all():
    """A start that is no end: one step cannot be, two can."""
    no = torch.tensor([False, True])
    crf = CRF(2, legal=Legal(~no, torch.ones(2, 2, dtype=torch.bool), no))
    x = packed([torch.randn(1, 2), torch.randn(2, 2)])
    data = x.data.clone().requires_grad_()
    total = crf.log_partition(x._replace(data=data))
    assert total[0] == -math.inf
    total[1].backward()
    assert data.grad.isfinite().all()
    with torch.no_grad():
        torch.testing.assert_close(crf.log_partition(x), total.detach())
