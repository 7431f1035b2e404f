"""Layers over visits: code by code and visit by visit are the same."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence

from sequela.nn import GRU, LSTM, CodeBag, visits

STEPS = PackedSequence(
    torch.arange(10.0).view(5, 2) / 10,
    torch.tensor([3, 2]),
    torch.tensor([1, 0, 2]),
    torch.tensor([1, 0, 2]),
)
CODES, OFFSETS = torch.tensor([5, 0, 3, 5, 5, 1]), torch.tensor([0, 3, 3, 4, 5])


@pytest.mark.parametrize("kind", [GRU, LSTM])
@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_both_ways_lead_to_the_same(kind, pooling, monkeypatch):
    torch.manual_seed(0)
    bag, layer = CodeBag(6, 4, pooling), kind(6, 3, num_layers=2)
    found = []
    for few in (visits._FEW_CODES, 0):
        monkeypatch.setattr(visits, "_FEW_CODES", few)
        output = visits.read_visits(bag, layer, STEPS, CODES, OFFSETS)
        assert output.batch_sizes.tolist() == [3, 2]
        wanted = [bag.weight, *layer.parameters()]
        found.append([output.data, *torch.autograd.grad(output.data.square().sum(), wanted)])
        with torch.no_grad():
            again = visits.read_visits(bag, layer, STEPS, CODES, OFFSETS).data
        assert torch.equal(again, output.data)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_layers_that_need_each_visit_multiplied_get_it():
    bag, layer = CodeBag(6, 4), GRU(6, 3, bidirectional=True)
    assert visits.read_visits(bag, layer, STEPS, CODES, OFFSETS).data.shape == (5, 6)
    with pytest.raises(AssertionError):
        layer.from_products(STEPS)
