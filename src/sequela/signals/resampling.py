"""Samples on a grid of another rate, block by block, without seams."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from sequela.errors import ConfigError
from sequela.signals.recordings import Recording

__all__ = ["ratio", "resampled"]

# Beyond this the filter alone is longer than most recordings.
_LARGEST_FACTOR = 100_000

# Half the length of scipy's own filter, in samples of the slower grid.
_HALF_FILTER = 10


def ratio(source_rate: float, rate: float) -> Fraction:
    """Samples of the new grid for one of the old, exactly.

    Raises:
        ConfigError: the two rates have no handy ratio.
    """
    exact = Fraction(rate).limit_denominator(10**6) / Fraction(source_rate).limit_denominator(10**6)
    if max(exact.numerator, exact.denominator) > _LARGEST_FACTOR:
        raise ConfigError(
            f"sampling rate {rate:g} Hz",
            got=f"no handy ratio to the recording's {source_rate:g} Hz",
            wanted=f"a ratio of whole numbers up to {_LARGEST_FACTOR}",
            todo="Choose a multiple or a simple part of the recording's rate.",
        )
    return exact


def resampled(
    recording: Recording, channels: tuple[int, ...], rate: float, first: int, last: int
) -> np.ndarray:
    """Samples ``first`` to ``last - 1`` of a grid of ``rate`` hertz.

    Sample k of the grid stands at ``k / rate`` seconds, so that blocks read one after the other
    fit together. The filter is scipy's ``resample_poly`` (linear phase, no shift in time); at
    the edges of a stretch the outermost sample is held.

    Args:
        recording: where to read.
        channels: indices of channels, all of one rate.
        rate: hertz.
        first: counted from the start of the recording.
        last: one behind the last sample.

    Returns:
        float32 ``[last - first, channels]``; NaN where nothing was recorded.

    Raises:
        ConfigError: the rates have no handy ratio.
    """
    exact = ratio(recording.channels[channels[0]].sampling_rate, rate)
    if exact == 1:
        return recording.read(channels, first, last)
    from scipy.signal import resample_poly

    up, down = exact.numerator, exact.denominator
    margin = -(-_HALF_FILTER * max(up, down) // up) + 1
    # A multiple of `down` falls on the new grid, so the block's first sample has a whole number.
    start = (first * down // up - margin) // down * down
    stop = -(-last * down // up) + margin + 1
    values = recording.read(channels, start, stop).astype(np.float64)
    held = np.stack([_held(column) for column in values.T], axis=1)
    skipped = first - start // down * up
    result = resample_poly(held, up, down, axis=0)[skipped : skipped + last - first]
    # A moment is known when the sample whose interval it falls into was taken.
    taken = np.arange(first, last) * down // up - start
    result[np.isnan(values[taken])] = np.nan
    return result.astype(np.float32)


def _held(column: np.ndarray) -> np.ndarray:
    """[T] with each gap filled by the nearest sample that is there; zeros where none is."""
    known = np.flatnonzero(~np.isnan(column))
    if len(known) == len(column):
        return column
    if not len(known):
        return np.zeros_like(column)
    places = np.arange(len(column))
    after = np.minimum(np.searchsorted(known, places), len(known) - 1)
    before = np.maximum(after - 1, 0)
    closer = np.abs(known[before] - places) <= np.abs(known[after] - places)
    return column[known[np.where(closer, before, after)]]
