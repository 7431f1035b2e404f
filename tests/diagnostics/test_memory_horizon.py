"""The horizon against models whose memory is known."""

from __future__ import annotations

import math

import pytest
import torch

from sequela.diagnostics import memory_horizon
from sequela.errors import DataError
from sequela.nn import GRU, RNN


def _leaky(decay: float) -> RNN:
    # A relu RNN with positive weights on positive inputs is linear: h_T = sum decay^(T-t) x_t.
    layer = RNN(2, 2, nonlinearity="relu", bias=False)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.eye(2))
        layer.weight_hh_l0.copy_(decay * torch.eye(2))
    return layer


def test_a_leaky_sum_has_the_memory_of_its_leak():
    layer = _leaky(0.9)
    found = memory_horizon(lambda x: layer(x)[0][-1], torch.rand(60, 3, 2))
    expected = math.sqrt(2) * 0.9 ** torch.arange(59, -1, -1, dtype=torch.float64)
    torch.testing.assert_close(found.sensitivity, expected, rtol=1e-5, atol=0.0)
    assert found.decay_length == pytest.approx(-1 / math.log(0.9), rel=1e-5)
    assert found.reach == 43  # 0.9^43 = 0.0108, 0.9^44 = 0.0097


def test_a_sum_forgets_nothing():
    layer = _leaky(1.0)
    found = memory_horizon(lambda x: layer(x)[0][-1], torch.rand(20, 3, 2))
    assert found.reach == 19
    assert found.decay_length == math.inf


def test_only_the_last_step():
    found = memory_horizon(lambda x: x[-1] * 3, torch.rand(20, 3, 2))
    assert found.reach == 0
    assert found.decay_length == 0.0


def test_the_norm_is_that_of_the_jacobian_and_rows_may_come_first():
    torch.manual_seed(0)
    layer = GRU(2, 3, dtype=torch.float64)
    x = torch.randn(5, 40, 2, dtype=torch.float64)
    found = memory_horizon(lambda x: layer(x)[0][-1], x, projections=50)
    rows = [
        torch.autograd.functional.jacobian(lambda x: layer(x)[0][-1, 0], x[:, k : k + 1])
        for k in range(40)
    ]
    exact = torch.stack([row.square().sum((0, 2, 3)) for row in rows]).mean(0).sqrt()
    # 2,000 projections: a relative error of 1/sqrt(4000) = 1.6 % at most; three of them.
    torch.testing.assert_close(found.sensitivity, exact, rtol=0.048, atol=0.0)
    turned = GRU(2, 3, dtype=torch.float64, batch_first=True)
    turned.load_state_dict(layer.state_dict())
    again = memory_horizon(
        lambda x: turned(x)[0][:, -1], x.transpose(0, 1), batch_first=True, projections=50
    )
    torch.testing.assert_close(again.sensitivity, found.sensitivity)


def test_measuring_leaves_no_gradient():
    layer = GRU(2, 3)
    x = torch.randn(5, 4, 2)
    memory_horizon(lambda x: layer(x)[0][-1], x)
    assert x.grad is None
    assert all(parameter.grad is None for parameter in layer.parameters())


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="three axes"):
        memory_horizon(lambda x: x, torch.rand(5, 2))
    with pytest.raises(DataError, match="does not depend"):
        memory_horizon(lambda x: torch.ones(3), torch.rand(5, 3, 2))
