"""Several processes read one large table together: the events are those that one would read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sequela import sources
from sequela.events import Delimited, EventData, rows
from sequela.events import delimited as delimited_file
from sequela.ingest import ingest
from sequela.ingest.deal import read_bucket
from sequela.ingest.work import Work, deal_part, deal_table

MAPPING = """
tables:
  - file: labs.csv
    subject: id
    events:
      - {code: "LAB//{test}", time: when, number: value, text: note}
"""


def _folder(place: Path, count: int) -> Path:
    """Results whose notes hold line ends, separators and quotes; some times cannot be read."""
    place.mkdir()
    (place / "events.yaml").write_text(MAPPING)
    with open(place / "labs.csv", "w", newline="") as file:
        file.write("id,when,test,value,note\n")
        for row in range(count):
            when = "never" if row % 97 == 0 else f"2020-01-{1 + row % 28:02d} 08:{row % 60:02d}"
            note = f'"a ""{row}"",\n1,2020-01-01,X,7,\r\n"' if row % 3 == 0 else ""
            value = "" if note else row / 8
            file.write(f"{row * 7 % 11},{when},{row % 9},{value},{note}\n")
    return place


def _dealt(work: Work) -> tuple[list, dict]:
    facts = work.facts(0)
    assert facts is not None
    filled = [bucket for bucket, events in enumerate(facts["counts"]) if events]
    found = [
        [row for frame in read_bucket([work.table(0)], bucket) for row in frame.rows()]
        for bucket in filled
    ]
    return found, facts


def _work(folder: Path) -> Work:
    folder.mkdir(exist_ok=True)
    return Work(folder, "the same")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 2 KiB, runs of two, and every file is large."""
    monkeypatch.setattr(delimited_file, "_BLOCK", 2048)
    monkeypatch.setattr(rows, "_RUN", 2)
    monkeypatch.setattr(rows, "_SHARED", 0)


@pytest.mark.usefixtures("small")
def test_parts_make_the_whole_whatever_their_number_and_order(tmp_path: Path):
    folder = _folder(tmp_path / "in", 400)
    extract = sources.read("csv_events", folder)
    whole = _work(tmp_path / "whole")
    deal_table(whole, 0, extract.tables[0], extract.drops)
    assert len(list(whole.table(0).glob("*.arrow"))) > 3
    for of in (2, 3):
        work = _work(tmp_path / f"of{of}")
        for part in reversed(range(of)):
            assert work.facts(0) is None
            again = sources.read("csv_events", folder)
            deal_part(work, 0, again.tables[0], again.drops, (part, of))
        assert _dealt(work) == _dealt(whole)


@pytest.mark.usefixtures("small")
def test_a_broken_off_run_goes_on_with_another_number_of_processes(tmp_path: Path):
    folder = _folder(tmp_path / "in", 400)
    extract = sources.read("csv_events", folder)
    whole, work = _work(tmp_path / "whole"), _work(tmp_path / "work")
    deal_table(whole, 0, extract.tables[0], extract.drops)
    deal_part(work, 0, extract.tables[0], extract.drops, (0, 2))
    (work.table(0) / "000001.part").write_bytes(b"broken off")
    for part in range(3):
        again = sources.read("csv_events", folder)
        deal_part(work, 0, again.tables[0], again.drops, (part, 3))
    assert _dealt(work) == _dealt(whole)
    # And alone, from the beginning.
    alone = _work(tmp_path / "alone")
    deal_part(alone, 0, extract.tables[0], extract.drops, (1, 2))
    again = sources.read("csv_events", folder)
    deal_table(alone, 0, again.tables[0], again.drops)
    assert not alone.has_part(0, (1, 2))
    assert _dealt(alone) == _dealt(whole)


def test_small_files_and_ids_that_are_texts_are_read_by_one(tmp_path: Path):
    folder = _folder(tmp_path / "in", 5)
    assert sources.read("csv_events", folder).tables[0].share is None
    assert Delimited.open(folder / "labs.csv").size == (folder / "labs.csv").stat().st_size


@pytest.mark.usefixtures("small")
def test_ids_that_are_texts_are_numbered_by_one(tmp_path: Path):
    folder = _folder(tmp_path / "in", 5)
    (folder / "events.yaml").write_text(
        MAPPING.replace("subject: id", "subject: id\n    ids: text")
    )
    assert sources.read("csv_events", folder).tables[0].share is None


@pytest.mark.long
def test_two_processes_write_the_same_bytes(tmp_path: Path):
    folder = _folder(tmp_path / "in", 1_800_000)
    assert (folder / "labs.csv").stat().st_size > 64 << 20
    for count in (1, 2):
        extract = sources.read("csv_events", folder)
        assert extract.tables[0].share is not None
        origin = ("csv_events", folder, {})
        ingest(extract, tmp_path / f"out{count}", processes=count, origin=origin)
    one, two = (EventData.open(tmp_path / f"out{count}") for count in (1, 2))
    assert [file.read_bytes() for file in one.files] == [file.read_bytes() for file in two.files]
    facts = [tmp_path / f"out{count}" / "metadata" / "ingest.json" for count in (1, 2)]
    assert facts[0].read_text() == facts[1].read_text()
