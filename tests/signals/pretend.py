"""Recordings made from arrays, for tests."""

from __future__ import annotations

import numpy as np

from sequela.signals import Annotation, Channel, Recording


def recording(
    columns: dict[str, tuple[float, np.ndarray]],
    name: str = "r",
    stretches=None,
    marks: tuple[Annotation, ...] = (),
    unit: str = "uV",
    subject: str | None = None,
    reads: list | None = None,
) -> Recording:
    """Columns by name: sampling rate and values; NaN for what was not recorded."""
    channels = tuple(Channel(key, unit, rate) for key, (rate, _) in columns.items())
    data = [values for _, values in columns.values()]

    def samples(indices, first, last):
        if reads is not None:
            reads.append((first, last))
        result = np.full((last - first, len(indices)), np.nan, np.float32)
        for place, index in enumerate(indices):
            values = data[index]
            begin, end = max(first, 0), min(last, len(values))
            if begin < end:
                result[begin - first : end - first, place] = values[begin:end]
        return result

    rate, values = next(iter(columns.values()), (1.0, np.empty(0)))
    return Recording(
        id=name,
        channels=channels,
        stretches=((0.0, len(values) / rate),) if stretches is None else stretches,
        samples=samples,
        notes=lambda: marks,
        subject=subject,
    )
