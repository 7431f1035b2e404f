from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sequela.batches import Samples
from sequela.batches.signals import SignalEncoder
from sequela.errors import BundleError, ConfigError, DataError
from sequela.seeds import generator
from sequela.signals import SignalSet

RATE = 100.0


def signal_set(records, channels=("EEG",), rate=RATE):
    lengths = [len(record) for record in records]
    flat = [
        np.asarray(record, np.float32).reshape(len(record), len(channels)) for record in records
    ]
    return SignalSet(
        values=np.concatenate(flat).reshape(-1, len(channels)),
        offsets=np.cumsum([0, *lengths]).astype(np.int64),
        recording=np.array([f"r{i // 2}" for i in range(len(records))]),
        sampling_rate=rate,
        channels=channels,
    )


def noise(lengths, seed=0, scale=30.0):
    random = generator(seed, "noise")
    return [random.normal(size=length) * scale for length in lengths]


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=8),
    st.integers(2, 12),
    st.integers(1, 12),
)
def test_steps_are_whole_frames(lengths, frame, hop):
    train = signal_set(noise([60]))
    encoder = SignalEncoder.fit(train, frame=frame, hop=hop, spectrum=frame // 2)
    samples = encoder.encode(signal_set(noise(lengths)))
    wanted = [len(range(0, length - frame + 1, hop)) for length in lengths]
    assert samples.lengths.tolist() == wanted
    assert samples.step_size == encoder.step_size
    assert samples.groups.tolist() == [f"r{i // 2}" for i in range(len(lengths))]


def test_the_samples_of_a_frame_come_first_in_order():
    train = signal_set(noise([200]))
    encoder = SignalEncoder.fit(train, frame=4, hop=3, spectrum=0)
    record = np.arange(12.0)
    steps = encoder.encode(signal_set([record])).steps * encoder.scale + encoder.mean
    x = np.arcsinh((record - encoder.center[0]) / encoder.unit[0])
    assert steps.shape == (3, 7)
    for step, start in enumerate((0, 3, 6)):
        np.testing.assert_allclose(steps[step, :4], x[start : start + 4], atol=1e-5)


@pytest.mark.parametrize("frequency", [1, 3, 8])
def test_a_sine_is_loudest_at_its_frequency(frequency):
    train = signal_set(noise([400], scale=10.0))
    encoder = SignalEncoder.fit(train, frame=32, hop=32, spectrum=10)
    record = 50 * np.sin(2 * np.pi * frequency * np.arange(32) / 32)
    steps = encoder.encode(signal_set([record])).steps * encoder.scale + encoder.mean
    amplitudes = np.exp(steps[0, 35:])
    assert amplitudes.argmax() == frequency - 1
    # Half of the amplitude stands at the positive frequency, half at the negative one.
    assert amplitudes.max() == pytest.approx(25, rel=0.1)


def test_columns_of_the_training_part_are_standardised():
    # More frames than one block, so that the moments of blocks are joined.
    train = signal_set(noise([9000, 9000, 50], scale=80.0))
    encoder = SignalEncoder.fit(train, frame=8, hop=2, spectrum=4)
    steps = encoder.encode(train).steps.astype(np.float64)
    assert len(steps) > 8192
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-4)


def test_only_the_training_part_sets_the_scale():
    train = signal_set(noise([100, 100]))
    encoder = SignalEncoder.fit(train, frame=8, hop=8, spectrum=2)
    before = encoder.encode(train).steps
    encoder.encode(signal_set(noise([100], seed=1, scale=1e4)))
    np.testing.assert_array_equal(encoder.encode(train).steps, before)


@given(st.lists(st.integers(10, 80), min_size=1, max_size=6), st.integers(0, 2**32))
def test_the_same_record_has_the_same_bits_in_any_company(lengths, seed):
    encoder = SignalEncoder.fit(signal_set(noise([200])), frame=10, hop=3, spectrum=5)
    records = noise(lengths, seed=seed)
    together = encoder.encode(signal_set(records))
    for index, record in enumerate(records):
        start = together.starts[index]
        alone = encoder.encode(signal_set([record])).steps
        np.testing.assert_array_equal(together.steps[start : start + len(alone)], alone)


def test_channels_keep_their_own_scale():
    left, right = noise([300])[0], 1000 * noise([300], seed=1)[0]
    both = signal_set([np.column_stack([left, right])], channels=("left", "right"))
    encoder = SignalEncoder.fit(both, frame=8, hop=4, spectrum=2)
    steps = encoder.encode(both).steps
    for place, channel in enumerate((left, right)):
        alone = signal_set([channel])
        single = SignalEncoder.fit(alone, frame=8, hop=4, spectrum=2).encode(alone).steps
        np.testing.assert_allclose(steps[:, place * 13 : (place + 1) * 13], single, atol=1e-5)


@pytest.mark.parametrize("record", [np.zeros(50), np.full(50, 7.0), np.r_[np.zeros(45), 5 * [9]]])
def test_flat_signals_stay_finite(record):
    encoder = SignalEncoder.fit(signal_set([record]), frame=8, hop=4, spectrum=4)
    loud = encoder.encode(signal_set([record, np.full(50, 3e38), np.full(50, -3e38)]))
    assert np.isfinite(loud.steps).all()


def test_batches_are_packed_and_carry_the_target():
    signals = signal_set(noise([40, 5, 24]))
    encoder = SignalEncoder.fit(signals, frame=8, hop=8, spectrum=0)
    samples = encoder.encode(signals, target=np.array([True, False, True]))
    assert isinstance(samples, Samples)
    batch = samples.batch(np.array([2, 1, 0]))
    assert batch.steps.batch_sizes.tolist() == [2, 2, 2, 1, 1]
    assert batch.lengths.tolist() == [3, 0, 5]
    assert batch.steps.data.shape == (8, 11)
    assert batch.target.tolist() == [1, 0, 1]
    assert batch.target.dtype == torch.float32
    classes = encoder.encode(signals, target=np.array([0, 1, 4]))
    assert classes.batch(np.arange(3)).target.dtype == torch.int64


def test_the_dictionary_is_plain_and_exact():
    signals = signal_set(noise([60, 60]))
    encoder = SignalEncoder.fit(signals, frame=8, hop=4, spectrum=3)
    again = SignalEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder
    np.testing.assert_array_equal(again.encode(signals).steps, encoder.encode(signals).steps)


@pytest.mark.parametrize(
    "change",
    [
        {"frame": None},
        {"frame": 16},
        {"frame": 8.0},
        {"frame": "8"},
        {"hop": 0},
        {"spectrum": 5},
        {"mean": [0.0]},
        {"mean": 3},
        {"unit": [0.0]},
        {"scale": ["a"] * 14},
        {"center": [float("nan")]},
        {"channels": ["a", "b"]},
        {"sampling_rate": "fast"},
        {"extra": 1},
    ],
)
def test_a_damaged_dictionary_is_refused(change):
    values = SignalEncoder.fit(signal_set(noise([60])), frame=8, hop=4, spectrum=3).to_dict()
    with pytest.raises(BundleError, match="signal encoding"):
        SignalEncoder.from_dict({**values, **change})
    values.pop("hop")
    with pytest.raises(BundleError, match="signal encoding"):
        SignalEncoder.from_dict(values)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"frame": 0}, "setting 'frame'"),
        ({"together": True}, "setting 'together'"),
        ({"frame": "8"}, "setting 'frame'"),
        ({"hop": 0}, "setting 'hop'"),
        ({"hop": 2.0}, "setting 'hop'"),
        (
            {"frame": 8, "spectrum": 5},
            "setting 'spectrum' of the encoding: got 5, wanted a whole number from 0 to 4",
        ),
        ({"spectrum": -1}, "setting 'spectrum'"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, words):
    with pytest.raises(ConfigError, match=words):
        SignalEncoder.fit(signal_set(noise([60])), **arguments)


def test_records_shorter_than_a_frame_cannot_be_fitted():
    with pytest.raises(DataError, match="no record of at least 64 samples"):
        SignalEncoder.fit(signal_set(noise([63, 3])))
    with pytest.raises(DataError, match="no record of at least 64 samples"):
        SignalEncoder.fit(signal_set(noise([70])).subset([]))


def test_other_signals_than_in_training_are_refused():
    encoder = SignalEncoder.fit(signal_set(noise([60])), frame=8, hop=4, spectrum=0)
    with pytest.raises(DataError, match="got 250 Hz, wanted 100 Hz"):
        encoder.encode(signal_set(noise([60]), rate=250.0))
    with pytest.raises(DataError, match="channels of the signals"):
        encoder.encode(signal_set(noise([60]), channels=("ECG",)))


def test_samples_as_they_are_and_all_channels_alike():
    random = np.random.default_rng(0)
    signals = SignalSet(
        values=(random.normal(size=(30, 3)) * [1, 5, 1] + [0, 2, 0]).astype(np.float32),
        offsets=np.array([0, 12, 12, 30]),
        recording=np.array(["a", "b", "c"]),
        sampling_rate=1.0,
        channels=("x", "y", "z"),
    )
    alone = SignalEncoder.fit(signals, frame=1, hop=1, spectrum=0)
    assert alone.step_size == 3
    steps = alone.encode(signals).steps
    assert np.abs(steps.mean(0)).max() < 1e-6
    assert np.allclose(steps.std(0), 1, atol=1e-6)
    again = SignalEncoder.from_dict(json.loads(json.dumps(alone.to_dict())))
    assert np.array_equal(again.encode(signals).steps, steps)
    alike = SignalEncoder.fit(signals, frame=1, hop=1, spectrum=0, together=True)
    steps = alike.encode(signals).steps
    assert abs(steps.mean()) < 1e-6
    assert abs(steps.std() - 1) < 1e-6
    assert steps[:, 1].std() > 1.5 * steps[:, 0].std()
    order = np.argsort(signals.values, axis=None)
    assert (np.diff(steps.ravel()[order]) >= 0).all()
