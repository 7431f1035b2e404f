from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import sequela
from sequela import tasks
from sequela.errors import DataError
from sequela.signals import SignalDeclaration, SignalSet, Windows

ROOM = Path(sequela.__file__).parent / "tasks" / "imagery"


def _signals(rows: list[dict[str, str]], onset: bool = True) -> SignalSet:
    return SignalSet(
        values=np.zeros((len(rows), 1), np.float32),
        offsets=np.arange(len(rows) + 1, dtype=np.int64),
        recording=np.array([row["recording"] for row in rows]),
        subject=np.array([row["recording"][:4] for row in rows]),
        sampling_rate=160.0,
        channels=("C3",),
        label=np.array([row["label"] for row in rows]),
        onset=np.array([float(row["onset"]) for row in rows]) if onset else None,
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_the_example_gets_its_targets(classes):
    declaration = SignalDeclaration.parse(tasks.declaration("imagery", classes=classes))
    with (ROOM / "example" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = [int(row[f"target_{classes}"]) for row in rows]
    assert declaration.target(_signals(rows)).astype(int).tolist() == expected
    assert isinstance(declaration.cut, Windows)


def test_what_a_split_keeps_whole():
    with (ROOM / "example" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {}
    for unit in ("subject", "recording", "block", "record"):
        declaration = SignalDeclaration.parse(tasks.declaration("imagery", unit=unit, block=25))
        found[unit] = (
            len(set(declaration.groups(_signals(rows)).tolist())),
            declaration.split_note,
        )
    assert [groups for groups, _ in found.values()] == [1, 2, 4, 5]
    assert found["subject"][1] == found["recording"][1] == ""
    assert "blocks of 25 s of the same recordings" in found["block"][1]
    assert "LEAKS" in found["record"][1]
    declaration = SignalDeclaration.parse(tasks.declaration("imagery", unit="block"))
    with pytest.raises(DataError, match="records without times"):
        declaration.groups(_signals(rows, onset=False))
