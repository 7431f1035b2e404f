from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import sequela
from sequela.errors import ConfigError, DataError
from sequela.sources.csv_signals import read

EXAMPLE = Path(sequela.__file__).parent / "sources" / "csv_signals" / "example" / "data"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path / "data")
    return tmp_path / "data"


def test_the_columns_are_what_the_file_says():
    signals = read(EXAMPLE)
    assert signals.channels == ("II", "V5")
    assert signals.units == ("mV", "mV")
    assert signals.sampling_rate == pytest.approx(250)
    assert signals.subject is None


def test_one_file_and_a_rate_without_times(folder):
    (folder / "other.yaml").write_text(
        "record: BEAT\nchannels: [v5]\nsampling_rate: 100\nsubject: holter\n"
    )
    signals = read(folder / "samples.csv", columns=str(folder / "other.yaml"))
    assert signals.recording.tolist() == ["b1", "b2", "b3"]
    assert signals.subject is not None
    assert signals.subject.tolist() == ["h1", "h1", "h2"]
    assert signals.label is None
    assert signals.units == ()
    assert signals.sampling_rate == 100


def test_two_files_do_not_mix_their_records(folder):
    shutil.copy(folder / "samples.csv", folder / "again.csv")
    signals = read(folder)
    assert len(signals) == 6
    assert np.unique(signals.recording).tolist() == [
        "again/h1",
        "again/h2",
        "samples/h1",
        "samples/h2",
    ]


def test_labels_that_are_numbers(folder):
    path = folder / "samples.csv"
    path.write_text(path.read_text().replace(",N\n", ",0\n").replace(",V\n", ",1\n"))
    signals = read(folder)
    assert signals.label is not None
    assert signals.label.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        (None, "no such file"),
        ("record: Beat\nchannels: [II]\n", "either time or sampling_rate"),
        ("record: Beat\nchannels: [II]\ntime: Seconds\nsampling_rate: 5\n", "either time or"),
        ("record: Beat\nchannels: [II]\nsampling_rate: -5\n", "sampling_rate"),
        ("record: Beat\nchannels: []\ntime: Seconds\n", "channels"),
        ("record: Beat\nchannels: [II]\nchanels: [II]\ntime: Seconds\n", "Did you mean 'channels'"),
        ("- record\n", "keys and values"),
    ],
)
def test_descriptions_that_are_wrong(folder, yaml, words):
    (folder / "columns.yaml").unlink()
    if yaml is not None:
        (folder / "columns.yaml").write_text(yaml)
    with pytest.raises(ConfigError, match=words):
        read(folder)


def test_files_of_two_rates(folder):
    text = (folder / "samples.csv").read_text()
    (folder / "slow.csv").write_text(
        text.replace("0.004", "0.04")
        .replace("0.008", "0.08")
        .replace("0.012", "0.12")
        .replace("0.016", "0.16")
    )
    with pytest.raises(DataError, match="several sampling rates"):
        read(folder)
