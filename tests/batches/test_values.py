"""Measurements: the wide rows equal those written down by hand, whatever the order and company."""

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
from sequela.batches.aggregates import aggregates
from sequela.batches.groups import CodeGroups
from sequela.batches.values import ValueEncoder, ValueSamples
from sequela.errors import BundleError, ConfigError, DataError, LeakageError, SchemaError

NOON = datetime(2020, 1, 1, 12)


def _events(*rows) -> pl.DataFrame:
    """Rows of (sample, hours after noon or None, code, value or None)."""
    return pl.DataFrame(
        {
            "sample": [row[0] for row in rows],
            "time": [None if row[1] is None else NOON + timedelta(hours=row[1]) for row in rows],
            "code": [row[2] for row in rows],
            "numeric_value": [row[3] for row in rows],
        },
        schema={
            "sample": pl.UInt32,
            "time": pl.Datetime("us"),
            "code": pl.String,
            "numeric_value": pl.Float32,
        },
    )


def _labels(count: int, hours: float = 48) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "subject_id": np.arange(count) + 7,
            "prediction_time": [NOON + timedelta(hours=hours)] * count,
            "boolean_value": [row % 2 == 1 for row in range(count)],
        }
    )


def _subgroups(count: int) -> pl.DataFrame:
    return pl.DataFrame({"age": [50.0] * count, "sex": ["F"] * count})


def _encoded(events: pl.DataFrame, count: int, **options) -> tuple[ValueSamples, ValueEncoder]:
    tables = (events, _labels(count), _subgroups(count))
    encoder = ValueEncoder.fit(*tables, min_subjects=1, **options)
    return encoder.encode(*tables), encoder


def _rows(samples, sample: int) -> np.ndarray:
    """[T, F], the steps of one sample in order of time."""
    return samples.batch(np.array([sample])).steps.data.numpy()


ROWS = (
    (0, 0, "HR", 60.0),
    (0, 0, "ADMISSION", None),
    (0, 2, "HR", 80.0),
    (0, 2, "PH", 7.0),
    (0, 5, "PH", 7.5),
    (1, 1, "HR", 70.0),
    (1, 3, "DRUG", None),
)


def test_values_masks_and_times_since_last_seen():
    samples, encoder = _encoded(_events(*ROWS), 2)
    assert isinstance(samples, Samples)
    assert samples.variable_names == ("HR", "PH")
    assert samples.step_size == 2 + 3 * 2
    np.testing.assert_array_equal(samples.lengths, [3, 2])
    scales = encoder.scales
    hr = scales.apply(np.zeros(3, int), np.array([60, 80, 70]))
    ph = scales.apply(np.ones(2, int), np.array([7.0, 7.5]))
    first = _rows(samples, 0)
    np.testing.assert_allclose(np.expm1(first[:, 0]) * 24, [0, 2, 3], rtol=1e-5)
    np.testing.assert_allclose(np.expm1(first[:, 1]) * 24, [48, 46, 43], rtol=1e-5)
    np.testing.assert_allclose(
        first[:, 2:4], [[hr[0], 0], [hr[1], ph[0]], [hr[1], ph[1]]], atol=1e-6
    )
    np.testing.assert_array_equal(first[:, 4:6], [[1, 0], [1, 1], [0, 1]])
    np.testing.assert_allclose(np.expm1(first[:, 6:8]), [[0, 0], [2, 2], [3, 3]], rtol=1e-5)
    second = _rows(samples, 1)
    np.testing.assert_allclose(second[:, 2:4], [[hr[2], 0], [hr[2], 0]], atol=1e-6)
    np.testing.assert_array_equal(second[:, 4:6], [[1, 0], [0, 0]])
    codes = [samples.code_names[number] for number in samples.codes]
    assert codes == ["ADMISSION", "DRUG"]


def test_missing_values_may_be_the_mean():
    samples, _ = _encoded(_events(*ROWS), 2, missing="mean")
    assert _rows(samples, 0)[2, 2] == 0
    assert _rows(samples, 0)[0, 3] == 0


def test_a_grid_takes_the_mean_of_a_cell_and_its_last_moment():
    events = _events((0, 0.2, "HR", 60), (0, 0.7, "HR", 80), (0, 3.5, "HR", 90))
    samples, encoder = _encoded(events, 1, grid="1h")
    assert samples.lengths[0] == 2
    rows = _rows(samples, 0)
    raw = rows[:, 2] * encoder.scales.spread[0] + encoder.scales.mean[0]
    np.testing.assert_allclose(raw, [70, 90], rtol=1e-5)
    np.testing.assert_allclose(np.expm1(rows[:, 1]) * 24, [47.3, 44.5], rtol=1e-5)


def test_a_step_without_a_known_value_is_a_step():
    _, encoder = _encoded(_events(*ROWS), 2)
    samples = encoder.encode(_events((0, 1, "NEW", 5.0)), _labels(2), _subgroups(2))
    np.testing.assert_array_equal(samples.lengths, [1, 0])
    np.testing.assert_array_equal(samples.codes, [0])
    np.testing.assert_array_equal(_rows(samples, 0)[0, 2:], 0)
    assert _rows(samples, 1).shape == (0, samples.step_size)


def test_nothing_is_learnt_outside_the_training_part():
    events = _events(*ROWS, (2, 1, "HR", 5000.0), (2, 1, "LACTATE", 1.0), (2, None, "TYPE", None))
    fitted = ValueEncoder.fit(
        events, _labels(3), _subgroups(3), rows=np.array([0, 1]), min_subjects=1
    )
    assert fitted == _encoded(_events(*ROWS), 2)[1]


def test_undated_facts_are_static():
    events = _events(
        (0, None, "HEIGHT", 170.0),
        (1, None, "HEIGHT", 190.0),
        (1, None, "UNIT//SURGICAL", None),
        (0, None, "GENDER//F", None),
        (0, -99, "MEDS_BIRTH", None),
    )
    samples, encoder = _encoded(events, 3)
    assert samples.static_names == ("age", "sex F", "has UNIT//SURGICAL", "HEIGHT", "known HEIGHT")
    np.testing.assert_allclose(samples.static[:, 2:], [[0, -1, 1], [1, 1, 1], [0, 0, 0]], atol=1e-5)
    assert samples.lengths.tolist() == [0, 0, 0]
    assert _encoded(events, 3, facts=False)[0].static_names == ("age", "sex F")
    again = ValueEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder


def test_rare_variables_are_codes():
    events = _events((0, 1, "HR", 60), (1, 1, "HR", 70), (0, 1, "PH", 7), (1, 2, "K", None))
    tables = (events, _labels(2), _subgroups(2))
    encoder = ValueEncoder.fit(*tables, min_subjects=2)
    assert encoder.scales.names == ("HR",)
    assert encoder.vocabulary.codes == ()
    assert encoder.knows(pl.Series(["HR", "PH"])) == 1
    few = ValueEncoder.fit(*tables, min_subjects=1, most=1)
    assert few.scales.names == ("HR",)
    assert set(few.vocabulary.codes) == {"PH", "K"}


def test_variables_may_stand_in_groups():
    events = _events((0, 1, "ITEM//211", 60), (1, 1, "ITEM//220045", 80))
    groups = CodeGroups.of([("ITEM//211", "heart rate"), ("ITEM//220045", "heart rate")])
    tables = (events, _labels(2), _subgroups(2))
    encoder = ValueEncoder.fit(*tables, min_subjects=2, groups=groups)
    assert encoder.scales.names == ("heart rate",)
    assert encoder.encode(*tables).values.tolist() == [-1, 1]
    assert ValueEncoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder


_MADE = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from([0.0, 0.5, 1.0, 7.25, 47.0]),
        st.sampled_from(["HR", "PH", "K", "DRUG"]),
        st.one_of(st.none(), st.sampled_from([-3.0, 0.0, 1.5, 9.0])),
    ),
    max_size=40,
)


def _by_hand(samples: ValueSamples, events: pl.DataFrame, sample: int, forward: bool) -> np.ndarray:
    """The wide rows of one sample, variable by variable and step by step."""
    encoder_names = samples.variable_names
    begin = samples.starts[sample]
    times = samples.time[begin : begin + samples.lengths[sample]] / 3_600_000_000
    found = np.zeros((len(times), 3 * len(encoder_names)))
    for column in range(len(encoder_names)):
        last_time, last_value = (times[0] if len(times) else 0.0), 0.0
        for row in range(len(times)):
            lo, hi = samples.value_offsets[begin + row : begin + row + 2]
            here = samples.values[lo:hi][samples.variables[lo:hi] == column]
            found[row, 2 * len(encoder_names) + column] = np.log1p(times[row] - last_time)
            if len(here):
                last_time, last_value = times[row], here[0]
                found[row, len(encoder_names) + column] = 1
            found[row, column] = last_value if forward or len(here) else 0
    return found


@settings(deadline=None, max_examples=30)
@given(_MADE, st.randoms(use_true_random=False), st.sampled_from([None, "1h"]), st.booleans())
def test_equal_to_steps_by_hand_whatever_the_order_and_the_company(rows, random, grid, forward):
    options = {"grid": grid, "missing": "forward" if forward else "mean"}
    events = _events(*rows)
    samples, encoder = _encoded(events, 5, **options)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert _encoded(_events(*shuffled), 5, **options)[1] == encoder
    again = encoder.encode(_events(*shuffled), _labels(5), _subgroups(5))
    order = np.array([3, 0, 4, 1, 2])
    together = samples.batch(order)
    for place, sample in enumerate(order):
        alone = _rows(samples, sample)
        np.testing.assert_array_equal(alone, _rows(again, sample))
        np.testing.assert_allclose(
            alone[:, 2:], _by_hand(samples, events, sample, forward), atol=1e-6
        )
        assert len(alone) == together.lengths[place]
    packed = torch_rows(together, len(order))
    for place, sample in enumerate(order):
        np.testing.assert_array_equal(packed[place], _rows(samples, sample))


def torch_rows(batch, count: int) -> list[np.ndarray]:
    """The steps of each member of a batch, in batch order."""
    data, sizes = batch.steps.data.numpy(), batch.steps.batch_sizes.numpy()
    begin = np.cumsum(sizes) - sizes
    place = batch.steps.unsorted_indices.numpy()
    return [
        data[[begin[t] + place[row] for t in range(len(sizes)) if place[row] < sizes[t]]]
        for row in range(count)
    ]


@settings(deadline=None, max_examples=20)
@given(_MADE)
def test_aggregates_of_values_equal_those_by_hand(rows):
    samples, _ = _encoded(_events(*rows), 5)
    features, names = aggregates(samples)
    assert features.shape == (5, len(names)) == (5, len(set(names)))
    table = {name: features[:, column] for column, name in enumerate(names)}
    for sample in range(5):
        begin, length = samples.starts[sample], samples.lengths[sample]
        lo, hi = samples.value_offsets[begin], samples.value_offsets[begin + length]
        for number, name in enumerate(samples.variable_names):
            values = samples.values[lo:hi][samples.variables[lo:hi] == number]
            assert table[f"number of {name}"][sample] == len(values)
            expected = (
                [values[-1], values.mean(), values.min(), values.max()]
                if len(values)
                else [np.nan] * 4
            )
            got = [
                table[f"{word} {name}"][sample] for word in ("last", "mean", "least", "greatest")
            ]
            np.testing.assert_allclose(got, expected, rtol=1e-6)
    order = np.array([4, 2, 2, 0])
    np.testing.assert_array_equal(aggregates(samples.subset(order))[0], features[order])


@pytest.mark.parametrize(
    "change",
    [
        {"scales": {}},
        {"scales": None},
        {"vocabulary": []},
        {"static": []},
        {"grid": 1},
        {"missing": "last"},
        {"missing": ["mean"]},
        {"groups": {"code": "A", "group": "B"}},
        {"another": 1},
    ],
)
def test_a_damaged_encoding_is_refused(change):
    content = _encoded(_events(*ROWS), 2)[1].to_dict()
    with pytest.raises(BundleError):
        ValueEncoder.from_dict({**content, **change})
    for broken in ({}, [], None):
        with pytest.raises(BundleError):
            ValueEncoder.from_dict(broken)  # type: ignore[arg-type]


def test_mistakes_are_refused():
    tables = (_labels(1), _subgroups(1))
    with pytest.raises(SchemaError, match="numeric_value"):
        ValueEncoder.fit(_events().drop("numeric_value"), *tables)
    with pytest.raises(ConfigError, match="'missing' of encoding"):
        ValueEncoder.fit(_events(), *tables, missing="zero")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'grid' of encoding"):
        ValueEncoder.fit(_events(), *tables, grid="1 hour")
    with pytest.raises(DataError, match="training labels"):
        ValueEncoder.fit(_events(), _labels(0), _subgroups(0))
    encoder = _encoded(_events((0, 1, "HR", 60)), 1)[1]
    with pytest.raises(LeakageError, match="1 event"):
        encoder.encode(_events((0, 49, "HR", 60)), *tables)


def test_encoding_and_batches_are_fast():
    count, steps, each = 1000, 60, 5
    random = np.random.default_rng(0)
    size = count * steps * each
    minutes = np.sort(random.integers(0, 2880, (count, steps)), axis=1)
    events = pl.DataFrame(
        {
            "sample": np.repeat(np.arange(count, dtype=np.uint32), steps * each),
            "time": np.repeat(minutes.ravel(), each) * 60_000_000
            + int(NOON.timestamp()) * 1_000_000,
            "code": pl.Series(random.integers(0, 40, size)).cast(pl.String),
            "numeric_value": random.normal(size=size).astype(np.float32),
        }
    ).with_columns(pl.col("time").cast(pl.Datetime("us")))
    started = clock.process_time()
    samples, _ = _encoded(events, count)
    for begin in range(0, count, 64):
        samples.batch(np.arange(begin, min(count, begin + 64)))
    # 300,000 events: a generous bound, a loop over patients takes several times it.
    assert clock.process_time() - started < 3
