"""Matched controls: alike, used once, as many as there are, and the same whatever the order."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequela.cohort import Matching
from sequela.cohort.matching import balance_table, match

START = dt.datetime(2020, 1, 1)
DAY = dt.timedelta(days=1)


def samples(count: int, seed: int, cases: float = 0.2) -> pl.DataFrame:
    lot = np.random.default_rng(seed)
    sexes = np.array(["female", "male", None], dtype=object)
    return pl.DataFrame(
        {
            "subject_id": lot.integers(0, max(count // 2, 1), count),
            "prediction_time": [START + int(n) * DAY for n in lot.integers(0, 900, count)],
            "boolean_value": lot.random(count) < cases,
            "age": [None if lot.random() < 0.1 else float(a) for a in lot.integers(40, 60, count)],
            "sex": sexes[lot.integers(0, 3, count)].tolist(),
            "site": np.array(["N", "S"])[lot.integers(0, 2, count)],
        },
        schema_overrides={"prediction_time": pl.Datetime("us"), "sex": pl.String},
    ).unique(["subject_id", "prediction_time"]).sort("subject_id", "prediction_time")  # fmt: skip


rules = st.builds(
    Matching,
    ratio=st.integers(1, 4),
    age=st.sampled_from([None, 0, 2, 5]),
    calendar=st.sampled_from([None, "30d", "1y"]),
    sex=st.booleans(),
    site=st.sampled_from([None, "SITE//"]),
    replacement=st.booleans(),
    unmatched=st.sampled_from(["exclude", "keep"]),
    seed=st.integers(0, 3),
)


def alike(case: dict, control: dict, rule: Matching) -> bool:
    if case["subject_id"] == control["subject_id"]:
        return False
    if rule.sex and case["sex"] != control["sex"]:
        return False
    if rule.site and case["site"] != control["site"]:
        return False
    if rule.age is not None:
        if case["age"] is None or control["age"] is None:
            return False
        if abs(case["age"] - control["age"]) > rule.age:
            return False
    apart = abs(case["prediction_time"] - control["prediction_time"])
    return rule.calendar is None or apart <= rule.calendar


@settings(max_examples=60)
@given(count=st.integers(1, 60), seed=st.integers(0, 10_000), rule=rules)
def test_pairs_are_alike_and_as_many_as_there_are(count: int, seed: int, rule: Matching):
    table = samples(count, seed)
    found = match(table, rule)
    cases = table.filter("boolean_value").rows(named=True)
    controls = found.filter(~pl.col("boolean_value")).rows(named=True)
    given_to = dict.fromkeys(range(len(cases)), 0)
    for control in controls:
        sets = control["match_sets"]
        assert control["weight"] == len(sets) == len(set(sets))
        assert rule.replacement or len(sets) == 1
        for number in sets:
            given_to[number] += 1
            assert alike(cases[number], control, rule)
    assert max(given_to.values(), default=0) <= rule.ratio
    # Whoever has too few would find no further one.
    used = {(one["subject_id"], one["prediction_time"]): one["match_sets"] for one in controls}
    for number, case in enumerate(cases):
        if given_to[number] == rule.ratio:
            continue
        for control in table.filter(~pl.col("boolean_value")).rows(named=True):
            taken = used.get((control["subject_id"], control["prediction_time"]), [])
            free = number not in taken if rule.replacement else not taken
            assert not (free and alike(case, control, rule))
    kept = found.filter("boolean_value")
    wanted = len(cases) if rule.unmatched == "keep" else sum(map(bool, given_to.values()))
    assert kept.height == wanted
    assert found.select(table.columns).equals(
        found.select(table.columns).sort("subject_id", "prediction_time")
    )


@settings(max_examples=30)
@given(count=st.integers(2, 60), seed=st.integers(0, 10_000), rule=rules)
def test_nobody_gets_a_second_before_all_had_a_chance_of_a_first(
    count: int, seed: int, rule: Matching
):
    rule = rule.model_copy(update={"replacement": False, "age": None, "calendar": None})
    rule = rule.model_copy(update={"sex": False, "site": None, "unmatched": "keep"})
    table = samples(count, seed).with_columns(subject_id=pl.int_range(pl.len()))
    found = match(table, rule)
    sets = found.filter(~pl.col("boolean_value"))["match_sets"].list.first()
    counts = np.bincount(sets.to_numpy().astype(int), minlength=table["boolean_value"].sum())
    # Everybody is like everybody here, so nobody lags behind by more than one.
    assert not len(counts) or counts.max() - counts.min() <= 1


def test_the_seed_draws_and_the_rest_of_the_table_does_not():
    table, rule = samples(400, 1), Matching(ratio=2, age=5, seed=7)
    other = match(table, Matching(ratio=2, age=5, seed=8))
    assert not match(table, rule).equals(other)
    # Samples that are like no case change no draw.
    far = samples(100, 3).with_columns(
        boolean_value=pl.lit(False), age=pl.lit(95.0), subject_id=pl.col("subject_id") + 10_000
    )
    more = pl.concat([table, far]).sort("subject_id", "prediction_time")
    assert match(more, rule).equals(match(table, rule))


def test_many_cases_want_the_same_few_controls():
    """More candidates than are looked at together, and fewer than are wanted."""
    table = samples(3000, 5, cases=0.9).with_columns(subject_id=pl.int_range(pl.len()))
    found = match(table, Matching(ratio=2, sex=False, unmatched="keep"))
    controls = found.filter(~pl.col("boolean_value"))
    assert controls.height == table.filter(~pl.col("boolean_value")).height
    assert controls["weight"].max() == 1


def test_balance():
    table = pl.DataFrame(
        {
            "subject_id": [1, 2, 3, 4],
            "prediction_time": [START] * 4,
            "boolean_value": [True, True, False, False],
            "age": [50.0, 60.0, 51.0, 90.0],
            "sex": ["female", "male", "female", "male"],
        },
        schema_overrides={"prediction_time": pl.Datetime("us")},
    )
    found = match(table, Matching(ratio=1, age=2))
    assert found["subject_id"].to_list() == [1, 3]
    balance = balance_table(table, found)
    assert balance["variable"].to_list() == ["age", "sex", "calendar"]
    age = balance.row(0, named=True)
    assert (age["cases"], age["controls_before"], age["controls"]) == (50.0, 70.5, 51.0)
    # (55 - 70.5) / sqrt((25 + 380.25) / 2)
    assert age["difference_before"] == pytest.approx(-15.5 / (405.25 / 2) ** 0.5)
    assert age["difference"] is None, "one of each: no spread"
    assert balance.row(1, named=True)["difference_before"] == 0
