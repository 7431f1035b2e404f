"""Hand-made features of EEG records: what a careful reader computes before any network.

They are the honest rivals of a recurrent network in the seizure task: gradient boosting on the
whole set, and the standard deviation alone, which already separates seizures at AUROC .990.
"""

from __future__ import annotations

import numpy as np

from sequela.errors import DataError
from sequela.signals.records import SignalSet

__all__ = ["BANDS", "QUANTILES", "features", "plain_features", "standard_deviation"]

BANDS: dict[str, tuple[float, float]] = {
    "delta": (0.5, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 80.0),
}
"""Bounds in hertz, the lower one included; what lies above half the sampling rate is empty."""

QUANTILES: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)

# Below this power (squared units of the source) a band is silent; keeps the logarithm finite.
_SILENCE = 1e-6


def _band_powers(centred: np.ndarray, sampling_rate: float) -> np.ndarray:
    """[n, T] without its mean -> [n, 5], log10 of the power in each band.

    One Hann-windowed periodogram of the whole record, scaled so that the sum over all frequencies
    is the mean square of the signal.
    """
    count, length = centred.shape
    window = np.hanning(length + 2)[1:-1]
    spectrum = np.abs(np.fft.rfft(centred * window, axis=1)) ** 2
    spectrum /= length * np.sum(window**2)
    # Each frequency but 0 and the highest of an even length stands for its negative twin too.
    spectrum[:, 1 : (length + 1) // 2] *= 2.0
    frequency = np.fft.rfftfreq(length, 1.0 / sampling_rate)
    powers = np.empty((count, len(BANDS)))
    for column, (low, high) in enumerate(BANDS.values()):
        inside = (frequency >= low) & (frequency < high)
        powers[:, column] = spectrum[:, inside].sum(axis=1)
    return np.log10(powers + _SILENCE)


def _of_equal_lengths(values: np.ndarray, sampling_rate: float) -> np.ndarray:
    """[n, T] -> [n, F], in the order of :func:`_names`."""
    duration = values.shape[1] / sampling_rate
    mean = values.mean(axis=1, keepdims=True)
    centred = values - mean
    above = centred >= 0
    columns = [
        mean[:, 0],
        values.std(axis=1),
        np.abs(np.diff(values, axis=1)).sum(axis=1) / duration,
        (above[:, 1:] != above[:, :-1]).sum(axis=1) / duration,
    ]
    quantiles = np.quantile(values, QUANTILES, axis=1)
    return np.column_stack([*columns, _band_powers(centred, sampling_rate), *quantiles])


def _names() -> list[str]:
    powers = [f"log {band} power" for band in BANDS]
    quantiles = [f"quantile {level}" for level in QUANTILES]
    return ["mean", "standard deviation", "line length", "zero crossings", *powers, *quantiles]


def _refuse_short(signals: SignalSet) -> None:
    short = np.flatnonzero(signals.lengths < 2)
    if len(short):
        raise DataError(
            "features of a signal set",
            got=f"a record of fewer than 2 samples (record {short[0]})",
            wanted="at least 2 samples in each",
            todo="Leave such records out.",
        )


def features(signals: SignalSet) -> tuple[np.ndarray, list[str]]:
    """Features of each record; each depends on its own record alone, so nothing is fitted.

    Per channel: mean, standard deviation, line length (sum of absolute steps per second), zero
    crossings of the centred signal per second, log10 of the power in five bands (:data:`BANDS`),
    and five quantiles (:data:`QUANTILES`). Behind them what stands beside the records.

    Args:
        signals: n records of C channels; records of different lengths may stand together.

    Returns:
        float64 [n, 14 C + K], finite, and the names (with the channel's name in front where C > 1).

    Raises:
        DataError: a record has fewer than 2 samples.
    """
    _refuse_short(signals)
    names = _names()
    width = len(signals.channels)
    result = np.empty((len(signals), width, len(names)))
    lengths = signals.lengths
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        places = signals.offsets[rows, None] + np.arange(length)
        block = signals.values[places].astype(np.float64)
        for channel in range(width):
            result[rows, channel] = _of_equal_lengths(block[:, :, channel], signals.sampling_rate)
    if width > 1:
        names = [f"{channel} {name}" for channel in signals.channels for name in names]
    found = result.reshape(len(signals), width * result.shape[2])
    if signals.beside is not None:
        found = np.concatenate([found, signals.beside.astype(np.float64)], axis=1)
    return found, [*names, *signals.beside_names]


_PLAIN = ("first", "last", "mean", "standard deviation", "least", "greatest")


def plain_features(signals: SignalSet) -> tuple[np.ndarray, list[str]]:
    """Aggregates of records whose samples are no waveform: frames of speech, images.

    Per channel the first and the last value, the mean, the deviation, the least and the greatest;
    then the number of samples. Of records of one sample, its values alone.

    Args:
        signals: n records of C channels.

    Returns:
        float64 [n, 6 C + 1], or [n, C], and the names.

    Raises:
        DataError: a record without samples.
    """
    if len(signals) and not signals.lengths.min():
        raise DataError("features of a signal set", got="a record without samples")
    if (signals.lengths == 1).all():
        return signals.values.astype(np.float64), list(signals.channels)
    rows = []
    for number in range(len(signals)):
        record = signals.record(number).astype(np.float64)
        found = [record[0], record[-1], record.mean(0), record.std(0), record.min(0), record.max(0)]
        rows.append(np.concatenate([*found, [len(record)]]))
    names = [f"{word} of {channel}" for word in _PLAIN for channel in signals.channels]
    return np.array(rows), [*names, "samples"]


def standard_deviation(signals: SignalSet) -> np.ndarray:
    """float64 [n], the standard deviation of each record (the mean over its channels).

    One number, nothing fitted: the baseline that any model of this task has to be read beside.

    Raises:
        DataError: a record has fewer than 2 samples.
    """
    _refuse_short(signals)
    if not len(signals):
        return np.empty(0)
    values = signals.values.astype(np.float64)
    counts = signals.lengths[:, None]
    mean = np.add.reduceat(values, signals.offsets[:-1]) / counts
    # Centred first: the difference of two large sums would lose the digits that matter.
    centred = values - np.repeat(mean, signals.lengths, axis=0)
    variance = np.add.reduceat(centred**2, signals.offsets[:-1]) / counts
    return np.sqrt(variance).mean(axis=1)
