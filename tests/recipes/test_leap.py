"""LEAP against its equations, what its search says, and both of its losses."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import gru, weights

from sequela import recipes
from sequela.recipes.sets import as_sequences, drawn, jaccard, membership

V = 4


def model(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 5, "step_size": 2, "static_size": 3, "classes": V}
    layer = recipes.build("leap", **sizes, embedding_size=3, hidden_size=2, **options).double()
    for name, parameter in layer.named_parameters():
        if "recurrent" not in name:
            torch.nn.init.normal_(parameter)
    return layer.eval()


def read_by_hand(layer, sample):
    """s_0 and the conditions."""
    codes, steps, static = sample
    state, h = layer.state_dict(), torch.zeros(2, dtype=torch.float64)
    table, conditions = layer.embedding.weight, []
    for visit, times in zip(codes, steps.double(), strict=True):
        embedded = sum((table[code] for code in visit), torch.zeros(3, dtype=torch.float64))
        h = gru(weights(state, "history", "_l0"), torch.cat([embedded, times]), h)
        for code in visit:
            joined = torch.cat([table[code], times])
            conditions.append(layer.condition.weight @ joined + layer.condition.bias)
    first = torch.cat([h, static.double()])
    return torch.tanh(layer.first.weight @ first + layer.first.bias), conditions


def logits_by_hand(layer, s, conditions, tokens):
    """The logits of each next token of one patient, given the tokens before."""
    decoder, found = layer.decoder, []
    own, attention = weights(decoder.state_dict(), "cell"), decoder.attention
    covered = [torch.zeros(()).double()] * len(conditions)
    for token in [V + 1, *tokens]:
        powers = []
        for m, once in zip(conditions, covered, strict=True):
            inner = attention.query.weight @ s + attention.query.bias + attention.key.weight @ m
            inner = torch.tanh(inner + once * attention.coverage)
            powers.append(torch.exp(attention.score.weight[0] @ inner))
        shares = [power / sum(powers) for power in powers]
        context = sum((a * m for a, m in zip(shares, conditions, strict=True)), torch.zeros(3))
        covered = [a + b for a, b in zip(covered, shares, strict=True)]
        s = gru(own, torch.cat([decoder.embedding.weight[token], context.double()]), s)
        joined = torch.cat([s, context.double()])
        found.append(decoder.output.weight @ joined + decoder.output.bias)
    return found


def test_the_loss_equals_the_equations(samples, make_batch):
    layer, batch = model(), make_batch(samples)
    batch.target = torch.tensor(
        [[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1], [0, 1, float("nan"), 0]]
    )
    wanted = []
    for sample, target in zip(samples, batch.target.tolist(), strict=True):
        tokens = [label for label in range(V) if target[label] == 1]
        logits = logits_by_hand(layer, *read_by_hand(layer, sample), tokens)
        chances = [torch.log_softmax(one, 0) for one in logits]
        total = -sum(c[t] for c, t in zip(chances, [*tokens, V], strict=True))
        wanted.append(total / (len(tokens) + 1))
    torch.testing.assert_close(layer.losses(batch, None), torch.stack(wanted))


def test_the_answer_is_the_best_set_and_its_chances(samples, make_batch):
    layer, batch = model(beam=50, most=4), make_batch(samples)
    with torch.no_grad():
        found, sets = layer(batch), layer.hypotheses(batch)
    for row, sample in enumerate(samples):
        tokens = sets.tokens[row, 0, : sets.lengths[row, 0]].tolist()
        assert len(set(tokens)) == len(tokens)
        assert [label for label in range(V) if found[row, label] > 0] == sorted(tokens)
        logits = logits_by_hand(layer, *read_by_hand(layer, sample), tokens)
        chances = torch.stack([torch.softmax(one, 0) for one in logits])
        total = sum(chances[i, t].log() for i, t in enumerate([*tokens, V]))
        torch.testing.assert_close(sets.scores[row, 0], total)
        held = torch.tensor([label in tokens for label in range(V)])
        torch.testing.assert_close(found[row], chances[:, :V].amax(0) - (~held).double())


def test_forbidden_pairs_are_never_said_together(samples, make_batch):
    layer, batch = model(beam=6, length_power=1.0), make_batch(samples)
    with torch.no_grad():
        layer.decoder.output.weight.zero_()
        layer.decoder.output.bias.copy_(torch.tensor([0.0, 0.1, 0.2, 0.3, -20.0]))
        assert bool((layer(batch) > 0).all())
        layer.pair_costs[0, 2] = layer.pair_costs[3, 1] = 1e6
        said = layer(batch) > 0
    assert not bool((said[:, 0] & said[:, 2]).any())
    assert not bool((said[:, 1] & said[:, 3]).any())
    assert bool((said.sum(1) == 2).all())


def test_the_policy_gradient_prefers_what_was_rewarded(samples, make_batch):
    layer, batch = model(policy=0.5), make_batch(samples)
    batch.target = torch.tensor([[0.0, 1, 0, 0]] * 5)
    plain = layer.losses(batch, None)
    layer.train()
    torch.manual_seed(5)
    whole = layer.losses(batch, None)
    torch.manual_seed(5)
    hidden, memory = layer._read(batch)
    tokens, lengths = drawn(layer.decoder, hidden, memory, layer.most)
    greedy = layer.hypotheses(batch, 1)
    rewards = [
        jaccard(membership(*one, V), batch.target)
        for one in ((tokens, lengths), (greedy.tokens[:, 0], greedy.lengths[:, 0]))
    ]
    assert bool((rewards[0] != rewards[1]).any())
    for row, sample in enumerate(samples):
        own = tokens[row, : lengths[row]].tolist()
        logits = logits_by_hand(layer, *read_by_hand(layer, sample), own)
        ended = [*own, V]
        total = -sum(torch.log_softmax(one, 0)[t] for one, t in zip(logits, ended, strict=True))
        added = 0.5 * (rewards[0][row] - rewards[1][row]) * total
        torch.testing.assert_close(whole[row], plain[row] + added)
    whole.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in layer.parameters())


def test_every_parameter_is_reached_by_a_finite_gradient(samples, make_batch):
    layer, batch = model(dropout=0.1, sampling=0.5).train(), make_batch(samples)
    batch.target = torch.ones(5, V)
    layer.losses(batch, None).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_sets_and_sequences():
    target = torch.tensor([[0.0, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0, float("nan")]])
    tokens, lengths = as_sequences(target, 2)
    assert lengths.tolist() == [2, 0, 1]
    assert tokens[0].tolist() == [1, 2]
    assert tokens[2, 0] == 0
    back = membership(tokens, lengths, 4)
    assert back.tolist()[0] == [False, True, True, False]
    found = jaccard(back, target)
    torch.testing.assert_close(found, torch.tensor([2 / 3, 1.0, 1.0]))


@pytest.mark.parametrize("option", ["most", "beam", "classes"])
def test_mistakes(option):
    with pytest.raises(ValueError, match=f"'{option}'"):
        recipes.build(
            "leap",
            **{"vocabulary_size": 2, "step_size": 0, "static_size": 0, "classes": 2} | {option: 0},
        )
