"""Damaged tables of every raw source: one clear line, or a counted loss; never what stood there.

Each damage plants a canary where the damage is; it must be seen nowhere.
"""

from __future__ import annotations

import gzip
import shutil
import traceback
from pathlib import Path

import pytest

from sequela import ingest, sources
from sequela.errors import DataError, SequelaError
from sequela.events import Extract
from sequela.events import delimited as delimited_file
from sequela.events.schema import conform

CANARY = "CANARY7391"
ROOMS = Path(sources.__file__).parent

#: A table of each example that is no lookup, and the columns of its subject, time and code.
TABLES = {
    "csv_events": ("labs.csv", "patient", "taken", "test"),
    "mimic3": ("DIAGNOSES_ICD.csv", "subject_id", "hadm_id", "icd9_code"),
    "mimic4": ("hosp/labevents.csv", "subject_id", "charttime", "itemid"),
    "omop": ("condition_occurrence.csv", "person_id", "condition_start_date", ""),
    "synthea": ("CONDITIONS.csv", "PATIENT", "START", "CODE"),
}


def added(content: bytes, row: bytes) -> bytes:
    return content + row


def cells(content: bytes) -> int:
    return content.split(b"\n")[0].count(b",") + 1


def wide(content: bytes) -> bytes:
    return added(content, b",".join([CANARY.encode()] * (cells(content) + 1)) + b"\n")


def narrow(content: bytes) -> bytes:
    return added(content, CANARY.encode() + b"\n")


def no_text(content: bytes) -> bytes:
    return added(content, b",".join([b"\xff" + CANARY.encode()] * cells(content)) + b"\n")


def open_quote(content: bytes) -> bytes:
    return added(content, b"," * (cells(content) - 1) + b'"' + CANARY.encode() + b"\n1,2\n")


def gigantic(content: bytes) -> bytes:
    return added(content, CANARY.encode() * 20_000 + b"," * (cells(content) - 1) + b"\n")


def cut_gzip(content: bytes) -> bytes:
    rest = b"," * (cells(content) - 1) + b"\n"
    noise = [f"{n * 7919 % 100_003}{CANARY}".encode() + rest for n in range(3000)]
    return gzip.compress(content + b"".join(noise))[:-400]


def no_names(content: bytes) -> bytes:
    return content.partition(b"\n")[2]


def binary(content: bytes) -> bytes:
    return bytes(range(256)) * 10 + CANARY.encode()


def utf16(content: bytes) -> bytes:
    return content.decode().encode("utf-16")


DAMAGES = {
    "too many cells": (wide, r"row \d+ of .*: got \d+ cells, wanted \d+"),
    "too few cells": (narrow, r"row \d+ of .*: got 1 cells, wanted \d+"),
    "no UTF-8": (no_text, r"column '\w+' of .*: got bytes that are no UTF-8 in row \d+"),
    "an open quote": (open_quote, r"row \d+ of"),
    "a gigantic field": (gigantic, r"row \d+ of .*: got more than"),
    "a cut gzip": (cut_gzip, r"breaks off|not readable"),
    "no header": (no_names, r"no such column"),
    "nothing": (lambda _: b"", r"got nothing in it"),
    "binary": (binary, r"file .*: got (column names that are no UTF-8|not readable)"),
    "UTF-16": (utf16, r"got column names that are no UTF-8"),
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch):
    """So that a field of 200 kB is a gigantic one."""
    monkeypatch.setattr(delimited_file, "_BLOCK", 1 << 16)
    monkeypatch.setattr(delimited_file, "_FIELD", 1 << 16)


def copy(source: str, target: Path) -> Path:
    shutil.copytree(ROOMS / source / "example", target)
    (target / "expected.csv").unlink()
    return target


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("source", TABLES)
def test_a_damaged_table_is_refused_in_one_line(source: str, damage: str, tmp_path: Path, capfd):
    change, message = DAMAGES[damage]
    root = copy(source, tmp_path / "in")
    name = TABLES[source][0]
    file = root / name
    content = change(file.read_bytes())
    if damage == "a cut gzip" and source != "csv_events":
        file.unlink()
        file = file.with_name(file.name + ".gz")
    elif damage == "a cut gzip":
        mapping = root / "events.yaml"
        mapping.write_text(mapping.read_text().replace(name, f"{name}.gz"))
        file = file.with_name(file.name + ".gz")
    file.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        ingest.ingest(sources.read(source, root), tmp_path / "out")
    said = "".join(traceback.format_exception(caught.value)) + "".join(capfd.readouterr())
    assert CANARY not in said
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def counted(source: str, root: Path) -> tuple[dict[str, int], int]:
    """Events by table, and rows left out."""
    extract = sources.read(source, root)
    events = {
        table.name: sum(conform(frame, table.name).height for frame in table.frames())
        for table in extract.tables
    }
    assert CANARY not in repr(extract.drops.counts())
    return events, sum(extract.drops.counts().values())


CELLS = (CANARY, "9" * 30, "-", "1e400", "=1+1", "'; drop table", "2020-13-45", "\\N")


@pytest.mark.parametrize("source", TABLES)
def test_a_cell_that_cannot_be_read_loses_its_row_and_is_counted(
    source: str, tmp_path: Path, capfd
):
    name, subject, time, _ = TABLES[source]
    if source == "csv_events":
        subject = ""  # its ids are texts, and any text is one
    if source == "mimic3":
        time = ""  # its times come from the admissions
    root = copy(source, tmp_path / "in")
    events, lost = counted(source, root)
    header, *rows = (root / name).read_text().splitlines()
    for column in filter(None, (subject, time)):
        for cell in CELLS:
            broken = rows[0].split(",")
            broken[header.split(",").index(column)] = f'"{cell}"'
            (root / name).write_text("\n".join([header, *rows, ",".join(broken)]) + "\n")
            assert counted(source, root) == (events, lost + 1)
    assert CANARY not in "".join(capfd.readouterr())


@pytest.mark.parametrize("source", TABLES)
def test_repeated_and_unsorted_rows_are_events_like_any_other(source: str, tmp_path: Path):
    root = copy(source, tmp_path / "in")
    name = TABLES[source][0]
    events, _ = counted(source, root)
    header, *rows = (root / name).read_text().splitlines()
    (root / name).write_text("\n".join([header, *reversed(rows), *rows]) + "\n")
    table = next(table for table in events if table.lower() in name.lower())
    assert counted(source, root)[0] == {**events, table: 2 * events[table]}


@pytest.mark.parametrize("source", TABLES)
def test_a_folder_or_a_dead_link_in_the_place_of_a_table(source: str, tmp_path: Path):
    for kind in ("folder", "link"):
        root = copy(source, tmp_path / kind)
        file = root / TABLES[source][0]
        file.unlink()
        if kind == "folder":
            file.mkdir()
        else:
            file.symlink_to(tmp_path / "absent")
        # A table that is named must be there; one that is looked for may be missing.
        if source == "csv_events":
            with pytest.raises(SequelaError, match=r"^[^\n]*labs\.csv[^\n]*$"):
                sources.read(source, root)
        else:
            extract = sources.read(source, root)
            assert isinstance(extract, Extract)
            assert extract.missing
