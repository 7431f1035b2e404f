"""Any bytes in place of others: a file is read, or refused with an error of ours; nothing else."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sources.malformed import everything
from tests.tiers import examples

import sequela
from sequela.errors import SequelaError
from sequela.settings import read_yaml

ROOMS = Path(sequela.__file__).parent / "sources"
FILES = {
    "edf": ["continuous.edf", "interrupted.edf", "plain.bdf"],
    "wfdb": ["a1.hea", "a1.dat", "a1.atr"],
    "ts": ["vowels_TRAIN.ts"],
    "csv_signals": ["data/samples.csv", "data/columns.yaml"],
    "notes_folder": ["note1.txt"],
    "notes_table": ["data/notes.csv"],
    "notes_jsonl": ["data/notes.json"],
    "brat": ["data/note.txt", "data/note.ann"],
    "conll": ["two.conll"],
    "i2b2": ["data/901-01.xml"],
}

# Digits and separators are what formats are made of; other bytes find the rest.
BYTES = st.sampled_from(b"0123456789-+.,:;\t\n\r \x00\x14\x15\"'{}[]/~") | st.integers(0, 255)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "cut"]), st.floats(0, 1, width=32), BYTES
    ),
    min_size=1,
    max_size=4,
)


def changed(raw: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    result = bytearray(raw)
    for how, share, byte in changes:
        place = min(int(share * len(result)), max(len(result) - 1, 0))
        if how == "insert":
            result.insert(place, byte)
        elif how == "cut":
            del result[place:]
        elif result and how == "set":
            result[place] = byte
        elif result:
            del result[place]
    return bytes(result)


@pytest.mark.parametrize(
    ("room", "name"), [(room, name) for room, names in FILES.items() for name in names]
)
@pytest.mark.filterwarnings("error")
def test_changed_bytes(room, name):
    example = ROOMS / room / "example"
    options = read_yaml(example / "options.yaml") if (example / "options.yaml").exists() else {}
    data = Path("data") if (example / "data").exists() else Path()

    @settings(max_examples=examples(30))
    @given(CHANGES)
    def check(changes):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "example")
            shutil.copytree(example, copy)
            (copy / "expected.csv").unlink(missing_ok=True)
            path = copy / name
            path.write_bytes(changed(path.read_bytes(), changes))
            with contextlib.suppress(SequelaError):
                everything(room, copy / data, **options)

    check()
