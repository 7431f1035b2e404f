"""Logs of glucose and insulin: what is read, what is counted, what is refused."""

from __future__ import annotations

import traceback
from pathlib import Path

import polars as pl
import pytest

from sequela import ingest, sources
from sequela.errors import DataError
from sequela.sources.uci_diabetes import read

EXAMPLE = Path(sources.__file__).parent / "uci_diabetes" / "example"
CANARY = "zq9canary"


def _frame(extract) -> pl.DataFrame:
    return pl.concat(extract.tables[0].frames())


def test_the_example():
    found = ingest.opened("uci_diabetes", EXAMPLE).read()
    assert found.write_csv() == (EXAMPLE / "expected.csv").read_text()
    extract = read(EXAMPLE)
    assert _frame(extract).height == found.height
    assert {reason: rows for (_, reason), rows in extract.drops.counts().items()} == {
        "no date": 1,
        "no value": 1,
        "date or time unreadable": 2,
        "value is no number": 1,
    }


@pytest.mark.parametrize(
    "row",
    [
        f"{CANARY}\t9:09\t58\t100",
        f"04-21-1991\t{CANARY}\t58\t100",
        f"04-21-1991\t9:09\t{CANARY}\t100",
        f"04-21-1991\t9:09\t58\t{CANARY}",
        "04-21-1991\t9:09\t58\t1e99",
        "04-21-1991\t25:00\t58\t1",
        "13-01-1991\t9:09\t58\t1",
        "\t\t\t",
    ],
)
def test_what_cannot_be_read_is_counted_and_never_shown(tmp_path: Path, row: str):
    (tmp_path / "data-03").write_text(row)
    extract = read(tmp_path)
    assert _frame(extract).height == 0
    assert sum(extract.drops.counts().values()) == 1
    assert CANARY not in str(extract.drops.counts())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"04-21-1991\t9:09\t58\n{CANARY}", r"row 1 of data-03.*tabs between"),
        (f"04-21-1991\t9:09\t58\t1\t{CANARY}", r"row 1 of data-03.*tabs between"),
        (b"04-21-1991\t9:09\t58\t\xff" + CANARY.encode(), r"data-03.*no UTF-8"),
    ],
)
def test_a_broken_log_is_refused(tmp_path: Path, content: str | bytes, said: str):
    content = content.encode() if isinstance(content, str) else content
    (tmp_path / "data-03").write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        _frame(read(tmp_path))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_folder_without_logs(tmp_path: Path):
    (tmp_path / "Data-Codes").write_text("x")
    for path in (tmp_path, tmp_path / "Data-Codes"):
        with pytest.raises(DataError, match="no log"):
            read(path)


@pytest.mark.data
def test_the_facts_of_the_published_files(data_root: Path):
    extract = read(data_root / "uci_diabetes")
    found = _frame(extract)
    drops = {reason: rows for (_, reason), rows in extract.drops.counts().items()}
    assert found["subject_id"].n_unique() == 70
    assert found.height + sum(drops.values()) == 29_330
    assert 29_330 - drops["no date"] - drops["no value"] == 29_264
    assert drops["date or time unreadable"] == 2
    assert drops["value is no number"] == 8
