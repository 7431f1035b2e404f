"""What is known of a heartbeat beside its samples: its rhythm, and the recording's typical beat.

Both need the whole recording and where its beats are, and no label. So they are for recordings that
are complete; a running alarm has neither the next beat nor the typical one of the day.
"""

from __future__ import annotations

import numpy as np

__all__ = ["RHYTHM", "against_typical", "rhythm"]

#: The columns of :func:`rhythm`.
RHYTHM = ("interval before", "interval after", "interval before against the one before it")

# Intervals on either side whose median is the rate of the moment: some ten seconds.
_AROUND = 8


def rhythm(onset: np.ndarray) -> np.ndarray:
    """How early each beat came and how late the next one did.

    The intervals before and after a beat are told by the logarithm of their ratio to the median of
    the eight intervals on either side of it (de Chazal, O'Dwyer and Reilly, IEEE Transactions on
    Biomedical Engineering 51 (2004) 1196 use the intervals and their local mean), and the interval
    before also by its ratio to the one before that. An early beat is below 0, the pause behind it
    above.

    Args:
        onset: float64 ``[n]``, seconds of all beats of a recording, rising.

    Returns:
        Float32 ``[n, 3]``, the columns :data:`RHYTHM`; 0 where a neighbour is missing.
    """
    count = len(onset)
    if count < 2:
        return np.zeros((count, len(RHYTHM)), np.float32)
    # Two marks in one place are one beat marked twice.
    interval = np.maximum(np.diff(onset), 1e-3)
    padded = np.pad(interval, _AROUND, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND)
    local = np.log(np.nanmedian(windows, axis=1))
    logs = np.log(interval)
    found = np.zeros((count, len(RHYTHM)))
    found[1:, 0] = logs - local[1:]
    found[:-1, 1] = logs - local[:-1]
    found[2:, 2] = np.diff(logs)
    return found.astype(np.float32)


def against_typical(values: np.ndarray, counts: list[int], size: int) -> np.ndarray:
    """The records, and beside them how each differs from its recording's typical beat.

    The typical beat is the median over all beats of the recording, sample by sample: most beats of
    most people are normal ones, and what shape these have differs from person to person.

    Args:
        values: float32 ``[sum of counts * size, C]``, records end to end.
        counts: the records of each recording.
        size: the samples of a record.

    Returns:
        Float32 ``[sum of counts * size, 2 C]``.
    """
    result = np.concatenate([values, values], axis=1)
    width, done = values.shape[1], 0
    for count in counts:
        rows = slice(done, done + count * size)
        beats = result[rows, width:].reshape(count, size, width)
        if count:
            result[rows, width:] = (beats - np.median(beats, axis=0)).reshape(-1, width)
        done += count * size
    return result
