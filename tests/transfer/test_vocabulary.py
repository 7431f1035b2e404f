"""From one vocabulary to another: numbers that stay, codes that come behind, the overlap."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from sequela.batches import VisitEncoder
from sequela.batches.groups import CodeGroups
from sequela.transfer import map_through, overlap, remapped
from sequela.transfer.vocabulary import fitted_like

EPOCH = dt.datetime(2020, 1, 1)


class Tables:
    """As much of :class:`sequela.train.from_events.Tables` as encoders look at."""

    def __init__(self, histories: list[list[str]]):
        count = len(histories)
        self.labels = pl.DataFrame(
            {
                "subject_id": np.arange(count),
                "prediction_time": [EPOCH + dt.timedelta(days=100)] * count,
                "boolean_value": [k % 2 == 0 for k in range(count)],
            }
        )
        self.subgroups = pl.DataFrame({"age": [50.0] * count, "sex": ["F"] * count})
        rows = [
            (sample, EPOCH + dt.timedelta(days=day), code)
            for sample, codes in enumerate(histories)
            for day, code in enumerate(codes)
        ]
        schema = {"sample": pl.Int64, "time": pl.Datetime("us"), "code": pl.String}
        self.frame = pl.DataFrame(rows, schema=schema, orient="row")
        self.labelled = self

    @property
    def events(self):
        from sequela.batches.tables import check_tables

        return check_tables(self.frame, self.labels, self.subgroups)

    @property
    def encodable(self):
        return self.frame, self.labels, self.subgroups


@pytest.fixture
def trained() -> VisitEncoder:
    tables = Tables([["A", "B", "C"], ["A", "B"], ["A"]])
    return VisitEncoder.fit(*tables.encodable, min_subjects=1)


HERE = [["B", "X", "D"], ["X", "Y", "D", "D"], ["B", "X", "rare"]]
ROWS = np.arange(3)


def test_known_codes_keep_their_numbers_and_new_ones_come_behind(trained):
    tables = Tables(HERE)
    fresh = fitted_like(trained, tables, ROWS, trained.groups, None, 2)
    found = remapped(trained, fresh)
    assert found.encoder.vocabulary.codes == ("A", "B", "C", "X", "D")
    assert found.rows.tolist() == [0, 1, 2, 3, -1, -1]
    assert found.encoder.vocabulary.encode(["B", "D", "rare"]).tolist() == [2, 5, 0]
    assert found.encoder.vocabulary.min_subjects == 1
    assert found.encoder.static == trained.static


@pytest.mark.parametrize("online", [False, True])
def test_both_starts_read_alike(trained, online):
    """Steps that may not look ahead do not for the model from scratch either."""
    fresh = fitted_like(
        replace(trained, online=online), Tables(HERE), ROWS, trained.groups, None, 2
    )
    assert fresh.online == online


def test_nothing_is_learnt_from_rows_of_other_parts(trained):
    fresh = fitted_like(trained, Tables(HERE), ROWS[:1], trained.groups, None, 1)
    assert "Y" not in remapped(trained, fresh).encoder.vocabulary.codes


def test_a_code_of_the_map_is_the_model_s_own(trained):
    tables = Tables(HERE)
    groups = map_through(CodeGroups.of([("X", "A"), ("Y", "C")]), trained.groups)
    found = remapped(trained, fitted_like(trained, tables, ROWS, groups, None, 2))
    assert found.encoder.vocabulary.codes == ("A", "B", "C", "D")
    samples = found.encoder.encode(*tables.encodable)
    assert samples.codes.tolist() == [2, 1, 4, 1, 3, 4, 4, 2, 1, 0]
    # However rare: Y is of one patient.
    assert found.rows.tolist() == [0, 1, 2, 3, -1]


def test_a_map_goes_on_through_the_model_s_groups():
    own = CodeGroups.of([("A", "chapter"), ("A", "block"), ("Q", "chapter")])
    found = map_through(CodeGroups.of([("X", "A"), ("Q", "B")]), own)
    pairs = [("A", "block"), ("A", "chapter"), ("Q", "B"), ("X", "block"), ("X", "chapter")]
    assert found == CodeGroups.of(pairs)
    assert map_through(None, own) is own


def test_the_overlap_counts_codes_and_events(trained):
    tables = Tables(HERE)
    groups = map_through(CodeGroups.of([("Y", "C")]), trained.groups)
    found = remapped(trained, fitted_like(trained, tables, ROWS, groups, None, 2))
    told = overlap(trained, found, tables, ROWS, None, 2)
    codes = {kind: row["codes"] for kind, row in told["kinds"].items()}
    assert codes == {"shared": 1, "mapped": 1, "new": 2, "unknown": 1}
    events = {kind: round(10 * row["events"], 6) for kind, row in told["kinds"].items()}
    assert events == {"shared": 2, "mapped": 1, "new": 6, "unknown": 1}
    assert told["unused"] == 1  # A; B is there, and C by the map
    assert {one["code"] for one in told["frequent"]} == {"X", "D"}
    # What two patients do not share is not named.
    assert "rare" not in str(told)
