"""Output layers of outcomes without classes, and their losses, against numbers by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import NegativeBinomial

from sequela.errors import ConfigError
from sequela.nn.outcomes import (
    Count,
    Hazards,
    MultiLabel,
    Quantiles,
    count_losses,
    hazard_losses,
    label_losses,
    quantile_losses,
)

NAN = math.nan


def close(found: torch.Tensor, wanted: list[float]) -> None:
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=found.dtype))


def test_labels_by_hand():
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, math.log(3.0)], [1.0, 2.0]])
    target = torch.tensor([[1.0, 0.0], [1.0, NAN], [NAN, NAN]])
    # sigmoid(0) = 1/2 and sigmoid(log 3) = 3/4: -log 1/2 and -log 1/4, their mean 1.5 log 2.
    close(label_losses(logits, target), [1.5 * math.log(2), math.log(2), 0.0])


def test_counts_by_hand():
    # Dispersion 1 is the geometric distribution with p = 1 / (1 + m): m = 3, P(2) = 1/4 (3/4)^2.
    output = torch.tensor([[math.log(3.0), 0.0]] * 2, dtype=torch.float64)
    wanted = [-math.log(0.25 * 0.75**2), -math.log(0.25)]
    close(count_losses(output, torch.tensor([2.0, 0.0], dtype=torch.float64)), wanted)
    # Hardly any dispersion is Poisson's: P(4) = exp(-2) 2^4 / 4!
    narrow = torch.tensor([[math.log(2.0), -12.0]], dtype=torch.float64)
    found = count_losses(narrow, torch.tensor([4.0], dtype=torch.float64))
    assert abs(float(found) + math.log(math.exp(-2) * 16 / 24)) < 1e-3


def test_counts_are_torchs_negative_binomial():
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(40, 2, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 30, (40,), generator=generator).double()
    number, mean = (-output[:, 1]).exp(), output[:, 0].exp()
    theirs = NegativeBinomial(number, probs=mean / (mean + number)).log_prob(target)
    torch.testing.assert_close(count_losses(output, target), -theirs)


def test_hazards_by_hand():
    # Hazards 1/2, 1/4 and 1/5.
    logits = torch.tensor([0.0, math.log(1 / 3), math.log(1 / 4)]).expand(4, 3)
    target = torch.tensor([[0.0, 1.0], [2.0, 1.0], [1.0, 0.0], [3.0, 0.0]])
    survival = [0.5, 0.5 * 0.75, 0.5 * 0.75 * 0.8]
    wanted = [0.5, survival[1] / 5, survival[0], survival[2]]
    close(hazard_losses(logits, target), [-math.log(one) for one in wanted])


def test_quantiles_by_hand():
    output = torch.tensor([[[1.0, 2.0, 4.0]]] * 3)
    target = torch.tensor([[3.0], [0.0], [NAN]])
    # 3: .1 x 2, .5 x 1, .1 x 1; 0: .9 x 1, .5 x 2, .1 x 4
    wanted = [(0.2 + 0.5 + 0.1) / 3, (0.9 + 1.0 + 0.4) / 3, 0.0]
    close(quantile_losses(output, target, (0.1, 0.5, 0.9)), wanted)


@pytest.mark.parametrize("quantiles", [1, 2, 3, 5])
def test_quantiles_never_cross(quantiles: int):
    torch.manual_seed(1)
    layer = Quantiles(4, quantiles, 6)
    found = layer(100 * torch.randn(50, 4))
    assert found.shape == (50, 6, quantiles)
    assert bool((found.diff(dim=-1) >= 0).all())
    linear = layer.linear(torch.zeros(1, 4)).unflatten(-1, (6, quantiles))
    middle = layer(torch.zeros(1, 4))[..., quantiles // 2]
    torch.testing.assert_close(middle, linear[..., quantiles // 2])


def test_a_step_between_quantiles_by_hand():
    layer = Quantiles(1, 3)
    with torch.no_grad():
        layer.linear.weight.zero_()
        layer.linear.bias.copy_(torch.tensor([1.5, 5.0, 0.0]))
    # (1.5 + sqrt(2.25 + 4)) / 2 = 2 below, sqrt(4) / 2 = 1 above.
    close(layer(torch.zeros(1, 1))[0, 0], [3.0, 5.0, 6.0])


def test_shapes_and_sizes():
    x = torch.randn(7, 5)
    assert MultiLabel(5, 1)(x).shape == (7, 1)
    assert Hazards(5, 4)(x).shape == (7, 4)
    found = Count(5)(x)
    assert found.shape == (7, 2)
    assert bool((found[:, 1] == 0).all())
    for wrong in (lambda: MultiLabel(5, 0), lambda: Quantiles(5, 0), lambda: Quantiles(5, 3, 0)):
        with pytest.raises(ConfigError, match="at least 1"):
            wrong()


def test_a_loss_is_of_its_own_row_and_has_a_gradient():
    torch.manual_seed(2)
    pairs = [
        (label_losses, torch.randn(5, 3), torch.randint(0, 2, (5, 3)).float()),
        (count_losses, torch.randn(5, 2), torch.arange(5.0)),
        (
            hazard_losses,
            torch.randn(5, 3),
            torch.tensor([[k % 3, k % 2] for k in range(5)]).float(),
        ),
        (lambda a, b: quantile_losses(a, b, (0.2, 0.5)), torch.randn(5, 3, 2), torch.randn(5, 3)),
    ]
    for loss, output, target in pairs:
        output.requires_grad_()
        whole = loss(output, target)
        alone = torch.cat([loss(output[k : k + 1], target[k : k + 1]) for k in range(5)])
        torch.testing.assert_close(whole, alone)
        (gradient,) = torch.autograd.grad(whole.sum(), output)
        assert bool(torch.isfinite(gradient).all())
        assert float(gradient.abs().sum()) > 0
