"""The source meds, and the register of sources."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from sequela import sources
from sequela.errors import ConfigError, DataError
from sequela.events import EventData, read_labels
from sequela.sources.meds import read

EXAMPLE = Path(sources.__file__).parent / "meds" / "example"


def test_the_example():
    expected = (EXAMPLE / "expected.csv").read_text()
    assert read(EXAMPLE / "events.csv").read().write_csv() == expected


def test_the_example_as_parquet(tmp_path: Path):
    pl.read_csv(EXAMPLE / "events.csv", infer_schema=False).write_parquet(tmp_path / "0.parquet")
    expected = (EXAMPLE / "expected.csv").read_text()
    for options in ({}, {"value_column": "value"}):
        data = sources.read("meds", tmp_path, **options)
        assert data.read().write_csv() == expected
    assert "meds" in sources.names()


def test_mistakes(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"source 'med': got no such source. Did you mean 'meds'"):
        sources.read("med", tmp_path)
    with pytest.raises(ConfigError, match=r"option 'value' of source meds: .* value_column"):
        sources.read("meds", tmp_path, value="x")
    with pytest.raises(DataError, match="no such file or folder"):
        sources.read("meds", tmp_path / "absent")
    with pytest.raises(DataError, match="not MEDS data"):
        sources.read("meds", tmp_path)


@pytest.mark.parametrize(
    ("source", "option", "value"),
    [
        ("meds", "value_column", 5),
        ("meds", "value_column", ["a"]),
        ("uci_seizure", "recordings", 5),
        ("uci_seizure", "recordings", True),
    ],
)
def test_an_option_of_the_wrong_type(source: str, option: str, value: object, tmp_path: Path):
    kind = type(value).__name__
    with pytest.raises(ConfigError, match=f"'{option}' of source {source}: got {kind}, wanted tex"):
        sources.read(source, tmp_path, **{option: value})


@pytest.mark.parametrize("source", ["meds", "uci_seizure"])
@pytest.mark.parametrize(
    ("path", "got"),
    [
        ("a" * 256, "File name too long"),
        ("a/" * 4000, "File name too long"),
        ("~no-such-person-here/x", "cannot be looked up"),
        ("with\0zero", "cannot be looked up"),
    ],
    ids=["name", "path", "home", "zero"],
)
def test_paths_that_cannot_be_looked_up(source: str, path: str, got: str):
    with pytest.raises(DataError, match=got) as caught:
        sources.read(source, path)
    assert len(str(caught.value)) < 300
    for other in (EventData.open, read_labels):
        with pytest.raises(DataError, match=got):
            other(path)


def test_no_tensors_are_imported():
    code = "import sys, sequela.sources.meds, sequela.events; print('torch' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "False\n"


def test_another_source_given_meds_data_names_the_right_one(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "metadata").mkdir()
    with pytest.raises(DataError, match=r"looks like MEDS data.*source=meds"):
        sources.read("mimic4", tmp_path)
