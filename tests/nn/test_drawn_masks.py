"""Which random numbers a layer draws in training: told by the documentation, computed here anew.

Philox 4x32-10: the seed is the key, (block, step, row of the batch, stream) the counter. Recurrent
dropout, zoneout of h and zoneout of c have a stream each in every layer and direction.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence

from sequela import nn
from sequela.ops import run

WORD = 0xFFFFFFFF
H, LENGTHS = 70, [2, 4, 0, 3]
ORDER, SIZES = [1, 3, 0, 2], [3, 3, 2, 1]


def philox(counter: tuple[int, ...], key: int) -> list[int]:
    a, b, c, d = counter
    low, high = key & WORD, key >> 32
    for _ in range(10):
        first, second = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (second >> 32) ^ b ^ low, second & WORD, (first >> 32) ^ d ^ high, first & WORD
        low, high = (low + 0x9E3779B9) & WORD, (high + 0xBB67AE85) & WORD
    return [a, b, c, d]


def mask(
    seed: int, stream: int, places: list[tuple[int, int]], rate: float, values
) -> torch.Tensor:
    """For each (row of the batch, step) the values of H units."""
    rows = []
    for row, step in places:
        words = [
            philox((unit // 64 * 16 + unit % 16, step, row, stream), seed)[unit // 16 % 4]
            for unit in range(H)
        ]
        rows.append([values[word >= int(rate * 2**32 + 0.5)] for word in words])
    return torch.tensor(rows)


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "lengths"])
def test_a_layer_draws_what_it_says(packed):
    torch.manual_seed(5)
    options = {"num_layers": 2, "bidirectional": True}
    layer = nn.LSTM(3, H, zoneout=(0.3, 0.2), recurrent_dropout=0.4, **options)
    x = torch.randn(4, 4, 3)
    steps = [(t, b) for t, size in enumerate(SIZES) for b in ORDER[:size]]
    times, rows = (torch.tensor(each) for each in zip(*steps, strict=True))
    data = x[times, rows]
    torch.manual_seed(6)
    seed = int(torch.randint(0, 2**63 - 1, (1,)))
    torch.manual_seed(6)
    if packed:
        sequence = PackedSequence(data, torch.tensor(SIZES), torch.tensor(ORDER))
        found = layer(sequence)[0].data
    else:
        found = layer(x, lengths=LENGTHS)[0][times, rows]
    places = [(b, t) for t, b in steps]
    state, halves = (torch.zeros(4, H), torch.zeros(4, H)), []
    for index in range(4):
        stream = 4 * index
        output = run(
            "lstm",
            data,
            SIZES,
            state,
            layer._weights(index),
            reverse=index % 2 == 1,
            mask=mask(seed, stream, [(b, 0) for b in ORDER], 0.4, (0.0, 1 / 0.6)),
            keep=[
                mask(seed, stream + 1, places, 0.3, (1.0, 0.0)),
                mask(seed, stream + 2, places, 0.2, (1.0, 0.0)),
            ],
        ).output
        halves.append(output)
        if index % 2:
            data = torch.cat(halves[-2:], 1)
    assert torch.equal(found, data)
