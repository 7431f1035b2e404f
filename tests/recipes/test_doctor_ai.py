"""Doctor AI against its equations: what is asked at the end, and the loss at every visit."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import gru, weights
from torch.nn.functional import binary_cross_entropy_with_logits

from sequela import recipes


def model(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 5, "step_size": 2, "static_size": 3, "classes": 4}
    layer = recipes.build("doctor_ai", **sizes, embedding_size=3, hidden_size=3, **options)
    with torch.no_grad():
        layer.shift.normal_()
    return layer.double().eval()


def each(logits, target):
    return binary_cross_entropy_with_logits(logits, target, reduction="none").mean(1)


def states(layer, sample):
    codes, steps, _ = sample
    h, found = torch.zeros(3, dtype=torch.float64), []
    for visit, times in zip(codes, steps.double(), strict=True):
        embedded = sum((layer.embedding.weight[code] for code in visit), torch.zeros(3))
        u = torch.tanh(embedded + layer.shift)
        h = gru(weights(layer.state_dict(), "recurrent", "_l0"), torch.cat([u, times]), h)
        found.append(h)
    return found


def visit_losses(layer, sample):
    codes, steps, _ = sample
    found = []
    for t, h in enumerate(states(layer, sample)[:-1]):
        p = torch.softmax(layer.codes.weight @ h + layer.codes.bias, 0)
        days = torch.clamp(layer.days.weight[0] @ h + layer.days.bias[0], min=0)
        x = torch.zeros(5, dtype=torch.float64)
        x[codes[t + 1]] = 1.0
        code_loss = -(x * p.log() + (1 - x) * (1 - p).log()).sum()
        found.append(code_loss + 0.5 * (steps[t + 1, 0].double() - days) ** 2)
    return found


def test_answers_and_losses_equal_the_equations(samples, make_batch):
    layer, batch = model(every=0.7), make_batch(samples)
    batch.target = torch.ones(5, 4).double()
    logits, wanted = [], []
    for sample in samples:
        last = [torch.zeros(3).double(), *states(layer, sample)][-1]
        joined = torch.cat([last, sample[2].double()])
        logits.append(layer.output.weight @ joined + layer.output.bias)
        asked = each(logits[-1][None], batch.target[:1])[0]
        of_visits = visit_losses(layer, sample)
        mean = sum(of_visits) / len(of_visits) if of_visits else 0.0
        wanted.append(asked + 0.7 * mean)
    torch.testing.assert_close(layer(batch), torch.stack(logits))
    torch.testing.assert_close(layer.losses(batch, each), torch.stack(wanted))


def test_what_is_expected_after_each_visit(samples, make_batch):
    layer = model()
    codes, days = layer.next_visit(make_batch(samples[2:3]))
    for place, h in enumerate(states(layer, samples[2])):
        wanted = torch.softmax(layer.codes.weight @ h + layer.codes.bias, 0)
        torch.testing.assert_close(codes[place], wanted)
        rate = layer.days.weight[0] @ h + layer.days.bias[0]
        torch.testing.assert_close(days[place], torch.clamp(rate, min=0))


@pytest.mark.parametrize("answer", ["multilabel", "classes"])
def test_every_parameter_is_reached_by_a_finite_gradient(answer, samples, make_batch):
    layer, batch = model(layers=2, dropout=0.1, answer=answer).train(), make_batch(samples)
    batch.target = torch.ones(5, 4).double()
    layer.losses(batch, each).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_single_visits_and_none_have_the_asked_loss_alone(samples, make_batch):
    layer, batch = model(), make_batch([samples[1], samples[3]])
    batch.target = torch.zeros(2, 4).double()
    torch.testing.assert_close(layer.losses(batch, each), each(layer(batch), batch.target))


def test_asked_on_the_way(samples, make_batch):
    layer, batch = model(every=0.7), make_batch(samples)
    visits = states(layer, samples[2])
    # Of the batch's longest record, which stands first among those of each time: after its first
    # visit, after its second, and before any.
    assert len(visits) == len(batch.steps.batch_sizes)
    places = [0, int(batch.steps.batch_sizes[0]), -1]
    static = torch.arange(9.0).view(3, 3).double()
    batch.asked, batch.static, batch.target = (
        torch.tensor(places),
        static,
        torch.ones(3, 4).double(),
    )
    last = torch.stack([visits[0], visits[1], torch.zeros(3).double()])
    wanted = torch.cat([last, static], 1) @ layer.output.weight.T + layer.output.bias
    torch.testing.assert_close(layer(batch), wanted)
    means = [visit_losses(layer, sample) for sample in samples]
    mean = sum(sum(one) / len(one) for one in means if one) / len(samples)
    torch.testing.assert_close(layer.losses(batch, each), each(wanted, batch.target) + 0.7 * mean)
