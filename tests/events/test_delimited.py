"""Delimited text: everything a file can be, and the one error for what it must not be."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from sequela.errors import DataError, SchemaError
from sequela.events import Delimited, find_table

CANARY = "CANARY7391"


@pytest.fixture
def save(tmp_path: Path):
    def write(content: bytes | str, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def packed(content: bytes) -> bytes:
    """Without the time of day: it would be part of a test's name, and each worker has its own."""
    return gzip.compress(content, mtime=0)


def rows(path: Path, *columns: str) -> list[tuple]:
    frames = list(Delimited.open(path).frames(columns or None))
    return [row for frame in frames for row in frame.rows()]


@pytest.mark.parametrize(
    "content",
    [
        b"A,B\n1,x\n2,\n",
        b"a,b\r\n1,x\r\n2,\r\n",
        b"a,b\r1,x\r2,\r",
        b"\xef\xbb\xbfa,b\n1,x\n2,",
        b'"a" ," B "\n"1","x"\n"2",""\n',
        b"\n\na,b\n\n1,x\n\n\n2,\n\n",
    ],
)
def test_forms_of_one_table(save, content: bytes):
    table = Delimited.open(save(content), required=("a", "b"))
    assert table.columns == ("a", "b")
    (frame,) = table.frames(row_column="row")
    assert frame.rows() == [("1", "x", 1), ("2", None, 2)]
    assert frame.schema == {"a": pl.String(), "b": pl.String(), "row": pl.Int64()}


def test_quotes_may_hold_anything(save):
    path = save('a,b\n"1,\n2","say ""yes"""\n3,=cmd|\' /C calc\'!A0\n4,x"y\n')
    assert rows(path) == [("1,\n2", 'say "yes"'), ("3", "=cmd|' /C calc'!A0"), ("4", 'x"y')]


def test_tabs_and_gzip(save):
    assert rows(save("a\tb\n1,2\t3\n", "t.tsv")) == [("1,2", "3")]
    content = packed(b"a\tb\n1\t3\n") + packed(b"4\t5\n")
    assert rows(save(content, "t.tsv.gz")) == [("1", "3"), ("4", "5")]


def test_quotes_that_mean_nothing(save):
    path = save('a\tb\n"x" y\t"z\n1\t2\n', "t.csv")
    table = Delimited.open(path, separator="\t", quoted=False)
    assert [frame.rows() for frame in table.frames()] == [[('"x" y', '"z'), ("1", "2")]]
    path = save('a\tb\n"x\n1\t2\n', "t.csv")
    with pytest.raises(DataError, match=r"row 1 of t\.csv: got 1 cells, wanted 2"):
        list(Delimited.open(path, separator="\t", quoted=False).frames())


def test_columns_are_chosen_and_optional_ones_may_be_absent(save):
    path = save("a,b,c,c\n1,2,3,4\n")
    assert rows(path, "b", "absent") == [("2",)]
    with pytest.raises(SchemaError, match=r"column 'c' of t.csv: got 2 columns of this name"):
        rows(path, "c")
    with pytest.raises(SchemaError, match=r"column 'd' of t.csv: got no such column"):
        Delimited.open(path, required=("d",))


@pytest.mark.parametrize("content", ["a,b", "a,b\n", "a,b\r\n\r\n"])
def test_a_table_without_rows(save, content: str):
    assert rows(save(content)) == []


def test_many_blocks_keep_order_and_numbers(save, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sequela.events.delimited._BLOCK", 1 << 10)
    path = save("n,text\n" + "".join(f'{n},"line\n{n}"\n' for n in range(5000)))
    frames = list(Delimited.open(path).frames(row_column="row"))
    assert len(frames) > 10
    whole = pl.concat(frames)
    assert whole["n"].to_list() == [str(n) for n in range(5000)]
    assert whole["row"].to_list() == list(range(1, 5001))


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "t.csv", "file t.csv: got nothing in it"),
        (b"\n\n", "t.csv", "file t.csv: got nothing in it"),
        (b"a,b\n1,2\nCANARY7391\n", "t.csv", "row 2 of t.csv: got 1 cells, wanted 2"),
        (b"a,b\n1,2,CANARY7391\n", "t.csv", "row 1 of t.csv: got 3 cells, wanted 2"),
        (b"a,b\n1,2\n3,\xff CANARY7391\n", "t.csv", "column 'b' of t.csv: .* UTF-8 in row 2"),
        (b"\xff\xfea\x00,\x00b\x00\n\x00", "t.csv", "file t.csv: got column names that are no"),
        (b'a,b\n1,2\n3,"CANARY7391\n5,6\n', "t.csv", "row 2 of t.csv: got a quote .* never closed"),
        (b'a,b\n1,2\n3,"CANARY7391', "t.csv", "row 2 of t.csv: got a quote .* never closed"),
        (packed(b"a,b\n" + b"1,CANARY7391\n" * 50_000)[:-30], "t.csv.gz", "breaks off or"),
        (packed(b"a,b\n1,2\n")[:-8] + b"CANARY73", "t.csv.gz", "file t.csv.gz: got"),
        (b"a,b\n1,CANARY7391\n", "t.csv.gz", "file t.csv.gz: got not readable"),
        (b"a,b\n1," + b"CANARY7391" * 2_000_000, "t.csv", "row 1 of t.csv: got more than 8 MiB"),
        (b"CANARY7391" * 1_000_000, "t.csv", "file t.csv: got not readable"),
        (b"\x00\x01\x02\x03", "t.csv", "file t.csv: got column names that are no UTF-8"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_without_the_cell(save, content, name, message):
    with pytest.raises(DataError, match=message) as caught:
        rows(save(content, name))
    chain = []
    error: BaseException | None = caught.value
    while error is not None:
        chain.append(str(error))
        error = error.__cause__
    assert CANARY not in " ".join(chain)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_table(tmp_path: Path):
    with pytest.raises(DataError, match="got no plain file"):
        Delimited.open(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        Delimited.open(tmp_path / "absent.csv")


def test_tables_are_found_in_either_case(tmp_path: Path):
    (tmp_path / "LABEVENTS.csv.gz").touch()
    (tmp_path / "admissions.csv").touch()
    (tmp_path / "patients.csv").mkdir()
    assert find_table(tmp_path, "labevents") == tmp_path / "LABEVENTS.csv.gz"
    assert find_table(tmp_path, "ADMISSIONS") == tmp_path / "admissions.csv"
    assert find_table(tmp_path, "patients") is None


def test_a_table_without_names_does_not_show_its_first_row(save):
    with pytest.raises(SchemaError) as told:
        Delimited.open(save(f"17,{CANARY},1950\n18,other,1951\n"), required=("subject_id",))
    assert CANARY.lower() not in str(told.value).lower()
    assert "first line" in str(told.value)
