"""Every task on events: its example, read by the engine and by the plain reading."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from tests.cohort.naive import Event, Reader

from sequela import tasks
from sequela.cohort import OnsetDeclaration, build_cohort, parse_declaration
from sequela.errors import ConfigError
from sequela.events import EventData
from sequela.settings import read_yaml

FOLDER = Path(tasks.__file__).parent
ROOMS = [name for name in tasks.names() if tasks.declaration(name)["kind"] in ("cohort", "onset")]


def example(room: str) -> tuple[EventData, dict[str, Any]]:
    """The events of a room's example, and the declaration that they are read with."""
    folder = FOLDER / room / "example"
    settings = folder / "settings.yaml"
    declared = tasks.declaration(room, **(read_yaml(settings) if settings.exists() else {}))
    return EventData.open(folder / "events.csv"), declared


@pytest.mark.parametrize("room", ROOMS)
def test_the_example(room: str):
    data, declared = example(room)
    cohort, folder = build_cohort(data, declared), FOLDER / room / "example"
    assert cohort.labels.write_csv() == (folder / "expected_labels.csv").read_text()
    attrition = pl.DataFrame(cohort.attrition).write_csv()
    assert attrition == (folder / "expected_attrition.csv").read_text()
    beside = folder / "expected_beside.csv"
    assert beside.exists() == (cohort.beside is not None)
    if cohort.beside is not None:
        lists = pl.col(pl.List(pl.String)).list.join("|")
        assert cohort.beside.with_columns(lists).write_csv() == beside.read_text()


@pytest.mark.parametrize("room", ROOMS)
def test_the_plain_reading_of_the_example(room: str):
    data, values = example(room)
    declared = parse_declaration(values)
    general = declared.general() if isinstance(declared, OnsetDeclaration) else declared
    expected = []
    for (number,), events in data.read().group_by("subject_id", maintain_order=True):
        columns = ("time", "code", "numeric_value", "available_time")
        reader = Reader(number, [Event(*row) for row in events.select(columns).rows()], general, {})
        expected += [
            (number, sample.moments["index"], label) for sample, label in reader.labelled()
        ]
    found = build_cohort(data, declared)
    value = found.labels.columns[2]
    truth = [(*row[:2], row[2][0]) for row in expected]
    assert truth
    if value == "float_value":
        # MEDS keeps such labels in single precision.
        truth = [(*row[:2], float(np.float32(row[2]))) for row in truth]
    assert found.labels.rows() == truth
    if found.beside is not None:
        beside = found.beside.drop("subject_id", "prediction_time").rows(named=True)
        assert beside == [row[2][1] for row in expected]


@pytest.mark.parametrize("room", ROOMS)
def test_the_words(room: str):
    _, values = example(room)
    declared = parse_declaration(values)
    assert declared.title
    assert not re.search(r"\{[a-z]+\}", str(values)), "an option that was not filled in"
    assert len(declared.describe()) > 80


def test_options_take_their_places():
    usual, early = tasks.declaration("mortality"), tasks.declaration("mortality", after="24h")
    assert usual["index"]["at"] == "start + 48h"
    assert early["index"]["at"] == "start + 24h"
    assert "24h after" in early["description"]
    assert "options" not in early
    assert tasks.declaration("length_of_stay", bins=[2, 4])["label"]["bins"] == [2, 4]
    with pytest.raises(ConfigError, match="a moment such as"):
        parse_declaration(tasks.declaration("mortality", after="soon"))


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "onset"])
def test_who_is_scored_needs_no_label(room: str):
    data, declared = example(room)
    known = build_cohort(data, declared).labels.select("subject_id", "prediction_time")
    asked = build_cohort(data, declared, known=False)
    assert asked.labels.columns == ["subject_id", "prediction_time"]
    assert asked.beside is None
    assert set(known.rows()) <= set(asked.labels.rows())


def test_the_task_of_the_guide():
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "tasks.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    task, experiment = [yaml.safe_load(block) for block in blocks]
    declared = parse_declaration(task)
    assert experiment["task"]["name"] == f"{declared.name}.yaml"
    assert declared.name == "anaemia"
    # What the guide lists is there: the keys of tables, and the kinds of labels.
    for kind in ("binary", "count", "multiclass", "value", "length", "time_to_event", "sequence"):
        assert f"| `{kind}`: " in guide
