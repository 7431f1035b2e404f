"""Random masks: Philox's published words, the same bits from torch and the library, no order."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from sequela.nn import LSTM
from sequela.ops import masks
from sequela.ops.native import library

# Known answers of the authors' Random123 (kat_vectors, philox4x32 with 10 rounds).
PUBLISHED = (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)


@pytest.mark.parametrize(("counter", "key", "wanted"), PUBLISHED)
def test_the_published_words(counter, key, wanted):
    seed = key[0] | key[1] << 32
    seed = torch.tensor([seed - (1 << 64) if seed >> 63 else seed])
    words = masks.philox(tuple(torch.tensor([word]) for word in counter), seed)
    assert tuple(int(word) for word in words) == wanted


@pytest.mark.skipif(library() is None, reason="the native library is not built here")
@pytest.mark.parametrize("width", [1, 16, 63, 64, 200])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_library_and_torch_draw_the_same(width, dtype, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 2**32, (50,), generator=generator)
    steps = torch.randint(0, 2**32, (50,), generator=generator)
    seed, like = torch.tensor([0x7234567890ABCDEF]), torch.empty(0, dtype=dtype)
    given = (like, seed, 9, rows, steps, width, 0.3, (0.0, 1 / 0.7))
    ours = masks.draw(*given)
    monkeypatch.setattr(masks, "library", lambda: None)
    assert torch.equal(ours, masks.draw(*given))
    assert ours.dtype == dtype


def test_the_rate_is_kept():
    rows = torch.arange(2000)
    drawn = masks.draw(torch.empty(0), torch.tensor([5]), 0, rows, rows, 100, 0.25, (1.0, 0.0))
    assert abs(float(drawn.mean()) - 0.25) < 5 * (0.25 * 0.75 / drawn.numel()) ** 0.5


def layer():
    torch.manual_seed(1)
    return LSTM(3, 20, num_layers=2, bidirectional=True, zoneout=0.3, recurrent_dropout=0.4)


def outputs(model, x, **options):
    torch.manual_seed(7)
    return model(x, **options)[0]


def test_padding_and_packing_change_no_mask():
    model, lengths = layer(), torch.tensor([3, 6, 0, 5])
    x = torch.randn(6, 4, 3)
    ragged = outputs(model, x, lengths=lengths)
    longer = outputs(model, torch.cat([x, torch.zeros(2, 4, 3)]), lengths=lengths)
    assert torch.equal(ragged, longer[:6])
    some = torch.tensor([3, 6, 1, 5])
    packed = pack_padded_sequence(x, some, enforce_sorted=False)
    apart, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs(model, packed))
    assert torch.equal(apart, outputs(model, x, lengths=some))


def test_a_restored_generator_gives_the_same_masks():
    model, x = layer(), torch.randn(6, 4, 3)
    first = outputs(model, x)
    assert torch.equal(first, outputs(model, x))
    assert not torch.equal(first, model(x)[0])
