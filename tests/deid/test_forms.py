"""What is written of cleaned notes is read again, to the character."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sequela import sources
from sequela.deid.write import write_notes

READ = {
    "txt": ("notes_folder", "notes", {}),
    "csv": ("notes_table", "notes.csv", {"id": "id"}),
    "parquet": ("notes_table", "notes.parquet", {"id": "id"}),
    "jsonl": ("notes_jsonl", "notes.jsonl", {}),
    "meds": ("notes_table", "notes", {}),
}
TEXTS = st.text(max_size=30) | st.text("a \"',\r\n\t\x00\u2028\ufeff\x85é😀", max_size=30)


@pytest.mark.parametrize("form", READ)
@settings(max_examples=12)
@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(["", "\r", "\n\n", '"', '""', "\ufeff", "\x00", "a\r\nb\rc\n"])
def test_texts_come_back(form, texts):
    more = {"code": "NOTE"} if form == "meds" else {}
    lines = [{"id": f"note-{n}", "text": text, **more} for n, text in enumerate(texts)]
    source, place, options = READ[form]
    with tempfile.TemporaryDirectory() as folder:
        write_notes(form, Path(folder), lines)
        again = list(sources.read(source, Path(folder, place), **options))
    assert [one.text for one in again] == texts
    if form != "meds":  # there an event has no id
        assert [one.id for one in again] == [line["id"] for line in lines]
