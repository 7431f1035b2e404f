from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import sequela
from sequela.settings import read_yaml
from sequela.signals import SignalDeclaration, SignalSet

ROOM = Path(sequela.__file__).parent / "tasks" / "seizure"


@pytest.mark.parametrize("classes", [2, 5])
def test_the_example_gets_its_targets(classes):
    values = {**read_yaml(ROOM / "task.yaml"), "classes": classes}
    declaration = SignalDeclaration.parse(values)
    with (ROOM / "example" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    signals = SignalSet(
        values=np.zeros((len(rows), 1), np.float32),
        offsets=np.arange(len(rows) + 1, dtype=np.int64),
        recording=np.array([row["recording"] for row in rows]),
        sampling_rate=1.0,
        channels=("EEG",),
        label=np.array([int(row["label"]) for row in rows]),
    )
    expected = [int(row[f"target_{classes}"]) for row in rows]
    assert declaration.target(signals).astype(int).tolist() == expected
    assert declaration.groups(signals).tolist() == [row["recording"] for row in rows]
    assert len(declaration.class_names) == classes


def test_seizure_is_the_positive_class():
    declaration = SignalDeclaration.parse(read_yaml(ROOM / "task.yaml"))
    assert declaration.classes == 2
    assert declaration.class_names[1] == "seizure"
