"""The simulated cohort keeps its law: the stored truth is the truth, and order matters to it."""

from __future__ import annotations

import hashlib
import resource
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from sequela import simulate
from sequela.errors import ConfigError, DataError, OutputError, SchemaError
from sequela.events import EventData

SUBJECTS = 8_000
HEART_FAILURE = pl.col("code").str.starts_with("ICD10CM//I50")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> EventData:
    root = tmp_path_factory.mktemp("simulate") / "cohort"
    return simulate.cohort(root, subjects=SUBJECTS, seed=3, shard_subjects=3000)


@pytest.fixture(scope="module")
def events(data) -> pl.DataFrame:
    return data.read()


@pytest.fixture(scope="module")
def truth(data) -> pl.DataFrame:
    return pl.read_parquet(data.root / simulate.TRUTH_FILE)


@pytest.fixture(scope="module")
def labels(events, truth) -> pl.DataFrame:
    """The onset task by the book, without the cohort engine: only from the written events."""
    dated = events.filter(pl.col("time").is_not_null() & (pl.col("code") != "MEDS_BIRTH"))
    subjects = dated.group_by("subject_id", maintain_order=True).agg(
        first=pl.col("time").min(),
        last=pl.col("time").max(),
        onset=pl.col("time").filter(HEART_FAILURE).min(),
        dead=(pl.col("code") == "MEDS_DEATH").any(),
    )
    gap_end = pl.col("prediction_time") + timedelta(days=30)
    window_end = pl.col("prediction_time") + timedelta(days=395)
    found = subjects.with_columns(prediction_time=pl.col("first") + timedelta(days=730))
    assert found["prediction_time"].to_list() == truth["prediction_time"].to_list()
    assert found["onset"].to_list() == truth["outcome_time"].to_list()
    case = (pl.col("onset") > gap_end) & (pl.col("onset") <= window_end)
    return (
        found.with_columns(boolean_value=case.fill_null(False))
        .filter(pl.col("onset").is_null() | (pl.col("onset") > gap_end))
        .filter(pl.col("boolean_value") | pl.col("dead") | (pl.col("last") >= window_end))
        .join(truth.select("subject_id", "risk"), on="subject_id", maintain_order="left")
    )


def _digest(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.parquet")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def test_it_is_meds(data, events):
    assert sorted(path.name for path in data.root.glob("data/*")) == [
        "0000.parquet",
        "0001.parquet",
        "0002.parquet",
    ]
    assert len(data.subject_ids()) == SUBJECTS
    assert set(events["code"].unique()) <= set(data.code_descriptions()) | {
        "GENDER//F",
        "GENDER//M",
        "MEDS_BIRTH",
        "MEDS_DEATH",
    }
    assert 60 <= events["code"].n_unique() <= 150
    static = events.filter(pl.col("time").is_null())
    assert static.height == SUBJECTS
    assert static["code"].str.starts_with("GENDER//").all()
    assert (
        not events.filter(pl.col("time").is_not_null())
        .select(pl.struct("subject_id", "time", "code").is_duplicated().any())
        .item()
    )
    values = events.filter(pl.col("numeric_value").is_not_null())
    assert values["code"].str.starts_with("LAB//").all()
    assert values.height > SUBJECTS


def test_the_risk_is_recomputed_from_what_was_written(data, truth):
    again = simulate.true_risk(data, truth)
    np.testing.assert_allclose(again, truth["risk"].to_numpy(), rtol=1e-9)
    some = truth.sample(500, seed=1, shuffle=True)
    np.testing.assert_allclose(
        simulate.true_risk(data.root, some), some["risk"].to_numpy(), rtol=1e-9
    )


def test_the_risk_needs_nothing_after_the_prediction_and_no_first_event(events, truth, tmp_path):
    first = pl.col("time").filter(pl.col("code") == "ENCOUNTER//REGISTRATION").min()
    joined = events.join(truth.select("subject_id", "prediction_time"), on="subject_id")
    past = joined.filter(pl.col("time").is_null() | (pl.col("time") <= pl.col("prediction_time")))
    past = past.filter(
        pl.col("time").is_null()
        | (pl.col("time") != first.over("subject_id"))
        | (pl.col("code") == "MEDS_BIRTH")
    )
    past.select(events.columns).write_parquet(tmp_path / "past.parquet")
    again = simulate.true_risk(tmp_path / "past.parquet", truth)
    np.testing.assert_allclose(again, truth["risk"].to_numpy(), rtol=1e-9)


def test_outcomes_come_as_often_as_the_risk_says(labels):
    risk, outcome = labels["risk"].to_numpy(), labels["boolean_value"].to_numpy()
    assert 0.08 <= outcome.mean() <= 0.20
    order = np.argsort(risk)
    for part in np.array_split(order, 10):
        expected, count = risk[part].mean(), len(part)
        error = np.sqrt((risk[part] * (1 - risk[part])).sum()) / count
        # Cases whose follow-up is lost later are kept and lost patients are not: up to 4 % more.
        assert abs(outcome[part].mean() - expected) < 4 * error + 0.04 * expected


def test_the_best_possible_auroc_is_known(labels):
    risk, outcome = labels["risk"].to_numpy(), labels["boolean_value"].to_numpy()
    expected = simulate.expected_auroc(risk)
    assert 0.80 <= expected <= 0.88
    assert abs(roc_auc_score(outcome, risk) - expected) < 0.015


def _shuffled(events: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """The contents of each history's visits, dealt anew to its times."""
    history = events.join(labels.select("subject_id", "prediction_time"), on="subject_id").filter(
        (pl.col("time") <= pl.col("prediction_time")) & (pl.col("code") != "MEDS_BIRTH")
    )
    visits = history.select("subject_id", "time").unique().sort("subject_id", "time")
    random = np.random.default_rng(0).random(visits.height)
    dealt = visits.with_columns(random=random).sort("subject_id", "random")
    deal = visits.with_columns(dealt=dealt["time"])
    moved = history.join(deal, on=["subject_id", "time"]).with_columns(time=pl.col("dealt"))
    static = events.filter(pl.col("time").is_null() | (pl.col("code") == "MEDS_BIRTH"))
    return pl.concat([static, moved.select(events.columns)]).sort(
        "subject_id", "time", nulls_last=False
    )


def test_shuffling_the_order_of_visits_costs_auroc(events, labels, tmp_path):
    path = tmp_path / "shuffled.parquet"
    _shuffled(events, labels).drop("available_time").write_parquet(path)
    outcome = labels["boolean_value"].to_numpy()
    whole = roc_auc_score(outcome, labels["risk"].to_numpy())
    without = roc_auc_score(outcome, simulate.true_risk(path, labels))
    assert whole - without >= 0.03


def test_same_seed_same_bytes(tmp_path):
    arguments = {"subjects": 300, "shard_subjects": 200}
    one = simulate.cohort(tmp_path / "one", seed=1, **arguments)
    two = simulate.cohort(tmp_path / "two", seed=1, **arguments)
    other = simulate.cohort(tmp_path / "other", seed=2, **arguments)
    assert _digest(one.root) == _digest(two.root)
    assert _digest(one.root) != _digest(other.root)


def test_shards_are_independent(tmp_path):
    small = simulate.cohort(tmp_path / "small", subjects=200, shard_subjects=100)
    large = simulate.cohort(tmp_path / "large", subjects=300, shard_subjects=100)
    for name in ("0000.parquet", "0001.parquet"):
        assert (small.root / "data" / name).read_bytes() == (
            large.root / "data" / name
        ).read_bytes()


def test_one_patient_is_a_cohort(tmp_path):
    data = simulate.cohort(tmp_path / "one", subjects=1)
    assert len(data.subject_ids()) == 1


def test_expected_auroc_by_hand():
    risk = np.array([0.1, 0.5, 0.5, 0.9])
    won = sum(
        risk[case] * (1 - risk[rival]) * (1.0 if risk[case] > risk[rival] else 0.5)
        for case in range(4)
        for rival in range(4)
        if case != rival and risk[case] >= risk[rival]
    )
    every = sum(
        risk[case] * (1 - risk[rival]) for case in range(4) for rival in range(4) if case != rival
    )
    assert simulate.expected_auroc(risk) == pytest.approx(won / every, rel=1e-12)
    assert simulate.expected_auroc(np.full(50, 0.3)) == pytest.approx(0.5)


def test_bad_requests_are_refused(tmp_path, data, truth):
    with pytest.raises(ConfigError, match="subjects"):
        simulate.cohort(tmp_path / "none", subjects=0)
    with pytest.raises(ConfigError, match="shard_subjects"):
        simulate.cohort(tmp_path / "none", subjects=5, shard_subjects=0)
    assert not (tmp_path / "none").exists()
    with pytest.raises(OutputError, match="exists"):
        simulate.cohort(data.root, subjects=5)
    with pytest.raises(SchemaError, match="prediction_time"):
        simulate.true_risk(data, truth.drop("prediction_time"))
    with pytest.raises(DataError, match="twice"):
        simulate.true_risk(data, pl.concat([truth.head(1)] * 2))
    stranger = truth.head(1).with_columns(subject_id=pl.lit(10**9))
    with pytest.raises(DataError, match="1 subject"):
        simulate.true_risk(data, stranger)


def test_large_cohorts_are_written_fast_and_small(tmp_path):
    # 100,000 patients in a minute and 2 GB: a twentieth of it here, shards of the usual size cost
    # memory once.
    started = time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    simulate.cohort(tmp_path / "part", subjects=5000)
    assert time.process_time() - started < 3.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1e6  # kB
