"""Encoder and decoder against their equations; teacher forcing, sampling, and the loss."""

from __future__ import annotations

import pytest
import torch
from tests.recipes.by_hand import gru, weights
from torch.nn.utils.rnn import pack_padded_sequence

from sequela import nn
from sequela.errors import ConfigError, DataError

B, T, M, H, E, V = 3, 4, 5, 4, 2, 3
LENGTHS = torch.tensor([2, 0, 4])


def made(first: bool, **options):
    torch.manual_seed(0)
    attention = nn.AdditiveAttention(H, M, 2, coverage=True)
    layer = nn.Decoder(V, E, H, attention, first=first, **options).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    x, hidden = torch.randn(B, T, M).double(), torch.randn(B, H).double()
    return layer, x, hidden, layer.attention.memory(x, LENGTHS, batch_first=True)


def attend(layer, query, steps, covered):
    own = layer.attention
    powers = []
    for step, once in zip(steps, covered, strict=True):
        inner = own.query.weight @ query + own.query.bias + own.key.weight @ step
        powers.append(torch.exp(own.score.weight[0] @ torch.tanh(inner + once * own.coverage)))
    shares = [power / sum(powers) for power in powers]
    context = sum((a * m for a, m in zip(shares, steps, strict=True)), torch.zeros(M).double())
    return context, shares


def by_hand(layer, first, steps, s, tokens):
    """Logits and maps of one row that reads these tokens."""
    covered, found, maps = [torch.zeros(()).double()] * len(steps), [], []
    fed = torch.zeros(layer.fed_size).double()
    own = weights(layer.state_dict(), "cell")
    for token in [V + 1, *tokens]:
        x = layer.embedding.weight[token]
        if first:
            context, shares = attend(layer, s, steps, covered)
            s = gru(own, torch.cat([x, context]), s)
            joined = torch.cat([s, context])
        else:
            s = gru(own, torch.cat([x, fed]), s)
            context, shares = attend(layer, s, steps, covered)
            joined = torch.tanh(layer.joined.weight @ torch.cat([context, s]))
            fed = joined if layer.fed_size else fed
        covered = [a + b for a, b in zip(covered, shares, strict=True)]
        maps.append(shares)
        found.append(layer.output.weight @ joined + layer.output.bias)
    return torch.stack(found), maps


@pytest.mark.parametrize(("first", "feeding"), [(True, False), (False, False), (False, True)])
def test_logits_and_maps_equal_the_equations(first, feeding):
    layer, x, hidden, memory = made(first, feeding=feeding)
    targets = torch.tensor([[0, 2], [1, 1], [2, 0]])
    logits, maps = layer(targets, hidden, memory)
    assert maps.shape == (B, 3, T)
    for row, length in enumerate(LENGTHS.tolist()):
        tokens = targets[row].tolist()
        wanted, shares = by_hand(layer, first, list(x[row, :length]), hidden[row], tokens)
        torch.testing.assert_close(logits[row], wanted)
        for place, own in enumerate(shares):
            padded = torch.stack([*own, *[torch.zeros(()).double()] * (T - length)])
            torch.testing.assert_close(maps[row, place], padded)
    (logits.sum() + maps.square().sum()).backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_scheduled_sampling_reads_what_it_said():
    layer, _, hidden, memory = made(True)
    targets = torch.zeros(B, 6, dtype=torch.int64)
    true, _ = layer(targets, hidden, memory)
    torch.manual_seed(3)
    own, _ = layer(targets, hidden, memory, truth=0.0)
    torch.testing.assert_close(own[:, 0], true[:, 0])
    assert not torch.equal(own, true)
    torch.manual_seed(3)
    again, _ = layer(targets, hidden, memory, truth=0.0)
    assert torch.equal(own, again)


@pytest.mark.parametrize("first", [True, False])
def test_the_loss_of_a_sequence_counts_its_tokens_and_its_end(first):
    layer, _, hidden, memory = made(first)
    targets = torch.tensor([[0, 2, -1, -1], [1, -1, -1, -1], [-1, -1, -1, -1]])
    logits, _ = layer(targets.clamp(min=0), hidden, memory)
    told = targets.clamp(min=0), torch.tensor([2, 1, 0]), hidden, memory
    chances = torch.log_softmax(logits, dim=2)
    wanted = torch.stack(
        [
            -(chances[0, 0, 0] + chances[0, 1, 2] + chances[0, 2, V]),
            -(chances[1, 0, 1] + chances[1, 1, V]),
            -chances[2, 0, V],
        ]
    )
    torch.testing.assert_close(layer.losses(*told), wanted)
    # Smoothing: a share of each step's target is spread over all tokens and the end.
    there = torch.arange(5) <= told[1][:, None]
    spread = (-chances.mean(dim=2) * there).sum(1)
    found = layer.losses(*told, smoothing=0.1)
    torch.testing.assert_close(found, 0.9 * wanted + 0.1 * spread)
    assert layer.losses(*(part[:0] for part in told[:3]), memory.of_rows(told[1][:0])).shape == (0,)


def test_dropout_of_what_is_read_is_for_training():
    layer, _, hidden, memory = made(True, reading_dropout=0.5)
    targets = torch.zeros(B, 3, dtype=torch.int64)
    layer.eval()
    still, _ = layer(targets, hidden, memory)
    assert torch.equal(still, layer(targets, hidden, memory)[0])
    assert not torch.equal(still, layer.train()(targets, hidden, memory)[0])


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_an_encoder_is_its_layers(kind, bidirectional):
    torch.manual_seed(2)
    layer = nn.Encoder(M, H, 3, kind=kind, bidirectional=bidirectional, residual=True).double()
    x = torch.randn(B, T, M).double()
    packed = pack_padded_sequence(x, LENGTHS.clamp(min=1), batch_first=True, enforce_sorted=False)
    wanted, h = packed, None
    for number, one in enumerate(layer.layers):
        output, h = one(wanted)
        wanted = output._replace(data=output.data + wanted.data) if number else output
    found = layer(packed)
    torch.testing.assert_close(found.states.data, wanted.data)
    last = h[0] if isinstance(h, tuple) else h
    torch.testing.assert_close(found.final, torch.cat(list(last), dim=1))
    if not bidirectional:
        again = layer(packed, found.carried)
        assert not torch.equal(again.final, found.final)


@pytest.mark.parametrize("residual", [False, True])
def test_directions_that_are_added_up_are_as_wide_as_one(residual):
    layer = nn.Encoder(M, H, 2, bidirectional=True, merge="sum", residual=residual)
    packed = pack_padded_sequence(torch.randn(B, 2, M), [2, 2, 2], batch_first=True)
    assert layer(packed).states.data.shape == (2 * B, layer.output_size)
    assert layer.output_size == H


def test_mistakes():
    layer, _, hidden, memory = made(True)
    with pytest.raises(DataError, match="the targets"):
        layer(torch.full((B, 1), V + 1), hidden, memory)
    with pytest.raises(ConfigError, match="the attention of a decoder"):
        nn.Decoder(V, E, H + 1, layer.attention)
    with pytest.raises(ConfigError, match="feeding of a decoder"):
        nn.Decoder(V, E, H, nn.AdditiveAttention(H, M, 2), feeding=True)
    with pytest.raises(ConfigError, match="tokens"):
        nn.Decoder(0, E, H, layer.attention)
    with pytest.raises(ConfigError, match="layers of an encoder"):
        nn.Encoder(M, H, 0)
    with pytest.raises(ConfigError, match="dropout of an encoder"):
        nn.Encoder(M, H, dropout=1.0)
