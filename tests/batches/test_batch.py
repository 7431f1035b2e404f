from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_sequence

from sequela.batches import RaggedSamples, gather_ragged, packed_order

lengths_of_batches = st.lists(st.integers(0, 7), min_size=0, max_size=9)


def make(lengths: list[int], width: int = 2, seed: int = 0) -> RaggedSamples:
    random = np.random.default_rng(seed)
    total = sum(lengths)
    counts = random.integers(0, 4, total)
    code_offsets = np.concatenate([[0], np.cumsum(counts)])
    return RaggedSamples.from_flat(
        random.normal(size=(total, width)),
        np.concatenate([[0], np.cumsum(lengths)]),
        target=random.integers(0, 2, len(lengths)).astype(bool),
        static=random.normal(size=(len(lengths), 3)),
        codes=random.integers(0, 20, code_offsets[-1]).astype(np.int32),
        code_offsets=code_offsets,
        vocabulary_size=20,
    )


def steps_of(batch) -> list[list[tuple]]:
    """Each row's steps as (features, codes), read back from the packed batch."""
    rows: list[list[tuple]] = [[] for _ in range(len(batch))]
    position = 0
    ends = torch.cat([batch.code_offsets[1:], torch.tensor([len(batch.codes)])])
    for alive in batch.steps.batch_sizes.tolist():
        for member in range(alive):
            begin, end = batch.code_offsets[position], ends[position]
            features = tuple(batch.steps.data[position].tolist())
            rows[batch.steps.sorted_indices[member]].append(
                (features, tuple(batch.codes[begin:end].tolist()))
            )
            position += 1
    assert position == len(batch.steps.data)
    return rows


@given(lengths_of_batches)
def test_every_step_is_there_once_and_in_order(lengths):
    samples = make(lengths)
    batch = samples.batch(np.arange(len(lengths)))
    assert batch.lengths.tolist() == lengths
    for number, row in enumerate(steps_of(batch)):
        first = sum(lengths[:number])
        expected = []
        for step in range(first, first + lengths[number]):
            codes = samples.codes[samples.code_offsets[step] : samples.code_offsets[step + 1]]
            expected.append((tuple(samples.steps[step].tolist()), tuple(codes.tolist())))
        assert row == expected


@given(lengths_of_batches.filter(lambda lengths: len(lengths) > 0), st.randoms())
def test_a_permuted_batch_permutes(lengths, random):
    samples = make(lengths)
    order = list(range(len(lengths)))
    random.shuffle(order)
    plain = samples.batch(np.arange(len(lengths)))
    permuted = samples.batch(np.array(order))
    assert steps_of(permuted) == [steps_of(plain)[index] for index in order]
    assert torch.equal(permuted.static, plain.static[order])
    assert torch.equal(permuted.target, plain.target[order])
    assert permuted.rows.tolist() == order


@given(st.lists(st.integers(1, 7), min_size=1, max_size=9))
def test_the_order_is_that_of_torch(lengths):
    samples = make(lengths)
    batch = samples.batch(np.arange(len(lengths)))
    pieces = torch.split(torch.from_numpy(samples.steps), lengths)
    packed = pack_sequence(list(pieces), enforce_sorted=False)
    assert torch.equal(batch.steps.data, packed.data)
    assert torch.equal(batch.steps.batch_sizes, packed.batch_sizes)


@given(lengths_of_batches)
def test_packed_order_holds_no_padding(lengths):
    lengths = np.array(lengths, dtype=np.int64)
    order = packed_order(np.cumsum(lengths) - lengths, lengths)
    assert sorted(order.steps.tolist()) == list(range(int(lengths.sum())))
    assert (np.diff(order.batch_sizes) <= 0).all()
    assert int(order.batch_sizes.sum()) == int(lengths.sum())


@given(lengths_of_batches, st.data())
@settings(max_examples=50)
def test_gather_ragged_is_concatenation(counts, data):
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    values = np.arange(offsets[-1])
    which = np.array(
        data.draw(st.lists(st.sampled_from(range(len(counts))), max_size=6)) if counts else [],
        dtype=np.int64,
    )
    found, starts = gather_ragged(values, offsets, which)
    pieces = [values[offsets[i] : offsets[i + 1]] for i in which]
    assert found.tolist() == [value for piece in pieces for value in piece.tolist()]
    assert starts.tolist() == [sum(len(p) for p in pieces[:k]) for k in range(len(pieces))]


def test_only_empty_sequences():
    batch = make([0, 0]).batch(np.array([0, 1]))
    assert len(batch) == 2
    assert batch.steps.batch_sizes.shape == (0,)
    assert batch.steps.sorted_indices.shape == (2,)
    assert batch.lengths.tolist() == [0, 0]


def test_moving_keeps_batch_sizes_on_the_processor():
    batch = make([3, 0, 2]).batch(np.arange(3)).to("meta")
    assert batch.steps.data.device.type == "meta"
    assert batch.steps.sorted_indices.device.type == "meta"
    assert batch.steps.batch_sizes.device.type == "cpu"
    assert batch.codes.device.type == batch.target.device.type == "meta"


def test_bidirectional_torch_layers_read_a_batch():
    samples = make([4, 2, 5])
    batch = samples.batch(np.arange(3))
    layer = torch.nn.GRU(2, 3, bidirectional=True)
    _, hidden = layer(batch.steps)
    alone = [layer(samples.batch(np.array([i])).steps)[1][:, 0] for i in range(3)]
    torch.testing.assert_close(hidden, torch.stack(alone, dim=1))
