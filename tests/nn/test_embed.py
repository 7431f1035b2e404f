"""Codes pooled by visit."""

from __future__ import annotations

import pytest
import torch

from sequela.errors import ConfigError
from sequela.nn.embed import CodeBag


def test_a_visit_is_the_sum_of_its_codes():
    torch.manual_seed(0)
    layer = CodeBag(5, 3)
    found = layer(torch.tensor([1, 4, 4, 0]), torch.tensor([0, 2, 2, 3]))
    weight = layer.weight
    wanted = torch.stack([weight[1] + weight[4], torch.zeros(3), weight[4], weight[0]])
    torch.testing.assert_close(found, wanted)


def test_the_unknown_code_is_learnt_and_repeats_count():
    layer = CodeBag(3, 2)
    layer(torch.tensor([0, 2, 2]), torch.tensor([0])).sum().backward()
    assert layer.weight.grad.tolist() == [[1, 1], [0, 0], [2, 2]]


def test_no_step_and_no_code():
    layer = CodeBag(3, 2)
    none = torch.zeros(0, dtype=torch.int64)
    assert layer(none, none).shape == (0, 2)
    assert layer(none, torch.zeros(2, dtype=torch.int64)).tolist() == [[0, 0], [0, 0]]


def test_gradients():
    layer = CodeBag(4, 3).double()
    codes, offsets = torch.tensor([1, 3, 3, 0]), torch.tensor([0, 1, 1])

    def function(weight):
        return torch.func.functional_call(layer, {"weight": weight}, (codes, offsets))

    assert torch.autograd.gradcheck(function, (layer.weight.detach().requires_grad_(),))


def test_a_code_has_length_one_on_average_whatever_the_size():
    torch.manual_seed(0)
    for size in (4, 256):
        assert CodeBag(400, size).weight.norm(dim=1).mean().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (-1, 2)])
def test_bad_sizes(sizes: tuple[int, int]):
    with pytest.raises(ConfigError, match="at least one code"):
        CodeBag(*sizes)
