"""The example of each room of signals reads as its expected.csv says."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import sequela
from sequela import sources
from sequela.signals import RecordingSet, SignalSet

ROOMS = Path(sequela.__file__).parent / "sources"


def expected(room: str) -> list[dict[str, str]]:
    with (ROOMS / room / "example" / "expected.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("room", ["ts", "csv_signals"])
def test_records(room):
    data = ROOMS / room / "example" / "data"
    signals = sources.read(room, data if data.exists() else data.parent)
    assert isinstance(signals, SignalSet)
    rows = expected(room)
    assert signals.recording.tolist() == [row["recording"] for row in rows]
    assert signals.label is not None
    assert signals.label.tolist() == [row["label"] for row in rows]
    assert signals.lengths.tolist() == [int(row["samples"]) for row in rows]
    means = [signals.record(place)[:, 0].mean() for place in range(len(rows))]
    np.testing.assert_allclose(means, [float(row["mean"]) for row in rows])


@pytest.mark.parametrize("room", ["edf", "wfdb"])
def test_recordings(room):
    recordings = sources.read(room, ROOMS / room / "example")
    assert isinstance(recordings, RecordingSet)
    found = []
    for one in recordings:
        for place, channel in enumerate(one.channels):
            samples = one.read([place], 0, round(one.duration * channel.sampling_rate))
            found.append(
                {
                    "recording": one.id,
                    "channel": channel.name,
                    "unit": channel.unit,
                    "sampling_rate": f"{channel.sampling_rate:g}",
                    "seconds": f"{one.duration:g}",
                    "mean": str(round(float(np.nanmean(samples)), 3)),
                    "annotations": str(len(one.annotations())),
                }
            )
    assert found == expected(room)
