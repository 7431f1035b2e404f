"""The waist of the data tower: events of subjects in the MEDS shape, read, written and split."""

from __future__ import annotations

from sequela.events.dataset import EventData
from sequela.events.delimited import Delimited, find_table
from sequela.events.extract import Drops, Extract, Table
from sequela.events.files import existing
from sequela.events.labels import read_labels, write_labels, write_predictions
from sequela.events.schema import AVAILABLE, BIRTH_CODE, COLUMNS, DEATH_CODE, align, has_code
from sequela.events.splits import PARTS, assign_splits, check_disjoint
from sequela.events.subjects import subject_ids, subject_number
from sequela.events.vocabulary import UNKNOWN, Vocabulary
from sequela.events.write import write_events

__all__ = [
    "AVAILABLE",
    "BIRTH_CODE",
    "COLUMNS",
    "DEATH_CODE",
    "PARTS",
    "UNKNOWN",
    "Delimited",
    "Drops",
    "EventData",
    "Extract",
    "Table",
    "Vocabulary",
    "align",
    "assign_splits",
    "check_disjoint",
    "existing",
    "find_table",
    "has_code",
    "read_labels",
    "subject_ids",
    "subject_number",
    "write_events",
    "write_labels",
    "write_predictions",
]
