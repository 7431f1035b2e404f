"""Visits are the timestamps of a history, whatever the shape of the tables they come from."""

from __future__ import annotations

import json
import time as clock
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequela.batches import Samples
from sequela.batches.groups import CodeGroups
from sequela.batches.visits import VisitEncoder, VisitSamples
from sequela.errors import BundleError, ConfigError, DataError, LeakageError, SchemaError

NOON = datetime(2020, 1, 1, 12)


def _events(*rows) -> pl.DataFrame:
    """Rows of (sample, days after noon of the first of January, code)."""
    return pl.DataFrame(
        {
            "sample": [row[0] for row in rows],
            "time": [None if row[1] is None else NOON + timedelta(days=row[1]) for row in rows],
            "code": [row[2] for row in rows],
            "numeric_value": [None] * len(rows),
        },
        schema={
            "sample": pl.UInt32,
            "time": pl.Datetime("us"),
            "code": pl.String,
            "numeric_value": pl.Float32,
        },
    )


def _labels(count: int, day: float = 100) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "subject_id": np.arange(count) + 7,
            "prediction_time": [NOON + timedelta(days=day)] * count,
            "boolean_value": [row % 2 == 1 for row in range(count)],
        }
    )


def _subgroups(count: int) -> pl.DataFrame:
    return pl.DataFrame(
        {"age": [40.0 + 10 * row for row in range(count)], "sex": (["F", "M"] * count)[:count]}
    )


def _encoded(events: pl.DataFrame, count: int, **options) -> tuple[VisitSamples, VisitEncoder]:
    tables = (events, _labels(count), _subgroups(count))
    encoder = VisitEncoder.fit(*tables, min_subjects=1, **options)
    return encoder.encode(*tables), encoder


def _codes(samples: VisitSamples, step: int) -> set[str]:
    begin, end = samples.code_offsets[step : step + 2]
    return {samples.code_names[number] for number in samples.codes[begin:end]}


def test_one_timestamp_is_one_visit():
    events = _events((0, 1, "A"), (0, 1, "B"), (0, 1, "A"), (0, 3, "C"), (2, 99, "A"))
    samples, _ = _encoded(events, 3)
    assert isinstance(samples, Samples)
    np.testing.assert_array_equal(samples.lengths, [2, 0, 1])
    assert [_codes(samples, step) for step in range(3)] == [{"A", "B"}, {"C"}, {"A"}]
    np.testing.assert_allclose(
        np.expm1(samples.times), [[0, 99], [2, 97], [0, 1]], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(samples.target, [False, True, False])
    np.testing.assert_array_equal(samples.groups, [7, 8, 9])
    np.testing.assert_allclose(samples.static[:, 0], [-(1.5**0.5), 0, 1.5**0.5], atol=1e-6)
    np.testing.assert_array_equal(samples.static[:, 1:], [[1, 0], [0, 1], [1, 0]])
    assert samples.static_names == ("age", "sex F", "sex M")


def test_a_day_may_be_one_visit_known_at_its_last_event():
    events = _events((0, 1, "A"), (0, 1.25, "B"), (0, 2, "C"))
    assert _encoded(events, 1)[0].lengths[0] == 3
    samples, _ = _encoded(events, 1, grid="1d")
    assert samples.lengths[0] == 2
    assert _codes(samples, 0) == {"A", "B"}
    np.testing.assert_allclose(np.expm1(samples.times), [[0, 98.75], [0.75, 98]], rtol=1e-5)


def test_what_has_no_time_and_birth_are_no_visit():
    events = _events((0, None, "GENDER//F"), (0, -9000, "MEDS_BIRTH"), (0, 5, "A"))
    samples, encoder = _encoded(events, 1)
    assert samples.lengths[0] == 1
    assert encoder.vocabulary.codes == ("A",)


def test_unknown_codes_still_make_a_visit():
    encoder = _encoded(_events((0, 1, "A")), 1)[1]
    samples = encoder.encode(
        _events((0, 1, "X"), (0, 1, "Y"), (0, 2, "A")), _labels(1), _subgroups(1)
    )
    assert samples.lengths[0] == 2
    np.testing.assert_array_equal(samples.codes, [0, 1])
    np.testing.assert_array_equal(samples.code_offsets, [0, 1, 2])


def test_rare_codes_do_not_enter_and_repeats_do_not_count_as_subjects():
    events = _events((0, 1, "A"), (1, 1, "A"), (0, 2, "B"), (0, 3, "B"))
    tables = (events, _labels(2), _subgroups(2))
    assert VisitEncoder.fit(*tables, min_subjects=2).vocabulary.codes == ("A",)


def test_no_event_at_all_is_samples_of_length_0():
    samples, _ = _encoded(_events(), 2)
    np.testing.assert_array_equal(samples.lengths, [0, 0])
    batch = samples.batch(np.array([1, 0]))
    assert len(batch) == 2
    assert batch.steps.data.shape == (0, 2)


def test_unknown_age_and_sex_count_as_the_mean_and_nothing():
    encoder = _encoded(_events((0, 1, "A")), 2)[1]
    subgroups = pl.DataFrame({"age": [None, float("nan")], "sex": [None, "X"]})
    samples = encoder.encode(_events(), _labels(2).drop("boolean_value"), subgroups)
    np.testing.assert_array_equal(samples.static, np.zeros((2, 3)))
    np.testing.assert_array_equal(samples.target, [0, 0])


def test_a_sex_of_few_training_subjects_is_not_learnt():
    # "M" is said of two subjects of the training part, "X" of one in two rows, "F" of three.
    labels = _labels(8).with_columns(subject_id=pl.Series([1, 2, 3, 4, 5, 6, 6, 7]))
    subgroups = pl.DataFrame({"age": [50.0] * 8, "sex": [*"FFFMMXXM"]})
    fitted = VisitEncoder.fit(_events(), labels, subgroups, rows=np.arange(7), min_subjects=3)
    assert fitted.static.sexes == ("F",)
    two = VisitEncoder.fit(_events(), labels, subgroups, rows=np.arange(7), min_subjects=2)
    assert two.static.sexes == ("F", "M")
    assert "X" not in json.dumps(two.to_dict())
    np.testing.assert_array_equal(two.encode(_events(), labels, subgroups).static[5, 1:], [0, 0])


_ROWS = st.lists(
    st.tuples(
        st.integers(0, 4), st.sampled_from([0.0, 0.25, 1.0, 2.5, 99.0]), st.sampled_from("ABCD")
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=60)
@given(_ROWS, st.randoms(use_true_random=False), st.booleans())
def test_visits_do_not_depend_on_the_order_of_the_rows(rows, random, day):
    samples, encoder = _encoded(_events(*rows), 5, grid="1d" if day else None)
    shuffled = list(rows)
    random.shuffle(shuffled)
    again = encoder.encode(_events(*shuffled), _labels(5), _subgroups(5))
    for name in ("times", "lengths", "codes", "code_offsets"):
        np.testing.assert_array_equal(getattr(samples, name), getattr(again, name))
    for sample in range(5):
        times = {NOON + timedelta(days=row[1]) for row in rows if row[0] == sample}
        moments = {time.date() for time in times} if day else times
        assert samples.lengths[sample] == len(moments)


def test_a_batch_holds_the_codes_of_its_steps():
    events = _events((0, 1, "A"), (1, 1, "B"), (1, 2, "C"), (1, 2, "A"))
    samples, _ = _encoded(events, 2)
    batch = samples.subset(np.array([1, 0])).batch(np.array([1, 0]))
    assert batch.codes is not None
    assert batch.code_offsets is not None
    names = [samples.code_names[number] for number in batch.codes.tolist()]
    assert names[:2] == ["B", "A"]
    assert sorted(names[2:]) == ["A", "C"]
    assert batch.code_offsets.tolist() == [0, 1, 2]
    assert batch.rows.tolist() == [0, 1]


def test_the_encoder_survives_json():
    events = _events((0, 1, "A"), (1, 2, "B"))
    samples, encoder = _encoded(events, 2, grid="1d")
    again = VisitEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder
    np.testing.assert_array_equal(
        again.encode(events, _labels(2), _subgroups(2)).times, samples.times
    )


@pytest.mark.parametrize(
    "change",
    [
        {"grid": 1},
        {"grid": "1w"},
        {"grid": "0h"},
        {"step": "visit"},
        {"step": ["time"]},
        {"step": "event", "grid": "1h"},
        {"vocabulary": []},
        {"static": None},
        {"groups": {"code": ["A"], "group": []}},
        {"groups": {"code": ["A", "A"], "group": ["B", "B"]}},
        {"groups": {"code": [1], "group": ["B"]}},
        {"groups": []},
        {"another": 1},
    ],
)
def test_a_damaged_encoding_is_refused(change):
    encoder = _encoded(_events((0, 1, "A")), 1)[1]
    with pytest.raises(BundleError):
        VisitEncoder.from_dict({**encoder.to_dict(), **change})
    with pytest.raises(BundleError):
        VisitEncoder.from_dict({})


def test_each_event_may_be_a_step():
    events = _events((0, 1, "B"), (0, 1, "A"), (0, 3, "B"), (1, 2, "A"))
    samples, _ = _encoded(events, 2, step="event")
    np.testing.assert_array_equal(samples.lengths, [3, 1])
    assert [_codes(samples, step) for step in range(4)] == [{"B"}, {"A"}, {"B"}, {"A"}]
    np.testing.assert_allclose(np.expm1(samples.times[:3, 0]), [0, 0, 2], atol=1e-6)


@pytest.mark.parametrize(
    "options", [{"grid": "week"}, {"grid": 3}, {"step": "all"}, {"step": "event", "grid": "1h"}]
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError, match="of encoding"):
        VisitEncoder.fit(_events(), _labels(1), _subgroups(1), **options)


def test_codes_may_stand_in_groups():
    events = _events((0, 1, "I50.1"), (0, 1, "I50.9"), (0, 2, "X"), (1, 1, "I50.9"), (1, 2, "Y"))
    tables = (events, _labels(2), _subgroups(2))
    groups = CodeGroups.of([("I50.1", "heart failure"), ("I50.9", "heart failure")])
    parents = CodeGroups.of([("X", "letters"), ("Y", "letters"), ("I50.1", "never")])
    encoder = VisitEncoder.fit(*tables, min_subjects=2, groups=groups, parents=parents)
    assert set(encoder.vocabulary.codes) == {"heart failure", "letters"}
    samples = encoder.encode(*tables, parents=parents)
    named = [_codes(samples, step) for step in range(4)]
    assert named == [{"heart failure"}, {"letters"}, {"heart failure"}, {"letters"}]
    # X and Y are of one subject each: what the data set says of them does not travel.
    again = VisitEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder
    assert again.groups == groups
    assert again.encode(*tables).code_names[0] == "unknown code"
    assert again.knows(pl.Series(["I50.1", "X", "Z"])) == 1
    assert again.knows(pl.Series(["I50.1", "X", "Z"]), parents) == 2


def test_an_event_after_the_prediction_is_leakage():
    encoder = _encoded(_events((0, 1, "A")), 1)[1]
    with pytest.raises(LeakageError, match="1 event"):
        encoder.encode(_events((0, 101, "A")), _labels(1), _subgroups(1))


def test_tables_that_do_not_fit_are_refused():
    events = _events((0, 1, "A"))
    with pytest.raises(SchemaError, match="'code'"):
        VisitEncoder.fit(events.drop("code"), _labels(1), _subgroups(1))
    with pytest.raises(DataError, match="subgroups"):
        VisitEncoder.fit(events, _labels(1), _subgroups(2))
    with pytest.raises(DataError, match="outside the labels"):
        VisitEncoder.fit(_events((3, 1, "A")), _labels(1), _subgroups(1))
    with pytest.raises(DataError, match="training labels"):
        VisitEncoder.fit(_events(), _labels(0), _subgroups(0))
    encoder = _encoded(events, 1)[1]
    gaps = _labels(1).with_columns(boolean_value=pl.lit(None, pl.Boolean))
    with pytest.raises(DataError, match="gaps"):
        encoder.encode(events, gaps, _subgroups(1))


def test_batches_are_made_fast():
    count, visits = 4000, 18
    random = np.random.default_rng(0)
    events = pl.DataFrame(
        {
            "sample": np.repeat(np.arange(count, dtype=np.uint32), visits * 3),
            "time": np.repeat(random.random((count, visits)) * 90 * 86_400_000_000, 3).astype(
                np.int64
            )
            + int(NOON.timestamp()) * 1_000_000,
            "code": random.integers(0, 90, count * visits * 3).astype(str),
        }
    ).with_columns(pl.col("time").cast(pl.Datetime("us")))
    samples, _ = _encoded(events, count)
    order = random.permutation(count)
    started = clock.process_time()
    for begin in range(0, count, 250):
        samples.batch(order[begin : begin + 250])
    # A generous bound: it takes a twentieth of it, a Python loop over visits ten times it.
    assert clock.process_time() - started < 1.5


def test_nothing_is_learnt_from_rows_outside_the_training_part():
    events = _events((0, 1, "A"), (1, 1, "B"), (2, 1, "C"), (3, 2, "A"))
    rows = np.array([0, 3])
    fitted = VisitEncoder.fit(events, _labels(4), _subgroups(4), rows=rows, min_subjects=1)
    alone = VisitEncoder.fit(
        _events((0, 1, "A"), (1, 2, "A")), _labels(2), _subgroups(4)[rows], min_subjects=1
    )
    assert fitted.to_dict() == alone.to_dict()
    assert list(fitted.vocabulary.codes) == ["A"]
