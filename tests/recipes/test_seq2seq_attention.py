"""The translator against its equations, and its search against every target there is."""

from __future__ import annotations

import itertools

import pytest
import torch
from tests.recipes.by_hand import gru, weights

from sequela import recipes

H, E, TOKENS = 3, 2, 3


def model(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 5, "tokens": TOKENS, "embedding_size": E, "hidden_size": H}
    layer = recipes.build("seq2seq_attention", **{**sizes, **options}).double().eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return layer


def read_by_hand(layer, codes):
    """m_1 ... m_S and s_0."""
    state = layer.state_dict()
    zeros = torch.zeros(H, dtype=torch.float64)
    e = [
        sum((layer.embedding.weight[k] for k in found), torch.zeros(E).double()) for found in codes
    ]
    ways, finals = [], []
    for suffix, order in (("_l0", range(len(e))), ("_l0_reverse", reversed(range(len(e))))):
        h, found = zeros, [zeros] * len(e)
        for t in order:
            h = gru(weights(state, "encoder.layers.0", suffix), e[t], h)
            found[t] = h
        ways.append(found)
        finals.append(h)
    memory = [torch.cat(pair) for pair in zip(*ways, strict=True)]
    first = torch.tanh(state["first.weight"] @ torch.cat(finals) + state["first.bias"])
    return memory, first


def attended(state, kind, s, memory):
    name = "decoder.attention"
    if kind == "bahdanau":
        query = state[f"{name}.query.weight"] @ s + state[f"{name}.query.bias"]
        v = state[f"{name}.score.weight"][0]
        scores = [v @ torch.tanh(query + state[f"{name}.key.weight"] @ m) for m in memory]
    else:
        scores = [s @ (state[f"{name}.key.weight"] @ m) for m in memory]
    shares = torch.softmax(torch.stack(scores), 0) if scores else torch.zeros(0).double()
    context = sum((a * m for a, m in zip(shares, memory, strict=True)), torch.zeros(2 * H).double())
    return context, shares


def chances_by_hand(layer, kind, feeding, codes, target):
    """log P of each token and the end, and the attention."""
    state = layer.state_dict()
    memory, s = read_by_hand(layer, codes)
    own, found, maps = weights(state, "decoder.cell"), [], []
    r = torch.zeros(H, dtype=torch.float64)
    for before, token in zip([TOKENS + 1, *target], [*target, TOKENS], strict=True):
        x = state["decoder.embedding.weight"][before]
        if kind == "bahdanau":
            context, shares = attended(state, kind, s, memory)
            s = gru(own, torch.cat([x, context]), s)
            r = torch.cat([s, context])
        else:
            s = gru(own, torch.cat([x, r]) if feeding else x, s)
            context, shares = attended(state, kind, s, memory)
            r = torch.tanh(state["decoder.joined.weight"] @ torch.cat([context, s]))
        logits = state["decoder.output.weight"] @ r + state["decoder.output.bias"]
        found.append(torch.log_softmax(logits, 0)[token])
        maps.append(shares)
    return torch.stack(found), maps


KINDS = [("bahdanau", False), ("luong", False), ("luong", True)]


@pytest.mark.parametrize(("kind", "feeding"), KINDS)
def test_nats_and_attention_equal_the_equations(kind, feeding, samples, make_batch):
    layer = model(attention=kind, feeding=feeding)
    batch = make_batch(samples)
    targets = [[1, 2], [], [0, 1, 2], [2], [1, 1]]
    batch.target = torch.tensor([row + [-1] * (3 - len(row)) for row in targets])
    maps = layer.attention_map(batch, batch.target)
    wanted = []
    for row, ((codes, _, _), target) in enumerate(zip(samples, targets, strict=True)):
        logs, shares = chances_by_hand(layer, kind, feeding, codes, target)
        wanted.append(-logs.mean())
        for place, own in enumerate(shares):
            torch.testing.assert_close(maps[row, place, : len(own)], own)
            assert not maps[row, place, len(own) :].any()
    torch.testing.assert_close(layer(batch), torch.stack(wanted))


@pytest.mark.parametrize(("kind", "feeding"), KINDS)
def test_the_search_finds_the_best_of_all_targets(kind, feeding, samples, make_batch):
    layer = model(attention=kind, feeding=feeding, most=3, beam=30, length_power=0.5)
    found = layer.hypotheses(make_batch(samples))
    for row, (codes, _, _) in enumerate(samples):
        every = []
        for count in range(4):
            # The unknown token, number 0, is never written.
            for target in itertools.product((1, 2), repeat=count):
                logs, _ = chances_by_hand(layer, kind, feeding, codes, list(target))
                every.append((float(logs.sum().detach()) / ((5 + count) / 6) ** 0.5, list(target)))
        every.sort(reverse=True)
        for place, (score, target) in enumerate(every[:5]):
            length = int(found.lengths[row, place])
            assert found.tokens[row, place, :length].tolist() == target
            assert float(found.scores[row, place]) == pytest.approx(score)
        assert torch.isinf(found.scores[row, len(every) :]).all()


@pytest.mark.parametrize("kind", ["bahdanau", "luong"])
def test_gradients_are_those_of_finite_differences(kind, samples, make_batch):
    layer = model(attention=kind)
    batch = make_batch(samples)
    batch.target = torch.tensor([[1, 2], [2, -1], [0, 1], [-1, -1], [1, 1]])
    names = [name for name, _ in layer.named_parameters()]

    def loss(*values):
        own = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, own, (batch,)).sum()

    given = tuple(p.detach().requires_grad_() for p in layer.parameters())
    assert torch.autograd.gradcheck(loss, given, fast_mode=True)


def test_every_parameter_is_reached_by_a_finite_gradient(samples, make_batch):
    layer = model(attention="luong", dropout=0.1, layers=2, sampling=0.5).train()
    batch = make_batch(samples)
    batch.target = torch.tensor([[1, 2], [2, -1], [0, 1], [-1, -1], [1, 1]])
    layer(batch).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
