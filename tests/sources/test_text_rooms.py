"""The examples of the rooms of texts read as their tables say; what is odd is refused by place."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

import sequela
from sequela import sources
from sequela.errors import ConfigError, DataError, SchemaError

ROOMS = Path(sequela.__file__).parent / "sources"
CANARY = "canary4711"


def expected(room: str, layout: str) -> list[dict[str, str]]:
    with (ROOMS / room / "example" / "expected.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["layout"] == layout]
    return [{key: value for key, value in row.items() if key != "layout"} for row in rows]


@pytest.mark.parametrize(
    ("layout", "options"),
    [
        ("lines", {}),
        ("files", {}),
        ("table", {"text": "WORDS", "label": "Topic", "subject": "Case"}),
    ],
)
def test_labelled_texts(layout, options):
    path = ROOMS / "labelled_texts" / "example" / layout
    found = sources.read("labelled_texts", path, layout=layout, **options)
    names = ("id", "text", "label", "subject", "part")
    rows = [{name: getattr(one, name) or "" for name in names} for one in found]
    assert rows == expected("labelled_texts", layout)
    assert "heart" not in repr(list(found))


def test_a_table_without_labels():
    path = ROOMS / "labelled_texts" / "example" / "table"
    found = sources.read("labelled_texts", path, layout="table", text="words")
    assert [one.label for one in found] == [None, None]


@pytest.mark.parametrize("layout", ["columns", "parallel"])
def test_text_pairs(layout):
    example = ROOMS / "text_pairs" / "example"
    if layout == "columns":
        found = sources.read("text_pairs", example / "pairs.txt")
    else:
        found = sources.read("text_pairs", example / "parallel", source="en", target="de")
    rows = [
        {name: getattr(one, name) or "" for name in ("id", "text", "other", "part")}
        for one in found
    ]
    assert rows == expected("text_pairs", layout)


def test_a_stream(tmp_path):
    example = ROOMS / "text_stream" / "example"
    found = sources.read("text_stream", example / "data")
    assert found.text.encode() == (example / "expected.txt").read_bytes()
    assert len(found) == 27
    assert "rest" not in repr(found)
    (tmp_path / "a.txt").write_text("")
    refused("text_stream", tmp_path, "no text")


def refused(room: str, path: Path, words: str, kind: type[Exception] = DataError, **options):
    with pytest.raises(kind, match=words) as caught:
        sources.read(room, path, **options)
    assert CANARY not in str(caught.value)


def test_labelled_texts_that_are_none(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(f"fine\t1\n{CANARY}\n")
    refused("labelled_texts", path, "line 2 of .*a.tsv: got another form")
    path.write_text(f"{CANARY}\t \n")
    refused("labelled_texts", path, "line 1 of .*a.tsv")
    path.write_bytes(f"{CANARY}\t1\n".encode() + b"\xff")
    refused("labelled_texts", path, "line 2 of .*not UTF-8")
    path.write_text("\n")
    refused("labelled_texts", path, "no texts")
    refused("labelled_texts", tmp_path / "b", "no such")
    refused("labelled_texts", path, "lines, files, table", ConfigError, layout="columns")
    path.write_text("a\tb\n1\t2\n")
    refused("labelled_texts", path, "column 'text'", SchemaError, layout="table")


def test_lines_without_any_tab(tmp_path):
    (tmp_path / "new.txt").write_text("a hill\n\na lake\n")
    found = sources.read("labelled_texts", tmp_path)
    assert [(one.id, one.text, one.label) for one in found] == [
        ("new 1", "a hill", None),
        ("new 3", "a lake", None),
    ]
    pairs = sources.read("text_pairs", tmp_path)
    assert [(one.id, one.text, one.other) for one in pairs] == [
        ("new 1", "a hill", None),
        ("new 3", "a lake", None),
    ]


def test_pairs_that_are_none(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(f"a\tb\n{CANARY}\n")
    refused("text_pairs", path, "line 2 of .*no tab")
    refused("text_pairs", tmp_path, "both", ConfigError, source="en")
    (tmp_path / "t.en").write_text(f"{CANARY}\n")
    both = {"source": "en", "target": "de"}
    (alone,) = sources.read("text_pairs", tmp_path, **both)
    assert (alone.text, alone.other) == (CANARY, None)
    (tmp_path / "t.de").write_text("a\nb\n")
    refused("text_pairs", tmp_path, "1 and 2 lines", **both)
    (tmp_path / "t.de").unlink()
    (tmp_path / "t.de.gz").write_bytes(gzip.compress(b"a\n")[:-5])
    refused("text_pairs", tmp_path, "damaged archive", **both)
    (tmp_path / "t.de.gz").write_bytes(gzip.compress(b"\xff\n"))
    refused("text_pairs", tmp_path, "line 1 of .*not UTF-8", **both)


# --- real files --------------------------------------------------------------------------------


@pytest.mark.data
def test_published_texts(data_root):
    sst = sources.read("labelled_texts", data_root / "sst2")
    counts = {part: sum(one.part == part for one in sst) for part in ("train", "tuning")}
    assert counts == {"train": 6920, "tuning": 872}
    names = sources.read("labelled_texts", data_root / "names", layout="files")
    assert len({one.label for one in names}) == 18
    # 20,074 lines, of which some hold nothing but a blank.
    assert 20_040 <= len(names) <= 20_074
    table = {"layout": "table", "text": "medical_abstract", "label": "condition_label"}
    path = data_root / "medical_abstracts" / "medical_tc_test.csv"
    assert len(sources.read("labelled_texts", path, **table)) == 2888
    table = {"layout": "table", "text": "dialogue", "label": "section_header"}
    notes = sources.read("labelled_texts", data_root / "mts_dialog", **table)
    assert (len(notes), len({one.label for one in notes})) == (1701, 20)
    assert {one.part for one in notes} == {"train", "tuning", "held_out"}


@pytest.mark.data
def test_published_pairs(data_root):
    assert len(sources.read("text_pairs", data_root / "eng_fra")) == 5000
    pairs = sources.read("text_pairs", data_root / "multi30k", source="en", target="de")
    counts = {part: sum(one.part == part for one in pairs) for part in ("train", "tuning")}
    assert counts == {"train": 29_000, "tuning": 1014}


def test_pairs_in_a_table(tmp_path):
    path = tmp_path / "codes.csv"
    path.write_text('row,CODE,title\n1,428,"Heart failure, all"\n2,,none\n3,4280,\n')
    options = {"layout": "table", "source": "code", "target": "Title"}
    found = list(sources.read("text_pairs", path, **options))
    assert [(one.id, one.text, one.other) for one in found] == [
        ("codes 1", "428", "Heart failure, all")
    ]
    refused("text_pairs", path, "with the columns", ConfigError, layout="table")
    refused("text_pairs", path, "lines; or table", ConfigError, layout="rows")
    refused("text_pairs", path, "column 'name'", SchemaError, **{**options, "target": "name"})
