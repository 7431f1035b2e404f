"""A step that many samples see is held once, and every sample is what it would be alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequela.batches import Batch, ValueEncoder, VisitEncoder
from sequela.batches.aggregates import aggregates
from sequela.batches.groups import CodeGroups
from sequela.cohort import Observations, observations
from sequela.events import EventData

NOON = datetime(2020, 1, 1, 12)
GROUPS = CodeGroups.of([("A", "one"), ("A", "two"), ("B", "one")])
ENCODERS = [
    (VisitEncoder, {}),
    (VisitEncoder, {"grid": "1d", "groups": GROUPS}),
    (VisitEncoder, {"step": "event", "facts": True}),
    (ValueEncoder, {"groups": GROUPS}),
    (ValueEncoder, {"grid": "1d", "missing": "mean"}),
]


def _data(folder: Path, rows) -> EventData:
    """Rows of (subject, hours after noon or None, hours until known, code, value)."""
    hours = [None if row[1] is None else NOON + timedelta(hours=row[1]) for row in rows]
    known = [
        None if time is None else time + timedelta(hours=row[2])
        for row, time in zip(rows, hours, strict=True)
    ]
    frame = pl.DataFrame(
        {
            "subject_id": [row[0] for row in rows],
            "time": hours,
            "code": [row[3] for row in rows],
            "numeric_value": [row[4] for row in rows],
            "available_time": known,
        },
        schema={
            "subject_id": pl.Int64,
            "time": pl.Datetime("us"),
            "code": pl.String,
            "numeric_value": pl.Float32,
            "available_time": pl.Datetime("us"),
        },
    )
    frame.write_parquet(folder / "0.parquet")
    return EventData.open(folder)


def _hourly(subjects: int, hours) -> tuple[pl.DataFrame, pl.DataFrame]:
    pairs = [(subject, hour) for subject in range(subjects) for hour in hours]
    labels = pl.DataFrame(
        {
            "subject_id": [subject for subject, _ in pairs],
            "prediction_time": [NOON + timedelta(hours=hour) for _, hour in pairs],
            "boolean_value": [hour % 2 == 0 for _, hour in pairs],
        }
    )
    people = pl.DataFrame({"age": [50.0] * len(pairs), "sex": ["F"] * len(pairs)})
    return labels, people


def _same(first: Batch, second: Batch) -> None:
    for name in ("codes", "code_offsets", "static", "target", "rows"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.steps.data.numpy().tobytes() == second.steps.data.numpy().tobytes()
    np.testing.assert_array_equal(first.steps.batch_sizes, second.steps.batch_sizes)


_ROWS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.one_of(st.none(), st.integers(0, 70)),
        st.sampled_from([0, 0, 30]),
        st.sampled_from(["A", "B", "C", "MEDS_BIRTH"]),
        st.sampled_from([None, 1.0, 2.5]),
    ),
    min_size=1,
    max_size=25,
)


@settings(deadline=None, max_examples=10)
@given(_ROWS, st.one_of(st.none(), st.integers(1, 2)), st.permutations(range(12)))
def test_shared_histories_are_those_of_each_sample(tmp_path_factory, rows, days, order):
    data = _data(tmp_path_factory.mktemp("data"), rows)
    labels, people = _hourly(4, (20, 45, 72))
    shared = observations(data, labels, days)
    apart = shared.table()
    train = np.flatnonzero(labels["subject_id"].to_numpy() < 3)
    for kind, options in ENCODERS:
        fitted = [
            kind.fit(seen, labels, people, rows=train, min_subjects=1, **options)
            for seen in (shared, apart)
        ]
        assert fitted[0].to_dict() == fitted[1].to_dict()
        one, two = (fitted[0].encode(seen, labels, people) for seen in (shared, apart))
        _same(one.batch(np.array(order)), two.batch(np.array(order)))
        np.testing.assert_array_equal(one.times, two.times)
        for first, second in zip(aggregates(one), aggregates(two), strict=True):
            np.testing.assert_array_equal(first, second)


def test_memory_does_not_grow_with_the_number_of_predictions(tmp_path: Path):
    rows = [(0, hour, 0, "AB"[hour % 2], float(hour)) for hour in range(60)]
    data = _data(tmp_path, rows)
    labels, people = _hourly(1, range(1, 61))
    for kind in (VisitEncoder, ValueEncoder):
        seen = observations(data, labels)
        assert len(seen.time) == 60
        samples = kind.fit(seen, labels, people, min_subjects=1).encode(seen, labels, people)
        assert len(samples.time) == 60
        assert samples.lengths.sum() == sum(range(2, 61)) + 60
        assert samples.subset(np.array([3, 5])).time is samples.time
    # A grid cell that a window cuts is another step for each sample, and only then is it copied.
    cut = VisitEncoder.fit(seen, labels, people, min_subjects=1, grid="1d")
    assert len(cut.encode(seen, labels, people).time) > 60


def test_some_samples_and_some_codes(tmp_path: Path):
    rows = [(0, None, 0, "F", None), (0, 1, 0, "A", 1.0), (0, 5, 0, "B", None), (1, 2, 0, "A", 3.0)]
    labels, _ = _hourly(2, (3, 9))
    seen = observations(_data(tmp_path, rows), labels)
    table = seen.table()
    assert table["code"].to_list() == ["F", "A", "F", "A", "B", "A", "A"]
    assert seen.table(np.array([3, 1])).select("sample", "code").rows() == [
        (0, "A"), (1, "F"), (1, "A"), (1, "B"),
    ]  # fmt: skip
    assert seen.table(codes=["B"]).select("sample", "code").rows() == [(1, "B")]
    assert seen.static().select("sample", "code").rows() == [(0, "F"), (1, "F")]
    assert seen.codes().to_list() == ["A", "B", "F"]
    assert seen.dated().codes().to_list() == ["A", "B"]
    assert seen.counts(np.array([0, 2])).tolist() == [1, 1, 0, 1]
    again = Observations.of_table(table, len(seen))
    assert again.table().equals(table)
    assert again.apart().table().equals(table)


@pytest.mark.parametrize("kind", [VisitEncoder, ValueEncoder])
def test_observations_of_other_labels_are_refused(tmp_path: Path, kind):
    from sequela.errors import DataError

    labels, people = _hourly(2, (3, 9))
    seen = observations(_data(tmp_path, [(0, 1, 0, "A", 1.0)]), labels)
    with pytest.raises(DataError, match="4 sample"):
        kind.fit(seen, labels[:3], people[:3])
