from __future__ import annotations

import numpy as np
import pytest

from sequela.errors import ConfigError
from sequela.sources.ts import read


def test_the_older_tables(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("   1.0000e+00  0.5  1.5\n\n   2.0000e+00 -1e0 2\n")
    signals = read(path, sampling_rate=250)
    assert signals.label is not None
    assert signals.label.tolist() == [1, 2]
    assert signals.values[:, 0].tolist() == [0.5, 1.5, -1.0, 2.0]
    assert signals.sampling_rate == 250
    assert signals.recording.tolist() == ["a 1", "a 2"]


@pytest.mark.parametrize("separator", [",", "\t", " , "])
def test_separators_and_line_ends(tmp_path, separator):
    path = tmp_path / "a.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + separator.join(["-1", "2", "3"]).encode() + b"\r\n")
    signals = read(path)
    assert signals.label is not None
    assert signals.label.tolist() == [-1]
    assert signals.values[:, 0].tolist() == [2, 3]


def test_a_file_without_labels(tmp_path):
    path = tmp_path / "a.ts"
    path.write_text("@Univariate TRUE\n@classLabel false\n@DATA\n1,2\n3\n")
    signals = read(path)
    assert signals.label is None
    assert signals.lengths.tolist() == [2, 1]


def test_lines_that_say_nothing(tmp_path):
    path = tmp_path / "a.ts"
    path.write_text("@\n@whatever this is\n@data\n1,2\n")
    assert len(read(path)) == 1


def test_wrong_options(tmp_path):
    (tmp_path / "a_TRAIN.ts").write_text("@data\n1,2\n")
    with pytest.raises(ConfigError, match="all, train, test"):
        read(tmp_path, part="half")
    for rate in (0.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match="sampling_rate"):
            read(tmp_path, sampling_rate=rate)


@pytest.mark.data
def test_japanese_vowels(data_root):
    folder = data_root / "japanese_vowels"
    assert [len(read(folder, part=part)) for part in ("train", "test")] == [270, 370]
    signals = read(folder)
    assert len(signals.channels) == 12
    assert (signals.lengths.min(), signals.lengths.max()) == (7, 29)
    assert np.unique(signals.label).tolist() == list(range(1, 10))


@pytest.mark.data
def test_ecg5000(data_root):
    signals = read(data_root / "ecg5000")
    assert signals.lengths.tolist() == [140] * 500
    assert np.unique(signals.label, return_counts=True)[1].tolist() == [292, 177, 10, 19, 2]
