from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequela.errors import DataError
from sequela.seeds import generator
from sequela.signals import BANDS, SignalSet, features, standard_deviation

RATE = 173.61


def signal_set(records, channels=("EEG",)):
    lengths = [len(record) for record in records]
    flat = np.concatenate([np.asarray(record).reshape(len(record), -1) for record in records])
    return SignalSet(
        values=flat.astype(np.float32).reshape(-1, len(channels)),
        offsets=np.cumsum([0, *lengths]).astype(np.int64),
        recording=np.array([str(i) for i in range(len(records))]),
        sampling_rate=RATE,
        channels=channels,
    )


def one(record) -> dict[str, float]:
    values, names = features(signal_set([record]))
    return dict(zip(names, values[0].tolist(), strict=True))


def sine(frequency, amplitude=10.0, length=1736, offset=0.0):
    return offset + amplitude * np.sin(2 * np.pi * frequency * np.arange(length) / RATE)


@pytest.mark.parametrize(
    ("frequency", "band"), [(2, "delta"), (6, "theta"), (10, "alpha"), (20, "beta"), (40, "gamma")]
)
def test_a_sine_has_its_power_in_its_band(frequency, band):
    found = one(sine(frequency, amplitude=10, offset=300))
    powers = {name: found[f"log {name} power"] for name in BANDS}
    # The mean square of a sine of amplitude 10 is 50.
    assert powers.pop(band) == pytest.approx(np.log10(50), abs=0.01)
    assert max(powers.values()) < np.log10(50) - 3


def test_the_plain_features_of_a_sine():
    found = one(sine(10, amplitude=10, offset=300))
    assert found["mean"] == pytest.approx(300, abs=0.1)
    assert found["standard deviation"] == pytest.approx(10 / np.sqrt(2), rel=1e-3)
    assert found["zero crossings"] == pytest.approx(20, abs=0.3)
    # Four amplitudes a period, ten periods a second.
    assert found["line length"] == pytest.approx(400, rel=0.02)
    assert found["quantile 0.5"] == pytest.approx(300, abs=0.2)


def test_a_flat_record_has_finite_features():
    found = one(np.full(178, 7.0))
    assert np.isfinite(list(found.values())).all()
    assert found["standard deviation"] == 0
    assert found["zero crossings"] == 0


@given(st.lists(st.integers(2, 40), min_size=1, max_size=6), st.integers(0, 2**32))
def test_a_record_does_not_change_with_its_neighbours(lengths, seed):
    random = generator(seed, "records")
    records = [random.normal(size=length) for length in lengths]
    together, names = features(signal_set(records))
    assert together.shape == (len(records), len(names))
    assert len(set(names)) == len(names)
    deviations = standard_deviation(signal_set(records))
    for record, row, deviation in zip(records, together, deviations, strict=True):
        np.testing.assert_allclose(features(signal_set([record]))[0][0], row, rtol=1e-9)
        assert deviation == pytest.approx(record.astype(np.float32).std(dtype=float), rel=1e-9)
        assert deviation == pytest.approx(row[names.index("standard deviation")], rel=1e-9)


def test_channels_keep_their_own_features():
    record = np.column_stack([sine(10), sine(20)])
    values, names = features(signal_set([record], channels=("left", "right")))
    left, _ = features(signal_set([record[:, 0]]))
    right, plain = features(signal_set([record[:, 1]]))
    np.testing.assert_allclose(values[0], np.concatenate([left[0], right[0]]), rtol=1e-9)
    assert names[0] == "left mean"
    assert names[len(plain)] == "right mean"


@pytest.mark.parametrize("function", [features, standard_deviation])
def test_a_record_without_length_is_refused(function):
    with pytest.raises(DataError, match="record 1"):
        function(signal_set([np.zeros(5), np.zeros(1)]))


def test_an_empty_set_has_no_rows():
    empty = signal_set([np.zeros(5)]).subset([])
    assert features(empty)[0].shape[0] == 0
    assert standard_deviation(empty).shape == (0,)
