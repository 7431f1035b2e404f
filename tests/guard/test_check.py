"""Labels that a file brings are checked as training would show them."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.guard.hospital import hospital

from sequela import guard, tasks
from sequela.cohort import build_cohort, observation_events
from sequela.errors import LabelError


def test_labels_from_a_file_see_what_they_would_in_training():
    """Of a stay its own days, not the whole record."""
    data, task = hospital(5), tasks.declaration("mortality")
    labels, seen = build_cohort(data, task).labels, []
    for own in (None, labels):
        guard.check(data, task, own, pairs=5, fitted=lambda *tables: seen.append(tables[0]) or [])
    whole = observation_events(data, labels)
    assert_frame_equal(seen[0], seen[1])
    assert seen[1].height < whole.height
    late = labels.with_columns(pl.col("prediction_time") + pl.duration(hours=1))
    with pytest.raises(
        LabelError, match=r"at times that are no prediction times.*observation=null"
    ):
        guard.time_machine(data, task, late)
