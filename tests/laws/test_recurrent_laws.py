"""Laws that every recurrent layer keeps forward, for random cells, sizes, lengths and values.

Where the native kernels compute, equal means equal bits.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.laws.cases import cases, law
from torch.nn.utils.rnn import PackedSequence

from sequela import nn


@pytest.fixture(autouse=True, scope="module")
def _threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def flipped(x, lengths):
    """Each row ``[T, B, ...]`` reversed within its length."""
    rows = []
    for b, length in enumerate(lengths.tolist()):
        rows.append(torch.cat([x[:length, b].flip(0), x[length:, b]]))
    return torch.stack(rows, 1)


@law
@given(drawn=cases, extra=st.integers(1, 4), value=st.floats(-9, 9))
def test_padding_changes_nothing(drawn, extra, value):
    case = drawn.make(bidirectional=True, num_layers=2)
    output, final = case()
    padded = case.x.masked_fill(case.beyond[..., None], value)
    padded = torch.cat([padded, padded.new_full((extra, *padded.shape[1:]), value)])
    longer, again = case(padded)
    case.assert_same(longer[: len(output)], output)
    case.assert_same(again, final)
    assert torch.count_nonzero(longer[len(output) :]) == 0
    assert torch.count_nonzero(output[case.beyond]) == 0


@law
@given(drawn=cases)
def test_a_permuted_batch_permutes(drawn):
    case = drawn.make(bidirectional=True)
    output, final = case()
    order = torch.randperm(len(case.lengths))
    hx = tuple(part[:, order] for part in case.hx)
    permuted, again = case(case.x[:, order], hx, lengths=case.lengths[order])
    case.assert_same(permuted, output[:, order])
    case.assert_same(again, tuple(part[:, order] for part in final))


@law
@given(drawn=cases)
def test_the_rest_of_the_batch_changes_nothing(drawn):
    case = drawn.make(bidirectional=True, num_layers=2)
    output, final = case()
    for b, length in enumerate(case.lengths.tolist()):
        hx = tuple(part[:, b : b + 1] for part in case.hx)
        alone, ends = case(case.x[:, b : b + 1], hx, lengths=[length])
        case.assert_same(alone[:, 0], output[:, b])
        case.assert_same(ends, tuple(p[:, b : b + 1] for p in final))


@law
@given(drawn=cases, copies=st.integers(2, 9))
def test_the_same_row_gives_the_same_output(drawn, copies):
    case = drawn.make()
    hx = tuple(part.repeat(1, copies, 1) for part in case.hx)
    output, final = case(case.x.repeat(1, copies, 1), hx, lengths=case.lengths.repeat(copies))
    once, ends = case()
    case.assert_same(output, once.repeat(1, copies, 1))
    case.assert_same(final, tuple(part.repeat(1, copies, 1) for part in ends))


@law
@given(drawn=cases)
def test_reversing_twice_is_nothing(drawn):
    case = drawn.make()
    backward = case.single(go_backwards=True)
    backward.load_state_dict(case.layer.state_dict())
    output, final = case()
    mirrored, ends = case(flipped(case.x, case.lengths), layer=backward)
    case.assert_same(flipped(mirrored, case.lengths), output)
    case.assert_same(ends, final)


@law
@given(drawn=cases, cut=st.integers(0, 6))
def test_split_with_carried_state_is_one_pass(drawn, cut):
    case = drawn.make(num_layers=2)
    cut = min(cut, len(case.x))
    output, final = case()
    head, state = case(case.x[:cut], lengths=case.lengths.clamp(max=cut))
    tail, state = case(case.x[cut:], state, lengths=(case.lengths - cut).clamp(min=0))
    case.assert_same(torch.cat([head, tail]), output)
    case.assert_same(state, final)


@law
@given(drawn=cases)
def test_step_by_step_is_one_pass(drawn):
    case = drawn.make(num_layers=2)
    output, final = case()
    state, steps = case.hx, []
    for t in range(len(case.x)):
        lengths = (case.lengths - t).clamp(0, 1)
        step, state = case(case.x[t : t + 1], state, lengths=lengths)
        steps.append(step)
    case.assert_same(torch.cat(steps), output)
    case.assert_same(state, final)


@law
@given(drawn=cases, cut=st.integers(0, 5))
def test_a_reset_is_a_split_without_the_state(drawn, cut):
    case = drawn.make()
    cut = min(cut, len(case.x) - 1)
    reset = torch.zeros(case.x.shape[:2], dtype=torch.bool)
    reset[cut] = True
    output, final = case(reset=reset)
    head, middle = case(case.x[:cut], lengths=case.lengths.clamp(max=cut))
    fresh = tuple(torch.zeros_like(part) for part in case.hx)
    tail, last = case(case.x[cut:], fresh, lengths=(case.lengths - cut).clamp(min=0))
    case.assert_same(torch.cat([head, tail]), output)
    # A row that ended before the cut never saw the reset.
    reached = (case.lengths > cut)[:, None]
    ends = tuple(torch.where(reached, b, a) for a, b in zip(middle, last, strict=True))
    case.assert_same(ends, final)


@law
@given(drawn=cases, hold=st.booleans())
def test_a_masked_step_is_not_there(drawn, hold):
    case = drawn.make(bidirectional=True, masked_output="repeat" if hold else "zero")
    mask = torch.rand(case.x.shape[:2]) < 0.6
    output, final = case(mask=mask)
    valid = mask & ~case.beyond
    short = torch.zeros_like(case.x)
    for b in range(len(case.lengths)):
        short[: int(valid[:, b].sum()), b] = case.x[valid[:, b], b]
    dense, ends = case(short, lengths=valid.sum(0))
    case.assert_same(final, ends)
    width = output.shape[2] // 2
    for b in range(len(case.lengths)):
        case.assert_same(output[valid[:, b], b], dense[: int(valid[:, b].sum()), b])
        last = (case.hx[0][0, b], case.hx[0][1, b])
        for direction, times in enumerate((range(len(case.x)), reversed(range(len(case.x))))):
            columns, held = slice(direction * width, (direction + 1) * width), last[direction]
            for t in times:
                held = output[t, b, columns] if valid[t, b] else held
                wanted = held if hold and not case.beyond[t, b] else torch.zeros_like(held)
                if not valid[t, b]:
                    assert torch.equal(output[t, b, columns], wanted)


@law
@given(drawn=cases)
def test_a_bidirectional_layer_is_two_layers(drawn):
    case = drawn.make(bidirectional=True)
    output, final = case()
    halves = output.chunk(2, dim=-1)
    for direction, suffix in enumerate(("", "_reverse")):
        single = case.single(go_backwards=direction == 1)
        own = {name: getattr(case.layer, name + suffix) for name in single.state_dict()}
        single.load_state_dict(own)
        one = slice(direction, direction + 1)
        alone, ends = case(hx=tuple(part[one] for part in case.hx), layer=single)
        case.assert_same(alone, halves[direction])
        case.assert_same(ends, tuple(part[one] for part in final))


@law
@given(drawn=cases)
def test_packed_is_padded(drawn):
    case = drawn.make(bidirectional=True, num_layers=2)
    output, final = case()
    lengths = drawn.lengths
    order = sorted(range(len(lengths)), key=lambda b: -lengths[b])
    sizes = [sum(length > t for length in lengths) for t in range(max(lengths))]
    steps = [(t, b) for t, size in enumerate(sizes) for b in order[:size]]
    times, rows = (torch.tensor(each) for each in zip(*steps, strict=True))
    packed = PackedSequence(case.x[times, rows], torch.tensor(sizes), torch.tensor(order))
    result, ends = case(packed, lengths=None)
    case.assert_same(result.data, output[times, rows])
    case.assert_same(ends, final)


@law
@given(drawn=cases)
def test_a_stack_is_its_layers(drawn):
    case = drawn.make(num_layers=3)
    output, final = case()
    x, ends = case.x, []
    for level in range(3):
        single = case.single(x.shape[-1])
        names = list(single.state_dict())
        single.load_state_dict(
            {name: getattr(case.layer, name.replace("l0", f"l{level}")) for name in names}
        )
        x, end = case(x, tuple(part[level : level + 1] for part in case.hx), single)
        ends.append(end)
    case.assert_same(x, output)
    case.assert_same(tuple(torch.cat(parts) for parts in zip(*ends, strict=True)), final)


@law
@given(drawn=cases, copies=st.sampled_from([1, 6]))
def test_the_number_of_threads_changes_nothing(drawn, copies):
    case = drawn.make(bidirectional=True)
    hx = tuple(part.repeat(1, copies, 1) for part in case.hx)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        lengths = case.lengths.repeat(copies)
        results.append(case(case.x.repeat(1, copies, 1), hx, lengths=lengths))
    case.assert_same(results[1], results[0])
    case.assert_same(results[2], results[0])


@law
@given(drawn=cases)
def test_the_batch_axis_may_come_first(drawn):
    case = drawn.make(bidirectional=True)
    other = case.single(bidirectional=True, batch_first=True)
    other.load_state_dict(case.layer.state_dict())
    output, final = case()
    turned, ends = case(case.x.transpose(0, 1), layer=other)
    case.assert_same(turned.transpose(0, 1), output)
    case.assert_same(ends, final)


@law
@given(drawn=cases)
def test_a_sequence_without_a_batch_is_a_batch_of_one(drawn):
    case = drawn.make(bidirectional=True)
    x, hx = case.x[:, 0], tuple(part[:, 0] for part in case.hx)
    output, final = case(x, hx, lengths=None)
    batched, ends = case(x[:, None], tuple(part[:, None] for part in hx), lengths=None)
    case.assert_same(output, batched[:, 0])
    case.assert_same(final, tuple(part[:, 0] for part in ends))


@law
@given(drawn=cases)
def test_the_last_output_is_the_final_state(drawn):
    case = drawn.make()
    output, final = case()
    for b, length in enumerate(case.lengths.tolist()):
        last = output[length - 1, b] if length else case.hx[0][0, b]
        case.assert_same(final[0][0, b], last)
    short = case.single(return_sequences=False)
    short.load_state_dict(case.layer.state_dict())
    case.assert_same(case(layer=short)[0], final[0][0])


@law
@given(drawn=cases)
def test_keeping_for_the_gradient_changes_nothing(drawn):
    case = drawn.make(bidirectional=True, num_layers=2)
    output, final = case.differentiable()
    assert output.requires_grad
    free, ends = case()
    case.assert_same(output.detach(), free)
    case.assert_same(tuple(part.detach() for part in final), ends)


@law
@given(drawn=cases, merge=st.sampled_from(["sum", "mean", "mul"]))
def test_merging_is_what_it_says(drawn, merge):
    case = drawn.make(bidirectional=True, merge=None)
    merged = case.single(bidirectional=True, merge=merge)
    merged.load_state_dict(case.layer.state_dict())
    (left, right), final = case()
    output, ends = case(layer=merged)
    wanted = {"sum": left + right, "mean": (left + right) / 2, "mul": left * right}[merge]
    case.assert_same(output, wanted)
    case.assert_same(ends, final)


@law
@given(drawn=cases, seed=st.integers(0, 9))
def test_values_in_one_row_reach_no_other(drawn, seed):
    case = drawn.make(bidirectional=True, num_layers=2)
    output, final = case()
    row = seed % len(case.lengths)
    poisoned = case.x.clone()
    poisoned[:, row] = float("nan")
    dirty, ends = case(poisoned)
    others = [b for b in range(len(case.lengths)) if b != row]
    case.assert_same(dirty[:, others], output[:, others])
    case.assert_same(
        tuple(part[:, others] for part in ends), tuple(part[:, others] for part in final)
    )
    if case.lengths[row] and case.kind is not nn.RNN:
        assert dirty[: case.lengths[row], row].isnan().all()
