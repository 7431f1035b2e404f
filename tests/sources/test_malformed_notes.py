"""Damaged notes; each holds a canary in its text."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from tests.sources.malformed import CANARY, refused

TEXT = f"Seen by {CANARY} today"


def one(**changes) -> str:
    value = {"text": TEXT, "spans": [{"start": 8, "end": 18, "type": "PERSON"}], "id": "n1"}
    return json.dumps({**value, **changes})


def span(**changes) -> str:
    return one(spans=[{"start": 8, "end": 18, "type": "PERSON", **changes}])


LINES = {
    "no JSON": (TEXT, "line 1 of .*a.jsonl: got something that is no JSON"),
    "a cut line": (one() + "\n" + one()[:40], "line 2 of .*no JSON"),
    "a list": (f'["{CANARY}"]', "a JSON value of type list, wanted a JSON object"),
    "null": ("null", "got null, wanted a JSON object"),
    "no text": (json.dumps({"note": TEXT}), "key 'text': got no such key"),
    "a text that is none": (one(text=[CANARY]), "key 'text': got a JSON value of type list"),
    "a span outside": (span(end=99), "line 1 .*span 1: got characters 8 to 99"),
    "a span that ends first": (span(start=18, end=8), "line 1 .*span 1.*0 <= start < end"),
    "a span of nothing": (span(start=8, end=8), "0 <= start < end"),
    "a negative span": (span(start=-3), "0 <= start < end"),
    "a place that is text": (span(start=CANARY), "span 1: got other keys or kinds"),
    "a place that is true": (span(start=True), "span 1: got other keys or kinds"),
    "half a place": (span(start=1.5), "span 1: got other keys or kinds"),
    "no type": (span(type=None), "span 1: got other keys or kinds"),
    "an empty type": (span(type=" "), "type of a span"),
    "a type with a line end": (span(type=f"A\n{CANARY}"), "type of a span"),
    "spans that are none": (one(spans=CANARY), "key 'spans': got a JSON value of type str"),
    "a span of two": (one(spans=[[8, 18]]), "span 1: got other keys or kinds"),
    "an id that is a list": (one(id=[CANARY]), "key 'id': got a JSON value of type list"),
    "an id with a line end": (one(id=f"{CANARY}\n"), "id of a document"),
    "an id twice": (one(id=CANARY) + "\n" + one(id=CANARY), "document 2: got an id that stood"),
    "a time of another form": (one(time=CANARY), "time of a document: got another form"),
    "half a character in the id": (one(id="\ud800"), "id: got half a character"),
    "half a character": (f'{{"text": "{CANARY} \\ud800"}}', "half a character"),
    "deep lists": ('{"text": ' + "[" * 100_000, "no JSON"),
    "a number without end": ('{"text": ' + "9" * 10_000 + "}", "no JSON"),
}


@pytest.mark.parametrize("name", LINES)
def test_damaged_lines_of_json(name, tmp_path, capfd, caplog):
    text, words = LINES[name]
    (tmp_path / "a.jsonl").write_text(text)
    refused("notes_jsonl", tmp_path, words, capfd, caplog)


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("a.jsonl", TEXT.encode() + b"\xff", "line 1 of .*not UTF-8"),
        ("a.json", one().encode(), "a JSON value of type dict, wanted a list"),
        ("a.json", b"[" + one().encode(), "file .*a.json: got something that is no JSON"),
        ("a.json", f'[{one()}, "{CANARY}"]'.encode(), "document 2 of .*type str"),
        ("a.json", b'["\xff', "line 1 of .*not UTF-8"),
    ],
)
def test_damaged_files_of_json(name, raw, words, tmp_path, capfd, caplog):
    (tmp_path / name).write_bytes(raw)
    refused("notes_jsonl", tmp_path, words, capfd, caplog)


@pytest.mark.parametrize("ending", ["txt", "jsonl", "ann", "conll"])
def test_links_out_of_the_folder(ending, tmp_path, capfd, caplog):
    others, mine = tmp_path / "others", tmp_path / "mine"
    others.mkdir()
    mine.mkdir()
    (others / f"a.{ending}").write_text(TEXT)
    (mine / f"b.{ending}").symlink_to(Path("..", "others", f"a.{ending}"))
    (mine / "b.txt").exists() or (mine / "b.txt").write_text(TEXT)
    room = {"txt": "notes_folder", "jsonl": "notes_jsonl", "ann": "brat", "conll": "conll"}
    refused(room[ending], mine, "a link that leads out of the folder", capfd, caplog)


def test_texts_that_are_none(tmp_path, capfd, caplog):
    refused("notes_folder", tmp_path, "no .txt file", capfd, caplog)
    path = tmp_path / "a.txt"
    path.write_bytes(f"one\n{TEXT}".encode() + b"\xe9")
    refused("notes_folder", path, "line 2 of .*a.txt: got bytes that are not UTF-8", capfd, caplog)
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # a hole of a terabyte
    refused("notes_folder", path, "more than 256 MiB", capfd, caplog)


ANNOTATIONS = {
    "a place outside": ("T1\tPERSON 8 99\tx\n", "line 1 of .*a.ann: got characters 8 to 99"),
    "a place without end": (f"T1\tPERSON 8 {'9' * 5000}\tx\n", "line 1 .*another form"),
    "an end first": ("T1\tPERSON 18 8\tx\n", "got characters 18 to 8"),
    "a negative place": ("T1\tPERSON -1 8\tx\n", "another form"),
    "other words": (f"T1\tPERSON 8 18\t{CANARY[::-1]}\n", "other words than the text has there"),
    "no words": ("T1\tPERSON 8 18\n", "another form"),
    "no type": ("T1\t8 18\tx\n", "another form"),
    "no annotation": (f"T1\tPERSON 8 18\t{CANARY}\n{CANARY}\n", "line 2 of .*no annotation"),
}


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_damaged_annotations(name, tmp_path, capfd, caplog):
    marks, words = ANNOTATIONS[name]
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "a.ann").write_text(marks)
    refused("brat", tmp_path, words, capfd, caplog)


def test_texts_and_annotations_come_in_pairs(tmp_path, capfd, caplog):
    (tmp_path / "a.txt").write_text(TEXT)
    refused("brat", tmp_path / "a.txt", "no annotation file beside it", capfd, caplog)
    refused("brat", tmp_path, "no .ann file", capfd, caplog)
    (tmp_path / "a.ann").write_bytes(b"T1\tA 0 4\t\xff")
    refused("brat", tmp_path, "line 1 of .*a.ann: got bytes", capfd, caplog)
    (tmp_path / "b.ann").write_text("")
    refused("brat", tmp_path, "b.ann: got no text file beside it", capfd, caplog)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{CANARY}\n", "line 1 of .*1 columns"),
        (f"a\tO\n{CANARY}\tperson\n", "sentence from line 1 of .*token 2: got another form"),
        (f"a\tO\n\n{CANARY}\tB-x,B-y\n", "sentence from line 3 of .*token 1"),
        ("a\tO\n\tB-person\n", "line 2 of .*no token"),
        (f"a O\n{CANARY} x B_x\n", "token 2: got another form"),
    ],
    ids=["one column", "a type alone", "two tags", "no token", "another tag"],
)
def test_damaged_tokens(text, words, tmp_path, capfd, caplog):
    (tmp_path / "a.conll").write_text(text)
    refused("conll", tmp_path, words, capfd, caplog)


def test_a_column_that_is_not_there(tmp_path, capfd, caplog):
    (tmp_path / "a.conll").write_text(f"{CANARY}\tO\n")
    refused("conll", tmp_path, "line 1 of .*wanted a token and a tag", capfd, caplog, tag=5)
    (tmp_path / "a.conll").write_bytes(b"a\tO\n\xff\tO\n")
    refused("conll", tmp_path, "line 2 of .*not UTF-8", capfd, caplog)


TABLE = f'id,text,time\n1,"{TEXT}",2001-02-03\n2,x,\n'
TABLES = {
    "empty": ("", "a.csv"),
    "no such column": (TABLE.replace("text", "note"), "column 'text'"),
    "an open quote": (TABLE + f'3,"{CANARY}\n', "a.csv"),
    "a cell too many": (TABLE + f"3,{CANARY},,\n", "row 3"),
    "no id": (TABLE + f",{CANARY},\n", "row 3 of .*column of the id: got nothing"),
    "an id twice": (TABLE + f"2,{CANARY},\n", "document 3: got an id that stood before"),
    "a time of another form": (TABLE + f"3,x,{CANARY}\n", "row 3 of .*another form"),
}


@pytest.mark.parametrize("name", TABLES)
def test_damaged_tables(name, tmp_path, capfd, caplog):
    text, words = TABLES[name]
    (tmp_path / "a.csv").write_text(text)
    refused("notes_table", tmp_path, words, capfd, caplog, id="id", time="time")


def test_damaged_parquet(tmp_path, capfd, caplog):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"text": [TEXT] * 99}).write_parquet(path)
    raw = path.read_bytes()
    for damaged in (b"", raw[:-20], raw[: len(raw) // 2], CANARY.encode() * 99):
        path.write_bytes(damaged)
        refused("notes_table", path, "a.parquet: got no readable table", capfd, caplog)
    pl.DataFrame({"text": [1, 2]}).write_parquet(path)
    refused("notes_table", path, "row 1 of .*got no text", capfd, caplog)
    pl.DataFrame({"note": [TEXT]}).write_parquet(path)
    refused("notes_table", path, "column 'text' of .*no such column", capfd, caplog)


TAG = '<NAME id="P0" start="8" end="18" text="{}" TYPE="PATIENT" comment="" />'
RECORD = "<deIdi2b2><TEXT><![CDATA[{}]]></TEXT><TAGS>{}</TAGS></deIdi2b2>"
LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(20))
RECORDS = {
    "no XML": (TEXT, "something that is no XML"),
    "cut off": (RECORD.format(TEXT, "")[:50], "something that is no XML"),
    "nothing": ("", "something that is no XML"),
    "no text": ("<deIdi2b2><TAGS/></deIdi2b2>", "0 texts"),
    "two texts": (f"<a><TEXT>{CANARY}</TEXT><TEXT>b</TEXT></a>", "2 texts"),
    "a tag outside": (RECORD.format("short", TAG.format("x")), "tag 1: got characters 8 to 18"),
    "other words": (RECORD.format(TEXT, TAG.format("other")), "tag 1: got other words"),
    "no place": (RECORD.format(TEXT, f'<NAME text="{CANARY}"/>'), "tag 1: got no place"),
    "half a place": (RECORD.format(TEXT, f'<N start="{CANARY}" end="3"/>'), "tag 1: got no place"),
    "an entity of nobody": (f"<a><TEXT>&{CANARY};</TEXT></a>", "something that is no XML"),
    "an entity bomb": (
        f'<!DOCTYPE a [<!ENTITY l0 "{CANARY}">{LAUGHS}]><a><TEXT>&l20;</TEXT></a>',
        "got a document type",
    ),
    "an entity of a file": (
        '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a><TEXT>&f;</TEXT></a>',
        "got a document type",
    ),
    "a document type of the net": ('<!DOCTYPE a SYSTEM "http://x/y.dtd"><a/>', "a document type"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_damaged_records(name, tmp_path, capfd, caplog):
    content, words = RECORDS[name]
    (tmp_path / "1-01.xml").write_text(content)
    refused("i2b2", tmp_path, words, capfd, caplog)
    (tmp_path / "1-01.xml").write_text(f'<?xml version="1.0" encoding="UTF-16"?>\n{content}')
    refused("i2b2", tmp_path, words, capfd, caplog)
