"""Padded data to packed rows and back, by the library: the numbers of torch's index operators."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sequela import nn
from sequela.nn import arrange
from sequela.ops import force
from sequela.ops.native import library
from sequela.ops.padded import Padding, copies

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")

LENGTHS = ([3, 5, 1, 5, 2], [4, 3, 3, 1], [0, 2, 0], [0, 0], [7], [])
TYPES = (torch.float32, torch.float64, torch.bfloat16)


def drawn(lengths: list[int], extra: int, width: int, batch_first: bool, dtype: torch.dtype):
    steps = max(lengths, default=0) + extra
    axes = (len(lengths), steps) if batch_first else (steps, len(lengths))
    return steps, torch.randn(*axes, width).to(dtype)


def sources(lengths: list[int]) -> list[tuple[int, int]]:
    """The row and step of each packed row."""
    order = sorted(range(len(lengths)), key=lambda b: -lengths[b])
    return [(b, t) for t in range(max(lengths, default=0)) for b in order if lengths[b] > t]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_rows_go_where_they_belong_and_back(lengths, batch_first):
    for extra, width, dtype in ((0, 1, TYPES[0]), (3, 2, TYPES[2]), (1, 7, TYPES[1])):
        steps, x = drawn(lengths, extra, width, batch_first, dtype)
        padding = Padding(torch.tensor(lengths, dtype=torch.int64), steps, batch_first)
        by_row = x if batch_first else x.transpose(0, 1)
        wanted = [by_row[b, t] for b, t in sources(lengths)]
        wanted = torch.stack(wanted) if wanted else x.new_empty(0, width)
        packed = padding.gather(x)
        assert torch.equal(packed, wanted)
        assert padding.sizes.count == sum(lengths)
        beyond = torch.arange(steps) >= torch.tensor(lengths)[:, None]
        beyond = beyond if batch_first else beyond.t()
        assert torch.equal(padding.scatter(packed), x.masked_fill(beyond[..., None], 0))


def test_equal_lengths_stay_in_their_order_and_a_sorted_batch_needs_none():
    padding = Padding(torch.tensor([2, 3, 2, 3, 0]), 4, True)
    assert padding.order is not None
    assert padding.order.tolist() == [1, 3, 0, 2, 4]
    assert padding.place is not None
    assert padding.place.tolist() == [2, 0, 3, 1, 4]
    assert padding.sizes.sizes.tolist() == [4, 4, 2]
    descending = Padding(torch.tensor([3, 3, 1, 0]), 4, True)
    assert descending.order is None
    assert descending.place is None


@pytest.mark.parametrize("batch_first", [False, True])
def test_any_strides_are_read_as_they_are(batch_first):
    lengths = torch.tensor([2, 4, 1])
    padding = Padding(lengths, 4, batch_first)
    axes = (3, 4) if batch_first else (4, 3)
    wide = torch.randn(*axes, 6)
    turned = torch.randn(*reversed(axes), 6).transpose(0, 1)
    views = [wide[..., 1:4], wide[..., ::2], turned, wide.flip(0), torch._neg_view(wide)]
    views += [wide[:1, :1].expand(*axes, 6), torch.ones(()).expand(*axes, 6)]
    views += [
        wide[:1].expand(*axes, 6),
        wide[:, :1].expand(*axes, 6),
        wide[..., :1].expand(*axes, 6),
    ]
    for x in views:
        assert torch.equal(padding.gather(x), padding.gather(x.clone().contiguous()))
        rows = padding.gather(x)
        assert torch.equal(padding.scatter(rows.t().contiguous().t()), padding.scatter(rows))


def test_the_lengths_are_the_paddings_own():
    lengths = torch.tensor([1, 2])
    padding = Padding(lengths, 2, True)
    lengths.fill_(99)
    x = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
    assert padding.gather(x).flatten().tolist() == [3, 1, 4]


def test_lengths_out_of_range_are_refused():
    for wrong in ([3], [-1], [1 << 62], [-(1 << 63)]):
        with pytest.raises(RuntimeError, match="native"):
            Padding(torch.tensor(wrong), 2, True)


def test_many_threads_move_what_one_moves():
    lengths = torch.randint(0, 301, (40,))
    x = torch.randn(40, 300, 64)
    threads = torch.get_num_threads()
    for first in (True, False):
        padding = Padding(lengths, 300, first)
        data = x if first else x.transpose(0, 1).contiguous()
        try:
            torch.set_num_threads(1)
            alone = padding.gather(data), padding.scatter(padding.gather(data))
            torch.set_num_threads(3)
            together = padding.gather(data), padding.scatter(padding.gather(data))
        finally:
            torch.set_num_threads(threads)
        assert all(map(torch.equal, alone, together))


@pytest.mark.parametrize("batch_first", [False, True])
def test_gradients_of_both_and_of_these(batch_first):
    lengths = [2, 0, 3]
    steps, x = drawn(lengths, 1, 2, batch_first, torch.float64)
    padding = Padding(torch.tensor(lengths), steps, batch_first)
    x.requires_grad_()
    rows = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    for function, given in ((padding.gather, x), (padding.scatter, rows)):
        assert torch.autograd.gradcheck(function, given)
        assert torch.autograd.gradgradcheck(function, given)


def test_who_copies():
    x = torch.zeros(1, 1, 1)
    assert copies(x)
    assert copies(torch.nn.Parameter(x))
    assert copies(x.bfloat16())
    assert not copies(x.to("meta"))
    assert not copies(x.to(torch.complex64))
    assert not copies(x.to_sparse())
    with force("reference"):
        assert not copies(x)
    with force("native"):
        assert copies(x)
    seen = []
    torch.func.vmap(lambda part: (seen.append(copies(part)), part)[1])(x)
    assert seen == [False]
    with torch.autograd.forward_ad.dual_level():
        assert not copies(x)


KINDS = (
    (nn.LSTM, {"bidirectional": True, "num_layers": 2}),
    (nn.GRU, {"reset_after": False, "return_all_states": True, "bidirectional": True}),
    (nn.RNN, {"return_sequences": False, "go_backwards": True}),
    (nn.LSTM, {"proj_size": 3, "layer_norm": True, "zoneout": 0.2, "recurrent_dropout": 0.3}),
    (nn.GRU, {"merge": None, "bidirectional": True}),
)


def flat(found) -> list[torch.Tensor]:
    if isinstance(found, torch.Tensor):
        return [found]
    return [part for one in found for part in flat(one)]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_layers_have_the_bits_that_torchs_index_operators_give(kind, options, dtype, monkeypatch):
    for batch_first, lengths, given in ((True, [3, 0, 6, 6, 2], True), (False, [5, 4, 1], False)):
        layer = kind(4, 7, batch_first=batch_first, dtype=dtype, **options)
        _, x = drawn(lengths, 2, 4, batch_first, dtype)
        count = layer.num_layers * (2 if layer.bidirectional else 1)
        hx = tuple(torch.randn(count, len(lengths), w).to(dtype) for w in layer._state_widths())
        results = []
        for moved in (True, False):
            with monkeypatch.context() as patch:
                if not moved:
                    patch.setattr(arrange, "copies", lambda x: False)
                torch.manual_seed(3)
                mine = x.clone().requires_grad_()
                start = tuple(part.clone().requires_grad_() for part in hx) if given else None
                passed = start[0] if start and len(start) == 1 else start
                outputs = flat(layer(mine, passed, lengths=lengths))
                sum((part * part).sum() for part in outputs).backward()
                leaves = (mine, *(start or ()), *layer.parameters())
                results.append([*outputs, *(leaf.grad for leaf in leaves)])
                layer.zero_grad()
        for ours, wanted in zip(*results, strict=True):
            assert torch.equal(ours, wanted)


def test_a_packed_sequence_and_padded_data_have_the_same_bits():
    layer = nn.LSTM(5, 20, bidirectional=True, batch_first=True)
    lengths, x = [4, 9, 1, 9], torch.randn(4, 11, 5)
    padded, (h_n, c_n) = layer(x, lengths=lengths)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, (again, cells) = layer(packed)
    output, _ = pad_packed_sequence(output, batch_first=True, total_length=11)
    assert torch.equal(padded, output)
    assert torch.equal(h_n, again)
    assert torch.equal(c_n, cells)


def test_a_gradient_of_a_gradient_through_padded_data():
    layer = nn.GRU(2, 3, batch_first=True, dtype=torch.float64)
    x = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: layer(x, lengths=[2, 3])[0], x)
