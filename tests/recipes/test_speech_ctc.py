"""CTC against the sum over all paths: nats, gradients, search, and records too short for a path."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from tests.recipes.by_hand import lstm, weights

from sequela import recipes

H, TOKENS = 3, 3
TARGETS = [[1], [], [2, 2], [2], [1, 2]]


def model(**options):
    torch.manual_seed(0)
    sizes = {"step_size": 2, "tokens": TOKENS, "hidden_size": H}
    return recipes.build("speech_ctc", **{**sizes, **options}).double().eval()


def given(samples, make_batch, targets=TARGETS):
    batch = make_batch(samples)
    longest = max(map(len, targets))
    batch.target = torch.tensor([row + [-1] * (longest - len(row)) for row in targets])
    return batch


def chances_by_hand(layer, steps):
    """``[T, V + 1]``, the probabilities of each frame."""
    state, steps = layer.state_dict(), steps.double()
    found = []
    for suffix, order in (("_l0", range(len(steps))), ("_l0_reverse", reversed(range(len(steps))))):
        h = c = torch.zeros(H, dtype=torch.float64)
        ways = {}
        for t in order:
            h, c = lstm(weights(state, "recurrent", suffix), steps[t], h, c)
            ways[t] = h
        found.append(ways)
    read = [torch.cat([found[0][t], found[1][t]]) for t in range(len(steps))]
    w, b = state["output.weight"], state["output.bias"]
    return [torch.softmax(w @ one + b, 0) for one in read]


def chance_of(chances, target) -> float:
    total = 0.0
    for path in itertools.product(range(TOKENS + 1), repeat=len(chances)):
        said = [one for one, _ in itertools.groupby(path) if one != TOKENS]
        if said == target:
            total += math.prod(float(row[one]) for row, one in zip(chances, path, strict=True))
    return total


def test_nats_equal_the_sum_over_all_paths(samples, make_batch):
    layer = model()
    found = layer(given(samples, make_batch)).detach()
    for row, ((_, steps, _), target) in enumerate(zip(samples, TARGETS, strict=True)):
        chance = chance_of(chances_by_hand(layer, steps), target)
        wanted = -math.log(chance) / max(1, len(target))
        assert float(found[row]) == pytest.approx(wanted), row


def test_the_length_of_a_record_counts_not_the_batch(samples, make_batch):
    layer, whole = model(), given(samples, make_batch)
    together = layer(whole)
    for row, (sample, target) in enumerate(zip(samples, TARGETS, strict=True)):
        alone = layer(given([sample], make_batch, [target]))
        torch.testing.assert_close(alone[0], together[row])


def test_a_record_too_short_for_its_labels(samples, make_batch):
    layer = model()
    # Two equal labels need a blank between them: three frames.
    batch = given([samples[0], samples[1]], make_batch, [[1, 1], [1, -1]])
    found = layer(batch)
    assert found.tolist() == [0, 0]
    found.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in layer.parameters())


def test_the_search_finds_the_best_of_all_labels(samples, make_batch):
    layer = model(beam=200)
    found = layer.hypotheses(given(samples, make_batch))
    for row, (_, steps, _) in enumerate(samples):
        chances, every = chances_by_hand(layer, steps), []
        for count in range(len(steps) + 1):
            # The unknown label, number 0, is never said.
            targets = map(list, itertools.product((1, 2), repeat=count))
            every += [(chance_of(chances, target), target) for target in targets]
        every = sorted((one for one in every if one[0]), reverse=True)
        for place, (chance, target) in enumerate(every):
            length = int(found.lengths[row, place])
            assert found.tokens[row, place, :length].tolist() == target
            assert float(found.scores[row, place]) == pytest.approx(math.log(chance))


def test_gradients_are_those_of_finite_differences(samples, make_batch):
    layer, batch = model(), given(samples, make_batch)
    names = [name for name, _ in layer.named_parameters()]

    def loss(*values):
        own = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, own, (batch,)).sum()

    values = tuple(p.detach().requires_grad_() for p in layer.parameters())
    assert torch.autograd.gradcheck(loss, values, fast_mode=True)


def test_every_parameter_is_reached_by_a_finite_gradient(samples, make_batch):
    layer = model(layers=2, dropout=0.1).train()
    layer(given(samples, make_batch)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
