"""Laws that every recurrent layer keeps, for random cells, sizes, lengths and values."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tolerances import EXACT, REFERENCE
from torch.nn.utils.rnn import PackedSequence

from sequela import nn

D, H = 2, 3
CELLS = {
    "rnn": (nn.RNN, {}),
    "relu": (nn.RNN, {"nonlinearity": "relu"}),
    "sigmoid": (nn.RNN, {"nonlinearity": "sigmoid"}),
    "lstm": (nn.LSTM, {}),
    "peephole": (nn.LSTM, {"peephole": True, "layer_norm": True}),
    "projected": (nn.LSTM, {"proj_size": 2}),
    "gru": (nn.GRU, {}),
    "gru before": (nn.GRU, {"reset_after": False}),
}


class Case:
    """A layer, a batch ``[T, B, D]`` with lengths of which some may be 0, and an initial state."""

    def __init__(self, cell: str, lengths: list[int], seed: int, **options):
        torch.manual_seed(seed)
        self.kind, own = CELLS[cell]
        self.options = {**own, "dtype": torch.float64}
        self.layer = self.kind(D, H, **self.options, **options)
        self.lengths = torch.tensor(lengths)
        self.x = torch.randn(max(lengths), len(lengths), D, dtype=torch.float64)
        count = self.layer.num_layers * (2 if self.layer.bidirectional else 1)
        widths = [self.layer.proj_size or H, H][: 2 if self.kind is nn.LSTM else 1]
        self.hx = tuple(torch.randn(count, len(lengths), w, dtype=torch.float64) for w in widths)

    def __call__(self, x=None, hx=None, layer=None, **options):
        """Output and a tuple of final states."""
        options.setdefault("lengths", self.lengths)
        given = self.hx if hx is None else hx
        given = given if self.kind is nn.LSTM else given[0]
        with torch.no_grad():
            x = self.x if x is None else x
            output, final = (layer or self.layer)(x, given, **options)
        return output, final if self.kind is nn.LSTM else (final,)


def flipped(x, lengths):
    """Each row ``[T, B, ...]`` reversed within its length."""
    rows = []
    for b, length in enumerate(lengths.tolist()):
        rows.append(torch.cat([x[:length, b].flip(0), x[length:, b]]))
    return torch.stack(rows, 1)


cases = {
    "cell": st.sampled_from(list(CELLS)),
    "lengths": st.lists(st.integers(0, 6), min_size=1, max_size=4).filter(any),
    "seed": st.integers(0, 99),
}
law = settings(max_examples=25, deadline=None)


@law
@given(**cases, extra=st.integers(1, 4), value=st.floats(-9, 9))
def test_padding_changes_nothing(cell, lengths, seed, extra, value):
    case = Case(cell, lengths, seed, bidirectional=True, num_layers=2)
    output, final = case()
    beyond = torch.arange(len(case.x))[:, None] >= case.lengths
    padded = case.x.masked_fill(beyond[..., None], value)
    padded = torch.cat([padded, padded.new_full((extra, *padded.shape[1:]), value)])
    longer, again = case(padded)
    torch.testing.assert_close(longer[: len(output)], output, **EXACT)
    torch.testing.assert_close(again, final, **EXACT)
    assert torch.count_nonzero(longer[len(output) :]) == 0
    assert torch.count_nonzero(output[beyond]) == 0


@law
@given(**cases)
def test_a_permuted_batch_permutes(cell, lengths, seed):
    case = Case(cell, lengths, seed, bidirectional=True)
    output, final = case()
    order = torch.randperm(len(lengths))
    hx = tuple(part[:, order] for part in case.hx)
    permuted, again = case(case.x[:, order], hx, lengths=case.lengths[order])
    torch.testing.assert_close(permuted, output[:, order], **REFERENCE)
    torch.testing.assert_close(again, tuple(part[:, order] for part in final), **REFERENCE)


@law
@given(**cases)
def test_the_rest_of_the_batch_changes_nothing(cell, lengths, seed):
    case = Case(cell, lengths, seed)
    output, final = case()
    for b, length in enumerate(lengths):
        hx = tuple(part[:, b : b + 1] for part in case.hx)
        alone, ends = case(case.x[:, b : b + 1], hx, lengths=[length])
        torch.testing.assert_close(alone[:, 0], output[:, b], **REFERENCE)
        torch.testing.assert_close(ends, tuple(p[:, b : b + 1] for p in final), **REFERENCE)


@law
@given(**cases)
def test_reversing_twice_is_nothing(cell, lengths, seed):
    case = Case(cell, lengths, seed)
    backward = case.kind(D, H, go_backwards=True, **case.options)
    backward.load_state_dict(case.layer.state_dict())
    output, final = case()
    mirrored, ends = case(flipped(case.x, case.lengths), layer=backward)
    torch.testing.assert_close(flipped(mirrored, case.lengths), output, **REFERENCE)
    torch.testing.assert_close(ends, final, **REFERENCE)


@law
@given(**cases, cut=st.integers(0, 6))
def test_split_with_carried_state_is_one_pass(cell, lengths, seed, cut):
    case = Case(cell, lengths, seed, num_layers=2)
    cut = min(cut, len(case.x))
    output, final = case()
    head, state = case(case.x[:cut], lengths=case.lengths.clamp(max=cut))
    tail, state = case(case.x[cut:], state, lengths=(case.lengths - cut).clamp(min=0))
    torch.testing.assert_close(torch.cat([head, tail]), output, **REFERENCE)
    torch.testing.assert_close(state, final, **REFERENCE)


@law
@given(**cases, cut=st.integers(0, 5))
def test_a_reset_is_a_split_without_the_state(cell, lengths, seed, cut):
    case = Case(cell, lengths, seed)
    cut = min(cut, len(case.x) - 1)
    reset = torch.zeros(case.x.shape[:2], dtype=torch.bool)
    reset[cut] = True
    output, final = case(reset=reset)
    head, middle = case(case.x[:cut], lengths=case.lengths.clamp(max=cut))
    fresh = tuple(torch.zeros_like(part) for part in case.hx)
    tail, last = case(case.x[cut:], fresh, lengths=(case.lengths - cut).clamp(min=0))
    torch.testing.assert_close(torch.cat([head, tail]), output, **REFERENCE)
    # A row that ended before the cut never saw the reset.
    reached = (case.lengths > cut)[:, None]
    ends = tuple(torch.where(reached, b, a) for a, b in zip(middle, last, strict=True))
    torch.testing.assert_close(ends, final, **REFERENCE)


@law
@given(**cases)
def test_a_bidirectional_layer_is_two_layers(cell, lengths, seed):
    case = Case(cell, lengths, seed, bidirectional=True)
    output, final = case()
    halves = output.chunk(2, dim=-1)
    for direction, suffix in enumerate(("", "_reverse")):
        single = case.kind(D, H, go_backwards=direction == 1, **case.options)
        own = {name: getattr(case.layer, name + suffix) for name in single.state_dict()}
        single.load_state_dict(own)
        one = slice(direction, direction + 1)
        alone, ends = case(hx=tuple(part[one] for part in case.hx), layer=single)
        torch.testing.assert_close(alone, halves[direction], **REFERENCE)
        torch.testing.assert_close(ends, tuple(part[one] for part in final), **REFERENCE)


@law
@given(**cases)
def test_packed_is_padded(cell, lengths, seed):
    case = Case(cell, lengths, seed, bidirectional=True, num_layers=2)
    output, final = case()
    order = sorted(range(len(lengths)), key=lambda b: -lengths[b])
    sizes = [sum(length > t for length in lengths) for t in range(max(lengths))]
    steps = [(t, b) for t, size in enumerate(sizes) for b in order[:size]]
    times, rows = (torch.tensor(each) for each in zip(*steps, strict=True))
    packed = PackedSequence(case.x[times, rows], torch.tensor(sizes), torch.tensor(order))
    result, ends = case(packed, lengths=None)
    torch.testing.assert_close(result.data, output[times, rows], **REFERENCE)
    torch.testing.assert_close(ends, final, **REFERENCE)


@law
@given(**cases)
def test_a_stack_is_its_layers(cell, lengths, seed):
    case = Case(cell, lengths, seed, num_layers=3)
    output, final = case()
    x, ends = case.x, []
    for level in range(3):
        single = case.kind(x.shape[-1], H, **case.options)
        names = list(single.state_dict())
        single.load_state_dict(
            {name: getattr(case.layer, name.replace("l0", f"l{level}")) for name in names}
        )
        x, end = case(x, tuple(part[level : level + 1] for part in case.hx), single)
        ends.append(end)
    torch.testing.assert_close(x, output, **REFERENCE)
    joined = tuple(torch.cat(parts) for parts in zip(*ends, strict=True))
    torch.testing.assert_close(joined, final, **REFERENCE)


@law
@given(**cases)
def test_gradients_know_no_padding(cell, lengths, seed):
    case = Case(cell, lengths, seed, bidirectional=True)

    def gradients(x, **options):
        x = x.detach().requires_grad_()
        hx = case.hx if case.kind is nn.LSTM else case.hx[0]
        output, final = case.layer(x, hx, **options)
        finals = final if case.kind is nn.LSTM else (final,)
        loss = output.square().sum() + sum(part.sum() for part in finals)
        return torch.autograd.grad(loss, [x, *case.layer.parameters()])

    of_x, *of_weights = gradients(case.x, lengths=case.lengths)
    beyond = torch.arange(len(case.x))[:, None] >= case.lengths
    assert torch.count_nonzero(of_x[beyond]) == 0
    longer = torch.cat([case.x, case.x])
    again, *weights_again = gradients(longer, lengths=case.lengths)
    torch.testing.assert_close(again[: len(case.x)], of_x, **REFERENCE)
    torch.testing.assert_close(weights_again, of_weights, **REFERENCE)
