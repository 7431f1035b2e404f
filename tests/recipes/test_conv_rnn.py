"""The convolutional recurrent model against its equations, frame by frame."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import lstm, weights

from sequela import recipes
from sequela.errors import ConfigError


def model(**options):
    torch.manual_seed(0)
    sizes = {"step_size": 2, "classes": 2, "filters": 3, "hidden_size": 2}
    return recipes.build("conv_rnn", **{**sizes, **options}).double().eval()


def convolved(state, number, x, width, stride):
    w, b = (state[f"convolutions.{number}.linear.{kind}"] for kind in ("weight", "bias"))
    taps = w.unflatten(1, (width, -1))
    found = []
    for begin in range(0, len(x), stride):
        total = b
        for tap in range(width):
            place = begin + tap - (width - 1) // 2
            if 0 <= place < len(x):
                total = total + taps[:, tap] @ x[place]
        found.append(torch.clamp(total, min=0))
    return found


def by_hand(layer, record, width, stride):
    _, steps, static = record
    state, x = layer.state_dict(), list(steps.double())
    for number in range(2):
        x = convolved(state, number, x, width, stride)
    sides = []
    for suffix, ordered in (("_l0", x), ("_l0_reverse", x[::-1])):
        h = c = torch.zeros(2, dtype=torch.float64)
        found = []
        for step in ordered:
            h, c = lstm(weights(state, "recurrent", suffix), step, h, c)
            found.append(h)
        sides.append(found)
    both = [torch.cat(pair) for pair in zip(sides[0], sides[1][::-1], strict=True)]
    mean = sum(both) / len(both) if both else torch.zeros(4, dtype=torch.float64)
    joined = torch.cat([mean, static.double()])
    return layer.head.output.linear.weight @ joined + layer.head.output.linear.bias


@pytest.mark.parametrize("beside", [0, 2])
@pytest.mark.parametrize(("width", "stride"), [(1, 1), (3, 1), (3, 2), (5, 3)])
def test_logits_equal_the_equations(width, stride, beside, make_batch):
    torch.manual_seed(1)
    records = [
        ([[]] * count, torch.randn(count, 2), torch.randn(beside)) for count in (3, 0, 11, 1, 7)
    ]
    layer = model(width=width, stride=stride, static_size=beside)
    found = layer(make_batch(records))
    wanted = torch.stack([by_hand(layer, record, width, stride) for record in records])
    torch.testing.assert_close(found, wanted.squeeze(1), rtol=1e-9, atol=1e-12)


def test_every_parameter_is_reached_by_a_finite_gradient(samples, make_batch):
    layer = model(pooling="last+max", layers=2, stride=1, dropout=0.1, classes=3).train()
    layer(make_batch(samples)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_one_direction_for_a_running_signal(samples, make_batch):
    assert model(bidirectional=False, cell="gru")(make_batch(samples)).shape == (5,)


def test_nothing_but_empty_records(samples, make_batch):
    empty = [([], steps[:0], static) for _, steps, static in samples]
    layer = model()
    bias = layer.head.output.linear.bias
    torch.testing.assert_close(layer(make_batch(empty)), bias.expand(5))


def test_an_even_width_is_refused():
    with pytest.raises(ConfigError, match=r"'width'.*odd"):
        model(width=4)
