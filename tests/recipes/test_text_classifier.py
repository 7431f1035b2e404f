"""The classifier of texts against its equations."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import lstm, weights

from sequela import recipes
from sequela.errors import ConfigError


def model(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": 5, "embedding_size": 4, "hidden_size": 3, "dropout": 0.5}
    return recipes.build("text_classifier", **sizes, **options).double().eval()


def states_by_hand(layer, codes):
    state = layer.state_dict()
    e = [
        sum((layer.embedding.weight[k] for k in found), torch.zeros(4).double()) for found in codes
    ]
    ways = []
    for suffix, order in (("_l0", range(len(e))), ("_l0_reverse", reversed(range(len(e))))):
        h = c = torch.zeros(3, dtype=torch.float64)
        found = [h] * len(e)
        for t in order:
            h, c = lstm(weights(state, "recurrent", suffix), e[t], h, c)
            found[t] = h
        ways.append(found)
    return [torch.cat(pair) for pair in zip(*ways, strict=True)]


@pytest.mark.parametrize("pooling", ["attention", "max", "last", "words+max"])
@pytest.mark.parametrize("classes", [2, 3])
def test_logits_equal_the_equations(pooling, classes, samples, make_batch):
    layer = model(pooling=pooling, classes=classes)
    state = layer.state_dict()
    wanted, shares = [], {}
    for row, (codes, _, _) in enumerate(samples):
        h = states_by_hand(layer, codes)
        r = torch.zeros(6, dtype=torch.float64)
        if h and pooling == "attention":
            w, b = state["head.pool.projection.weight"], state["head.pool.projection.bias"]
            v = state["head.pool.context.weight"][0]
            p = torch.softmax(torch.stack([v @ torch.tanh(w @ one + b) for one in h]), 0)
            shares[row] = p
            r = sum(one * share for one, share in zip(h, p, strict=True))
        elif h and "max" in pooling:
            r = torch.stack(h).amax(0)
        elif h:
            r = torch.cat([h[-1][:3], h[0][3:]])
        if pooling == "words+max":
            words = [sum(layer.embedding.weight[k] for k in found) for found in codes]
            r = torch.cat([r, sum(words, torch.zeros(4).double()) / max(len(words), 1)])
        wanted.append(state["head.output.linear.weight"] @ r + state["head.output.linear.bias"])
    found, batch = torch.stack(wanted), make_batch(samples)
    torch.testing.assert_close(layer(batch), found[:, 0] if classes == 2 else found)
    if pooling == "attention":
        order = [shares[i][t] for t in range(4) for i in (2, 0, 4, 3) if len(shares[i]) > t]
        torch.testing.assert_close(layer.attention(batch), torch.stack(order))


def test_hidden_words_are_hidden_whole(samples, make_batch):
    layer = model(word_dropout=0.999).train()
    layer.dropout.p = 0.0
    batch = make_batch(samples)
    assert torch.equal(layer._words(batch).data, torch.zeros(len(batch.code_offsets), 4).double())


def test_every_parameter_is_reached_by_a_finite_gradient(samples, make_batch):
    layer = model(word_dropout=0.1, layers=2, pooling="attention+max+words").train()
    layer(make_batch(samples)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("pooling", ["words", "words+words", "max+words+words", "max+nothing"])
def test_poolings_that_are_none(pooling):
    with pytest.raises(ConfigError, match="pooling"):
        model(pooling=pooling)
