"""The example of each room of notes reads as its expected.jsonl says."""

from __future__ import annotations

from pathlib import Path

import pytest

import sequela
from sequela import sources
from sequela.notes import NoteSet, jsonl_documents
from sequela.settings import read_yaml

ROOMS = Path(sequela.__file__).parent / "sources"


@pytest.mark.parametrize(
    "room", ["notes_folder", "notes_table", "notes_jsonl", "brat", "conll", "i2b2"]
)
def test_the_example_reads_as_expected(room):
    example = ROOMS / room / "example"
    options = read_yaml(example / "options.yaml") if (example / "options.yaml").exists() else {}
    data = example / "data" if (example / "data").exists() else example
    notes = sources.read(room, data, **options)
    assert isinstance(notes, NoteSet)
    expected = list(jsonl_documents(example / "expected.jsonl"))
    assert list(notes) == expected
    assert list(notes) == expected, "a second walk is like the first"
    assert all(one.text == other.text for one, other in zip(notes, expected, strict=True))


@pytest.mark.parametrize(
    ("source", "name", "line"),
    [("notes_jsonl", "a.jsonl", '{"text": "x"}'), ("conll", "a.conll", "x O")],
)
def test_files_of_one_name_in_two_folders(tmp_path, source, name, line):
    for ward in ("", "east", "west"):
        (tmp_path / ward).mkdir(exist_ok=True)
        (tmp_path / ward / name).write_text(line + "\n")
    ids = [one.id for one in sources.read(source, tmp_path)]
    assert ids == ["a 1", "east/a 1", "west/a 1"]


# --- real files --------------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "sentences"),
    [("wnut17train.conll", 3394), ("emerging.dev.conll", 1009), ("emerging.test.annotated", 1287)],
)
def test_wnut(data_root, name, sentences):
    path = data_root / "wnut17" / name
    notes = sources.read("conll", path)
    assert sum(1 for _ in notes) == sentences
    types = notes.types()
    assert len(types) == 6
    # Each span begins with one B in these files.
    assert sum(types.values()) == path.read_text().count("\tB-")


@pytest.mark.data
def test_presidio(data_root):
    import json

    path = data_root / "presidio_synth" / "synth_dataset_v2.json"
    notes = sources.read("notes_jsonl", path, layout="presidio")
    assert sum(1 for _ in notes) == 1500
    assert (sum(notes.types().values()), len(notes.types())) == (2863, 17)
    for one, raw in zip(notes, json.loads(path.read_text()), strict=True):
        words = {one.text[span.start : span.end] for span in one.spans}
        assert words == {span["entity_value"] for span in raw["spans"]}


@pytest.mark.data
def test_dialogues(data_root):
    notes = sources.read(
        "notes_table", data_root / "mts_dialog", text="dialogue", part="section_header"
    )
    assert sum(1 for _ in notes) == 1701
    assert len({one.part for one in notes}) == 20
