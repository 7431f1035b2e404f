"""Pooling and output layers: laws, gradients, rows of length 0, bad input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from sequela.errors import ConfigError, DataError
from sequela.nn.heads import Classify, Head, PerStep, Pool, Regress

KINDS = ["last", "mean", "max", "attention", "mean+max", "last+attention"]


def pack(rows: list[torch.Tensor]) -> PackedSequence:
    """Packs rows ``[T_i, F]`` of any length, 0 included, which torch's own packing refuses."""
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
    longest = max((len(row) for row in rows), default=0)
    steps = [rows[i][t] for t in range(longest) for i in order if len(rows[i]) > t]
    data = torch.stack(steps) if steps else torch.zeros(0, rows[0].shape[1], dtype=rows[0].dtype)
    sizes = [sum(len(row) > t for row in rows) for t in range(longest)]
    indices = torch.tensor(order)
    unsorted = torch.empty_like(indices)
    unsorted[indices] = torch.arange(len(order))
    return PackedSequence(data, torch.tensor(sizes, dtype=torch.int64), indices, unsorted)


def rows_of(lengths: list[int], size: int = 4, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, size, generator=generator, dtype=torch.float64) for n in lengths]


def pool(kind: str, size: int = 4, **options) -> Pool:
    torch.manual_seed(3)
    return Pool(kind, size, **options).double()


def pad(rows: list[torch.Tensor], time: int, filling: float) -> torch.Tensor:
    padded = torch.full((time, len(rows), rows[0].shape[1]), filling, dtype=torch.float64)
    for number, row in enumerate(rows):
        padded[: len(row), number] = row
    return padded


def by_hand(kind: str, row: torch.Tensor, layer: Pool) -> torch.Tensor:
    if not len(row):
        return torch.zeros(row.shape[1], dtype=row.dtype)
    if kind == "attention":
        scores = torch.tanh(row @ layer.projection.weight.T + layer.projection.bias)
        weights = torch.softmax(scores @ layer.context.weight[0], dim=0)
        return (weights[:, None] * row).sum(0)
    return {"last": row[-1], "mean": row.mean(0), "max": row.max(0).values}[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_pooling_equals_the_definition_row_by_row(kind: str):
    rows, layer = rows_of([3, 0, 5, 1]), pool(kind)
    wanted = torch.stack(
        [torch.cat([by_hand(part, row, layer) for part in kind.split("+")]) for row in rows]
    )
    found = layer(pack(rows))
    assert found.shape == (4, layer.output_size)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["last", "mean+max"])
def test_a_row_without_steps_pools_to_what_was_learnt_for_it(kind: str):
    rows, layer = rows_of([3, 0, 5, 0]), pool(kind, without_steps="learnt")
    wanted = pool(kind)(pack(rows))
    torch.testing.assert_close(layer(pack(rows)), wanted, rtol=0, atol=0)  # it begins at zeros
    torch.nn.init.normal_(layer.nothing)
    wanted[[1, 3]] = layer.nothing
    packed, padded = (
        layer(pack(rows)),
        layer(pad(rows, 6, float("nan")), torch.tensor([3, 0, 5, 0])),
    )
    torch.testing.assert_close(packed, wanted, rtol=0, atol=0)
    torch.testing.assert_close(padded, wanted, rtol=0, atol=0)
    packed.sum().backward()
    torch.testing.assert_close(layer.nothing.grad, torch.full_like(layer.nothing, 2.0))


def test_a_question_before_the_first_step_is_answered_by_what_was_learnt():
    layer = pool("last", without_steps="learnt")
    torch.nn.init.normal_(layer.nothing)
    steps = pack(rows_of([2, 0]))
    found = layer.on_the_way(steps, torch.tensor([-1, 1, -1]))
    assert found.tolist() == [
        layer.nothing.tolist(),
        steps.data[1].tolist(),
        layer.nothing.tolist(),
    ]


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=6),
    kind=st.sampled_from(KINDS),
    more=st.integers(0, 3),
    seed=st.integers(0, 2**31),
    batch_first=st.booleans(),
)
def test_padding_and_packing_change_no_bit(lengths, kind, more, seed, batch_first):
    rows = rows_of(lengths, seed=seed)
    layer = pool(kind, batch_first=batch_first)
    padded = pad(rows, max(lengths) + more, filling=float("nan"))
    given_lengths = torch.tensor(lengths)
    if batch_first:
        padded = padded.transpose(0, 1)
    assert torch.equal(layer(padded, given_lengths), layer(pack(rows)))


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=6),
    kind=st.sampled_from(KINDS),
    data=st.data(),
)
def test_a_permuted_batch_permutes(lengths, kind, data):
    rows, layer = rows_of(lengths), pool(kind)
    order = data.draw(st.permutations(range(len(rows))))
    torch.testing.assert_close(
        layer(pack([rows[i] for i in order])), layer(pack(rows))[order], rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind: str):
    lengths, layer = [2, 0, 3], pool(kind, size=3)
    packed = pack(rows_of(lengths, size=3))
    parameters = list(layer.parameters())

    def function(data, *_):
        return layer(PackedSequence(data, *packed[1:]))

    data = packed.data.clone().requires_grad_()
    assert torch.autograd.gradcheck(function, (data, *parameters))


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_empty_rows_only(kind: str):
    layer = pool(kind)
    packed = pack([torch.zeros(0, 4, dtype=torch.float64)] * 3)
    packed = PackedSequence(packed.data.requires_grad_(), *packed[1:])
    found = layer(packed)
    assert torch.equal(found, torch.zeros(3, layer.output_size, dtype=torch.float64))
    found.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters())
    padded = torch.full((5, 3, 4), float("nan"), dtype=torch.float64)
    assert torch.equal(layer(padded, torch.zeros(3, dtype=torch.int64)), found)


def test_an_all_zero_step_is_a_step():
    row = torch.tensor([[-1.0, -2.0], [0.0, 0.0]], dtype=torch.float64)
    packed = pack([row])
    assert torch.equal(pool("last", 2)(packed), torch.zeros(1, 2, dtype=torch.float64))
    assert torch.equal(pool("mean", 2)(packed), row[:1] / 2)
    assert torch.equal(pool("max", 2)(packed), torch.zeros(1, 2, dtype=torch.float64))
    assert (pool("attention", 2).attention_weights(packed) > 0).all()


def test_the_maximum_of_negative_states_is_negative():
    row = torch.tensor([[-1.0, -2.0], [-3.0, -1.0]], dtype=torch.float64)
    assert pool("max", 2)(pack([row])).tolist() == [[-1.0, -1.0]]


def test_a_nan_in_one_row_stays_in_that_row():
    rows = rows_of([3, 2, 0])
    rows[0][:] = float("nan")
    for kind in KINDS:
        found = pool(kind)(pack(rows))
        assert found[0].isnan().all()
        assert found[1:].isfinite().all()


def test_large_scores_do_not_overflow():
    layer = pool("attention")
    with torch.no_grad():
        layer.context.weight.fill_(1e4)
    assert layer(pack(rows_of([4, 2]))).isfinite().all()


def test_attention_weights_sum_to_one_in_each_row():
    rows, layer = rows_of([3, 0, 2]), pool("attention")
    weights = layer.attention_weights(pack(rows))
    assert weights.shape == (5,)
    torch.testing.assert_close(weights.sum(), torch.tensor(2.0, dtype=torch.float64))


@pytest.mark.parametrize("kind", ["last", "last+mean"])
def test_last_of_two_directions_is_the_final_state_of_each(kind: str):
    torch.manual_seed(0)
    layer = torch.nn.LSTM(3, 2, bidirectional=True).double()
    rows = rows_of([4, 1, 3], size=3)
    lengths = torch.tensor([4, 1, 3])
    packed = pack_padded_sequence(pad(rows, 4, 0.0), lengths, enforce_sorted=False)
    output, (h, _) = layer(packed)
    found = Pool(kind, 4, directions=2).double()(output)
    assert torch.equal(found[:, :4], torch.cat([h[0], h[1]], dim=1))


def test_a_packed_sequence_without_indices():
    rows = rows_of([3, 2])
    packed = pack_padded_sequence(pad(rows, 3, 0.0), torch.tensor([3, 2]))
    assert packed.sorted_indices is None
    assert torch.equal(pool("mean")(packed), pool("mean")(pack(rows)))


def test_heads_compose():
    torch.manual_seed(0)
    packed = PackedSequence(*pack([row.float() for row in rows_of([3, 0, 2])]))
    static = torch.randn(3, 2)
    layer = Pool("mean+max", 4)
    assert Head(layer, Classify(10))(packed, static=static).shape == (3,)
    assert Head(layer, Classify(8, classes=5))(packed).shape == (3, 5)
    assert Head(layer, Regress(8))(packed).shape == (3,)
    assert Head(layer, Regress(8, outputs=2))(packed).shape == (3, 2)
    output = Classify(10)
    expected = torch.cat([layer(packed), static], dim=1) @ output.linear.weight[0]
    torch.testing.assert_close(
        Head(layer, output)(packed, static=static), expected + output.linear.bias
    )


def test_answers_at_every_step_keep_the_layout():
    torch.manual_seed(0)
    rows = [row.float() for row in rows_of([3, 0, 2])]
    packed, output = pack(rows), Classify(4, classes=3)
    answers = PerStep(output)(packed)
    assert isinstance(answers, PackedSequence)
    assert answers.data.shape == (5, 3)
    assert torch.equal(answers.sorted_indices, packed.sorted_indices)
    lengths = torch.tensor([3, 0, 2])
    padded = pad([row.double() for row in rows], 4, 0.0).float()
    dense = PerStep(output)(padded, lengths)
    assert dense.shape == (4, 3, 3)
    torch.testing.assert_close(dense[:3, 0], output(rows[0]))
    assert not dense[3:].any()
    assert not dense[:, 1].any()
    assert PerStep(Regress(4))(padded).shape == (4, 3)
    first = PerStep(Regress(4), batch_first=True)(padded.transpose(0, 1), lengths)
    assert first.shape == (3, 4)
    assert not first[1].any()


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    layer, x = Classify(50, dropout=0.5), torch.ones(2, 50)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


def test_parameters_of_a_single_kind_are_its_own():
    assert not list(Pool("mean+max", 4).parameters())
    assert "mean+max" in repr(Pool("mean+max", 4))


@pytest.mark.parametrize(
    ("kind", "size", "directions"),
    [("median", 4, 1), ("", 4, 1), ("mean+mean", 4, 1), ("last", 3, 2), ("last", 0, 1)],
)
def test_bad_poolings(kind: str, size: int, directions: int):
    with pytest.raises(ConfigError):
        Pool(kind, size, directions=directions)


@pytest.mark.parametrize(
    "lengths", [[3, 1], [3, 1, 5], [3, -1, 2], [1.0, 2.0, 3.0], [[1, 2, 3]], []]
)
def test_bad_lengths(lengths):
    with pytest.raises(DataError, match="lengths"):
        Pool("mean", 4)(torch.zeros(4, 3, 4), torch.tensor(lengths))


def test_other_bad_input():
    with pytest.raises(DataError, match="three dimensions"):
        Pool("mean", 4)(torch.zeros(4, 4))
    with pytest.raises(DataError, match="width 3"):
        Pool("mean", 4)(torch.zeros(4, 2, 3))
    with pytest.raises(DataError, match="its own"):
        Pool("mean", 4)(pack(rows_of([1])), torch.tensor([1]))
    with pytest.raises(ConfigError, match="at least 2"):
        Classify(4, classes=1)
    with pytest.raises(ConfigError, match="at least 1"):
        Regress(4, outputs=0)


def test_lengths_may_be_numpy_and_of_any_integer_type():
    x = torch.randn(4, 2, 4)
    wanted = Pool("mean", 4)(x, torch.tensor([4, 2]))
    assert torch.equal(Pool("mean", 4)(x, np.array([4, 2], dtype=np.int32)), wanted)
