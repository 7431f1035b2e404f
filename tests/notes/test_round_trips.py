"""What is written is read again, to the character."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequela.errors import DataError, OutputError
from sequela.notes import (
    Document,
    JsonKeys,
    Span,
    brat_documents,
    i2b2_documents,
    jsonl_documents,
    write_brat,
    write_i2b2,
    write_jsonl,
)

TYPES = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=8)
TEXTS = st.text(max_size=40) | st.text("ab \r\n\t\u2028\u0085é😀", max_size=40)


@st.composite
def documents(draw, names=TYPES, texts=TEXTS):
    text = draw(texts)
    spans = []
    if text:
        for _ in range(draw(st.integers(0, 4))):
            start = draw(st.integers(0, len(text) - 1))
            spans.append(Span(start, draw(st.integers(start + 1, len(text))), draw(names)))
    return text, tuple(spans)


# Files are written through to the disk, which takes its time.
@settings(max_examples=30)
@given(
    st.lists(documents(), max_size=4),
    st.none() | st.text("pq1", min_size=1),
    st.none() | st.datetimes(min_value=datetime(1000, 1, 1)),
    st.none() | st.sampled_from(["train", "test"]),
)
def test_jsonl(contents, subject, time, part):
    made = [
        Document(f"n{number}", text, spans, subject, time, part)
        for number, (text, spans) in enumerate(contents)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "notes.jsonl")
        assert write_jsonl(path, made) == len(made)
        assert list(jsonl_documents(path)) == made
        as_list = Path(folder, "notes.json")
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        as_list.write_text(f"[{','.join(lines)}]", encoding="utf-8")
        assert list(jsonl_documents(as_list)) == made


@settings(max_examples=30)
@given(st.lists(documents(), min_size=1, max_size=4))
def test_brat(contents):
    made = [
        Document(f"ward/n{number}", text, spans) for number, (text, spans) in enumerate(contents)
    ]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "out")
        assert write_brat(root, made) == len(made)
        files = sorted(root.rglob("*.txt"))
        assert list(brat_documents(root, files)) == made


def test_brat_keeps_line_ends_of_the_text(tmp_path):
    made = [Document("n", "\ufeffa\r\nb\rc\n", (Span(0, 6, "A"),))]
    write_brat(tmp_path / "out", made)
    assert (tmp_path / "out" / "n.txt").read_bytes() == "\ufeffa\r\nb\rc\n".encode()
    assert list(brat_documents(tmp_path / "out", [tmp_path / "out" / "n.txt"])) == made


@pytest.mark.parametrize("name", ["../n", "a//n", "/n", ".n", "a/.n", "a\\n", "n" * 300])
def test_ids_that_are_no_file_names(tmp_path, name):
    with pytest.raises(DataError, match="id of document 1"):
        write_brat(tmp_path / "out", [Document(name, "x")])
    assert list(tmp_path.iterdir()) == []


def test_what_brat_cannot_hold(tmp_path):
    with pytest.raises(DataError, match="blanks"):
        write_brat(tmp_path / "out", [Document("n", "x", (Span(0, 1, "a b"),))])
    with pytest.raises(DataError, match="stood before"):
        write_brat(tmp_path / "out", [Document("n", "x"), Document("n", "y")])
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="exists"):
        write_brat(tmp_path / "out", [])


def test_other_keys_and_spans_as_lists(tmp_path):
    path = tmp_path / "a.jsonl"
    line = {"body": "abc", "marks": [[0, 2, "A"], {"from": 1, "to": 3, "kind": "B"}], "n": 7}
    path.write_text("\ufeff" + json.dumps(line) + "\r\n\r\n", encoding="utf-8")
    keys = JsonKeys("body", "marks", "from", "to", "kind", "n")
    (one,) = jsonl_documents(path, keys)
    assert one == Document("7", "abc", (Span(0, 2, "A"), Span(1, 3, "B")))


# What XML can hold; carriage returns and the end of its own section among them.
XML_TEXTS = st.text("ab \r\n\t]>&<\"'\u2028\u0085é😀", max_size=40)


@settings(max_examples=30)
@given(st.lists(documents(texts=XML_TEXTS), min_size=1, max_size=4))
def test_i2b2(contents):
    made = [
        Document(f"ward/n{number}", text, spans) for number, (text, spans) in enumerate(contents)
    ]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "out")
        assert write_i2b2(root, made) == len(made)
        assert list(i2b2_documents(root, sorted(root.rglob("*.xml")))) == made


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (Document("a", "x\x00y"), "text of document 1: got control characters"),
        (Document("../a", "x"), "id of document 1"),
        (Document("a\\b", "x"), "id of document 1"),
    ],
)
def test_what_i2b2_has_no_place_for(one, words, tmp_path):
    with pytest.raises(DataError, match=words):
        write_i2b2(tmp_path / "out", [one])
    assert list(tmp_path.iterdir()) == []
