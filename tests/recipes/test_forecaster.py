"""The forecaster against its equations: all at once, one after the other, and the linear part."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import gru, weights

from sequela import recipes


def model(**options):
    torch.manual_seed(0)
    sizes = {"step_size": 2, "static_size": 3, "hidden_size": 4, "classes": 3, "quantiles": 3}
    found = recipes.build("forecaster", **{**sizes, **options}).double().eval()
    if found.linear is not None:
        torch.nn.init.normal_(found.linear.weight)
    return found


def quantiles(raw):
    """The middle as it is, its neighbours beyond it by (a + sqrt(a^2 + 4)) / 2."""
    low, middle, high = raw
    below, above = ((a + (a * a + 4) ** 0.5) / 2 for a in (low, high))
    return torch.stack([middle - below, middle, middle + above])


def by_hand(layer, sample, decoder: str, linear: int):
    _, steps, static = sample
    state = layer.state_dict()
    h = torch.zeros(4, dtype=torch.float64)
    for step in steps.double():
        step = step - steps[-1].double() if layer.relative else step
        h = gru(weights(state, "recurrent", "_l0"), step, h)
    read = torch.cat([h, static.double()])
    w, b = state["output.linear.weight"], state["output.linear.bias"]
    found = []
    if decoder == "direct":
        found = [quantiles(row) for row in (w @ read + b).view(3, 3)]
    else:
        g, said = torch.tanh(state["first.weight"] @ read + state["first.bias"]), 0.0
        for k in range(1, 4):
            given = torch.tensor([float(said), k / 3], dtype=torch.float64)
            g = gru(weights(state, "cell", ""), given, g)
            found.append(quantiles(w @ g + b))
            said = found[-1][1]
    if linear:
        last = torch.zeros(linear, 2, dtype=torch.float64)
        count = min(linear, len(steps))
        if count:
            last[linear - count :] = steps.double()[len(steps) - count :]
        added = state["linear.weight"] @ last.flatten()
        found = [row + a for row, a in zip(found, added, strict=True)]
    return torch.stack(found)


@pytest.mark.parametrize("decoder", ["direct", "seq2seq"])
@pytest.mark.parametrize(("linear", "relative"), [(0, False), (3, False), (3, True)])
def test_quantiles_equal_the_equations(decoder, linear, relative, samples, make_batch):
    layer = model(decoder=decoder, linear=linear, relative=relative)
    found = layer(make_batch(samples))
    wanted = torch.stack([by_hand(layer, sample, decoder, linear) for sample in samples])
    torch.testing.assert_close(found, wanted)
    assert (found.diff(dim=2) > 0).all()


def test_the_linear_part_begins_with_nothing():
    torch.manual_seed(0)
    sizes = {"step_size": 2, "static_size": 0, "linear": 2}
    assert not recipes.build("forecaster", **sizes).linear.weight.any()


@pytest.mark.parametrize("decoder", ["direct", "seq2seq"])
def test_every_parameter_is_reached_by_a_finite_gradient(decoder, samples, make_batch):
    layer = model(decoder=decoder, linear=2, layers=2, dropout=0.1).train()
    layer(make_batch(samples)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_codes_are_read_beside_the_values(samples, make_batch):
    layer = model(vocabulary_size=5, embedding_size=3)
    batch = make_batch(samples)
    found = layer(batch).detach()
    state = layer.state_dict()
    for row, (codes, steps, static) in enumerate(samples):
        h = torch.zeros(4, dtype=torch.float64)
        for own, step in zip(codes, steps.double(), strict=True):
            e = sum((state["embedding.weight"][k] for k in own), torch.zeros(3).double())
            h = gru(weights(state, "recurrent", "_l0"), torch.cat([step, e]), h)
        w, b = state["output.linear.weight"], state["output.linear.bias"]
        raw = (w @ torch.cat([h, static.double()]) + b).view(3, 3)
        torch.testing.assert_close(found[row], torch.stack([quantiles(one) for one in raw]))
    assert model(vocabulary_size=1).embedding is None
