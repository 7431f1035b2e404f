"""The corpus of malformed inputs: what there is of each kind, counted in the tests themselves.

Each of these tests damages an input, plants a canary where the damage is, and demands one clear
line, or a counted loss, in which the canary is not seen. This is the list of them by kind.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("sources", "events", "ingest", "guard", "cli")
LEAST = 120

#: Beginnings of tests' names, as regular expressions: file, function and what is in brackets.
CORPUS: dict[str, tuple[str, ...]] = {
    "missing columns": (
        r"sources/test_malformed_tables.*refused_in_one_line.*no header",
        r"sources/test_malformed_notes.*(column_that_is_not_there|no such column)",
        r"sources/test_uci_seizure.py::test_missing_columns",
        r"events/test_schema.py::test_a_missing",
        r"cli/test_bad_input.*a column is missing",
    ),
    "wrong types": (
        r"events/test_schema.py::test_(what_cannot_be_understood|subjects_of|codes_of|an_infinite)",
        r"sources/test_yaib.py::test_a_column_of_something_else",
        r"sources/test_malformed_tables.*a_cell_that_cannot_be_read",
        r"sources/test_uci_diabetes.py::test_what_cannot_be_read",
        r"cli/test_bad_input.*(text in a number|text for subjects|a null subject|an infinite)",
    ),
    "unsorted or repeated rows and times": (
        r"sources/test_malformed_tables.*repeated_and_unsorted",
        r"events/test_schema.py::test_the_order_of_events",
        r"sources/test_physionet2012.py::test_a_second_file",
    ),
    "ids across shards, parts and tables": (
        r"events/test_dataset.py::test_(a_subject_in_two_files|unknown_or_doubled)",
        r"events/test_extract.py::test_two_ids_of_one_number",
        r"cli/test_bad_input.*a subject in two files",
        r"cli/test_bad_input.py::test_a_subject_in_two_splits",
        r"cli/test_check.py::test_a_subject_in_two_files",
    ),
    "ages and hours below zero": (
        r"sources/test_raw_events.py::test_an_age_below_zero",
        r"sources/test_physionet2012.py::test_what_is_odd",
        r"sources/test_yaib.py::test_hours_out_of_range",
    ),
    "times out of range, before birth, after death": (
        r"events/test_schema.py::test_times_out_of_range",
        r"events/test_schema.py::test_an_event_known_before_it_happens",
        r"guard/test_parts_of_it.py::test_events_before_birth",
        r"guard/test_planted.py::test_the_leak_is_caught.*(dead)",
    ),
    "no UTF-8": (
        r"sources/test_malformed_tables.*(no UTF-8|UTF-16|binary)",
        r"sources/test_malformed_signals.*tables_that_are_no_text",
        r"sources/test_malformed_edf.*not UTF-8",
        r"cli/test_bad_input.py::test_files_that_are_no_csv",
    ),
    "line ends, quotes, embedded lines": (
        r"events/test_delimited.py::test_(forms_of_one_table|quotes)",
        r"sources/test_malformed_tables.*an open quote",
        r"sources/test_malformed_notes.*(an open quote|line end)",
        r"sources/test_uci_seizure.py::test_quotes_a_byte_order_mark",
    ),
    "cells that other programs would carry out": (
        r"sources/test_csv_events.py::test_hostile_cells",
        r"sources/test_malformed_tables.*a_cell_that_cannot_be_read",
    ),
    "gigantic fields": (
        r"sources/test_malformed_tables.*a gigantic field",
        r"events/test_delimited.py::test_what_is_wrong",
        r"sources/test_malformed_notes.*(deep lists|a number without end|a place without end)",
    ),
    "rows of other lengths": (
        r"sources/test_malformed_tables.*too (many|few) cells",
        r"sources/test_csv_events.py::test_broken_tables",
        r"sources/test_malformed_notes.*a cell too many",
    ),
    "cut gzip, tar, Parquet, EDF and signals": (
        r"sources/test_malformed_tables.*a cut gzip",
        r"sources/test_physionet2012.py::test_a_cut_archive",
        r"sources/test_yaib.py::test_cut_files",
        r"sources/test_malformed_edf.*(cut|half a header|header alone)",
        r"sources/test_malformed_signals.py::test_a_cut_off_sample_file",
        r"sources/test_malformed_notes.py::test_damaged_parquet",
        r"events/test_dataset.py::test_(a_truncated_file|flipped_bytes)",
    ),
    "wrong headers of EDF, BDF, WFDB and series": (
        r"sources/test_malformed_edf.py::test_damaged",
        r"sources/test_malformed_signals.py::test_damaged_(wfdb|series|annotations)",
    ),
    "damaged notes and spans": (r"sources/test_malformed_notes.py::test_damaged",),
    "empty files, folders and patients": (
        r"sources/test_malformed_tables.*nothing",
        r"sources/test_malformed_(edf|signals|notes).*\[empty",
        r"sources/test_raw_events.py::test_nothing_there",
        r"sources/test_physionet2012.py::test_(what_is_not_there|without_outcomes)",
        r"cli/test_bad_input.*(no events|test_an_empty_folder)",
    ),
    "links and paths that lead elsewhere": (
        r"sources/test_physionet2012.py::test_links_and_paths",
        r"sources/test_omop.py::test_(zips_with_odd_names|a_name_that_leads_out)",
        r"sources/test_malformed_(edf|signals|notes).*link",
        r"sources/test_malformed_signals.*(a path above|a segment elsewhere)",
        r"sources/test_malformed_tables.*dead_link",
        r"cli/test_fetch.py::test_archives_with_tricks",
    ),
}


@pytest.fixture(scope="module")
def names() -> list[str]:
    """All tests of the rooms, as pytest calls them."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [*command, *(f"tests/{room}" for room in ROOMS)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return [line.removeprefix("tests/") for line in done.stdout.splitlines() if "::" in line]


def test_every_kind_of_damage_has_its_tests(names: list[str]):
    found: set[str] = set()
    for kind, patterns in CORPUS.items():
        inputs: set[str] = set()
        for pattern in patterns:
            some = {name for name in names if re.match(pattern, name)}
            assert some, f"{kind}: nothing is called {pattern}"
            inputs |= some
        print(f"{len(inputs):4}  {kind}")
        found |= inputs
    print(f"{len(found):4}  in all, each once")
    assert len(found) >= LEAST
