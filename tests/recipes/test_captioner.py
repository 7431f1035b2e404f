"""The captioner against its equations: images, vectors and codes, and its search."""

from __future__ import annotations

import itertools

import pytest
import torch
from tests.recipes.by_hand import gru, weights

from sequela import recipes
from sequela.errors import ConfigError

H, E, TOKENS = 3, 2, 3
TARGETS = [[1, 2], [], [0, 1, 2], [2], [1, 1]]
KINDS = {
    "image": {"step_size": 20, "height": 5, "filters": 2, "place_size": 2},
    "vector": {"step_size": 2},
    "codes": {"step_size": 2, "vocabulary_size": 5},
}


def model(kind, **options):
    torch.manual_seed(0)
    sizes = {"tokens": TOKENS, "embedding_size": E, "hidden_size": H}
    layer = recipes.build("captioner", **{**sizes, **KINDS[kind], **options}).double().eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return layer


@pytest.fixture
def made(samples, make_batch):
    """Of a kind: the batch, and what the first step of each sample has."""

    def make(kind):
        own = samples
        if kind == "image":
            generator = torch.Generator().manual_seed(2)
            own = [
                (codes, torch.randn(len(steps), 20, generator=generator), static)
                for codes, steps, static in samples
            ]
        batch = make_batch(own)
        batch.target = torch.tensor([row + [-1] * (3 - len(row)) for row in TARGETS])
        width = own[0][1].shape[1]
        first = [
            (steps[0].double() if len(steps) else torch.zeros(width).double(), codes[:1])
            for codes, steps, _ in own
        ]
        return batch, first

    return make


def places_by_hand(layer, kind, x, codes):
    """m_1 ... m_P."""
    state = layer.state_dict()
    if kind == "image":
        seen = layer.image(x[None])[0]  # tests/nn/test_image_layers.py has its equations
        return [torch.cat(pair) for pair in zip(seen, state["places"], strict=True)]
    if kind == "codes":
        table = state["embedding.weight"]
        e = sum((table[k] for k in (codes[0] if codes else [])), torch.zeros(E).double())
        x = torch.cat([x, e])
    return [torch.relu(state["vector.weight"] @ x + state["vector.bias"])]


def chances_by_hand(layer, places, target):
    """log P of each word and the end, and the attention."""
    state, own = layer.state_dict(), weights(layer.state_dict(), "decoder.cell")
    s = torch.tanh(state["first.weight"] @ torch.cat(places) + state["first.bias"])
    found, maps, name = [], [], "decoder.attention"
    for before, token in zip([TOKENS + 1, *target], [*target, TOKENS], strict=True):
        query = state[f"{name}.query.weight"] @ s + state[f"{name}.query.bias"]
        v = state[f"{name}.score.weight"][0]
        scores = [v @ torch.tanh(query + state[f"{name}.key.weight"] @ m) for m in places]
        shares = torch.softmax(torch.stack(scores), 0)
        context = sum(a * m for a, m in zip(shares, places, strict=True))
        s = gru(own, torch.cat([state["decoder.embedding.weight"][before], context]), s)
        logits = state["decoder.output.weight"] @ torch.cat([s, context])
        logits = logits + state["decoder.output.bias"]
        found.append(torch.log_softmax(logits, 0)[token])
        maps.append(shares)
    return torch.stack(found), torch.stack(maps)


@pytest.mark.parametrize("kind", KINDS)
def test_nats_and_attention_equal_the_equations(kind, made):
    layer, (batch, first) = model(kind), made(kind)
    found, maps = layer(batch).detach(), layer.attention_map(batch, batch.target).detach()
    for row, ((x, codes), target) in enumerate(zip(first, TARGETS, strict=True)):
        places = places_by_hand(layer, kind, x, codes)
        logs, own = chances_by_hand(layer, places, target)
        torch.testing.assert_close(found[row], -logs.mean().detach())
        torch.testing.assert_close(maps[row, : len(own)], own.detach())


@pytest.mark.parametrize("kind", ["image", "codes"])
def test_the_search_finds_the_best_of_all_sentences(kind, made):
    layer, (batch, first) = model(kind, most=3, beam=30), made(kind)
    found = layer.hypotheses(batch)
    for row, (x, codes) in enumerate(first):
        places, every = places_by_hand(layer, kind, x, codes), []
        for count in range(4):
            # The unknown word, number 0, is never written.
            for target in itertools.product((1, 2), repeat=count):
                logs, _ = chances_by_hand(layer, places, list(target))
                every.append((float(logs.sum().detach()) / ((5 + count) / 6) ** 0.6, list(target)))
        every.sort(reverse=True)
        for place, (score, target) in enumerate(every[:5]):
            length = int(found.lengths[row, place])
            assert found.tokens[row, place, :length].tolist() == target
            assert float(found.scores[row, place]) == pytest.approx(score)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind, made):
    layer, (batch, _) = model(kind), made(kind)
    names = [name for name, _ in layer.named_parameters()]

    def loss(*values):
        own = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, own, (batch,)).sum()

    values = tuple(p.detach().requires_grad_() for p in layer.parameters())
    assert torch.autograd.gradcheck(loss, values, fast_mode=True)
    layer.train()(batch).sum().backward()
    still = [name for name, p in layer.named_parameters() if not p.grad.any()]
    # With one place there is nothing to choose from.
    assert still == [] or (kind != "image" and all("attention" in name for name in still))


@pytest.mark.parametrize(
    "wrong", [{"step_size": 12, "height": 5}, {"step_size": 0}, {"height": 2, "vocabulary_size": 3}]
)
def test_what_cannot_be_described(wrong):
    with pytest.raises(ConfigError, match=r"'height'|'step_size'"):
        recipes.build("captioner", **{"tokens": 2, "step_size": 12, **wrong})
