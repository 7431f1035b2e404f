from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import sequela
from sequela import tasks
from sequela.signals import Beats, SignalDeclaration, SignalSet

ROOM = Path(sequela.__file__).parent / "tasks" / "beats"


@pytest.mark.parametrize("classes", [2, 5])
def test_the_example_gets_its_targets(classes):
    declaration = SignalDeclaration.parse(tasks.declaration("beats", classes=classes))
    with (ROOM / "example" / "beats.csv").open() as file:
        rows = list(csv.DictReader(file))
    signals = SignalSet(
        values=np.zeros((len(rows), 1), np.float32),
        offsets=np.arange(len(rows) + 1, dtype=np.int64),
        recording=np.array([row["recording"] for row in rows]),
        sampling_rate=360.0,
        channels=("MLII",),
        label=np.array([row["label"] for row in rows]),
    )
    expected = [int(row[f"target_{classes}"]) for row in rows]
    assert declaration.target(signals).astype(int).tolist() == expected
    assert declaration.groups(signals).tolist() == [row["recording"] for row in rows]


def test_the_choices_know_the_same_symbols():
    declaration = SignalDeclaration.parse(tasks.declaration("beats"))
    symbols = [
        sorted(str(value) for one in classes for value in one.values)
        for classes in declaration.groupings.values()
    ]
    two, four, five = symbols
    assert two == five
    assert set(five) - set(four) == {"Q", "/", "f", "?"}
    assert isinstance(declaration.cut, Beats)
    assert declaration.class_names[1] == "ventricular ectopic"
