"""Images of digits: what is read, and what is no image."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from sequela import sources
from sequela.cli.fetch import catalogue, fetch
from sequela.errors import DataError

EXAMPLE = Path(sources.__file__).parent / "digits" / "example"
ROW = ",".join(["0"] * 63)


def test_the_example():
    found = sources.read("digits", EXAMPLE / "data")
    assert found.label is not None
    rows = [
        f"{found.recording[k]},{found.label[k]},{found.record(k).sum():.0f},"
        f"{found.record(k).max():.0f}\n"
        for k in range(len(found))
    ]
    assert (
        "".join(["recording,label,sum,brightest\n", *rows])
        == (EXAMPLE / "expected.csv").read_text()
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"{ROW},5,7\n{ROW},77,3\n", "line 2 of .*digits.csv: got another form"),
        (f"{ROW},17,3\n", "line 1"),
        (f"{ROW},1,10\n", "line 1"),
        (f"{ROW},-1,1\n", "line 1"),
        (f"{ROW},1\n", "line 1"),
        ("\n", "no images"),
        ("\xe9", "not UTF-8"),
    ],
)
def test_what_is_no_image(content, words, tmp_path):
    (tmp_path / "digits.csv").write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=words):
        sources.read("digits", tmp_path)


def test_a_damaged_archive(tmp_path):
    (tmp_path / "digits.csv.gz").write_bytes(gzip.compress(f"{ROW},1,1\n".encode())[:-4])
    with pytest.raises(DataError, match="a damaged archive"):
        sources.read("digits", tmp_path)


def test_those_of_scikit_learn_are_fetched_without_a_network(tmp_path):
    from sklearn.datasets import load_digits

    found, known = sources.read("digits", fetch("digits", tmp_path)), load_digits()
    assert np.array_equal(found.values, known["data"])
    assert np.array_equal(found.label, known["target"])
    other = catalogue()["digits"].files[0].model_copy(update={"addresses": ("package:sklearn/no",)})
    wrong = catalogue()["digits"].model_copy(update={"files": (other,)})
    with pytest.raises(DataError, match="no such file in that package"):
        fetch("digits", tmp_path / "b", known={"digits": wrong})
