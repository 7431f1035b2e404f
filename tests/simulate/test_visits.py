"""Simulated visits keep their law: it is computed here once more, patient by patient."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from sequela import simulate
from sequela.errors import ConfigError, DataError, SchemaError
from sequela.events import EventData
from sequela.simulate import pathways

SUBJECTS = 700


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> EventData:
    root = tmp_path_factory.mktemp("simulate") / "visits"
    return simulate.visits(root, subjects=SUBJECTS, seed=5, shard_subjects=300)


@pytest.fixture(scope="module")
def events(data) -> pl.DataFrame:
    return data.read()


@pytest.fixture(scope="module")
def labels(events) -> pl.DataFrame:
    """Each visit but a patient's last."""
    times = events.filter(pl.col("code") == "ENCOUNTER//VISIT").sort("subject_id", "time")
    last = pl.col("time") == pl.col("time").max().over("subject_id")
    return times.filter(~last).select("subject_id", prediction_time="time")


@pytest.fixture(scope="module")
def truth(data, labels) -> simulate.NextVisits:
    return simulate.next_visits(data, labels, pathways.CODES)


def test_it_is_meds(data, events):
    assert len(data.subject_ids()) == SUBJECTS
    assert set(events["code"].unique()) <= {
        *data.code_descriptions(),
        "GENDER//F",
        "GENDER//M",
        "MEDS_BIRTH",
    }
    static = events.filter(pl.col("time").is_null())
    assert static.height == SUBJECTS
    dated = events.filter(pl.col("time").is_not_null())
    assert not dated.select(pl.struct("subject_id", "time", "code").is_duplicated().any()).item()
    days = dated.filter(pl.col("code") == "ENCOUNTER//VISIT").with_columns(pl.col("time").dt.date())
    assert not days.select("subject_id", "time").is_duplicated().any()


def _history(events: pl.DataFrame, subject: int) -> tuple[float, list[tuple[int, set[str]]]]:
    """Birth as a day, and the day and codes of each visit."""
    rows = events.filter((pl.col("subject_id") == subject) & pl.col("time").is_not_null())
    born = rows.filter(pl.col("code") == "MEDS_BIRTH")["time"].dt.epoch("d")[0]
    found: dict[int, set[str]] = {}
    dated = rows.filter(pl.col("code") != "MEDS_BIRTH").with_columns(pl.col("time").dt.epoch("d"))
    for day, code in dated.select("time", "code").iter_rows():
        found.setdefault(day, set()).add(code)
    return born, sorted(found.items())


def _by_hand(code: str, born: float, seen: list[tuple[int, set[str]]]) -> float:
    """The chance of a code after these visits, as the head of pathways.py says it."""
    today, age = seen[-1][0], (seen[-1][0] - born) / 365.25
    known = {c for _, codes in seen for c in codes}
    told = [day for day, codes in seen if code in codes]
    chronic = pathways._CHRONIC
    if code in chronic:
        if told:
            score = 0.6 - 0.8 * (1 - math.exp(-(today - told[-1]) / 365))
        else:
            causes = sum(w for cause, w in chronic[code].causes if cause in known)
            score = chronic[code].never + 0.3 * (age - 63) / 10 + causes
    elif any(code in (one.failure, one.side_effect) for one in pathways._TREATMENTS):
        one = next(t for t in pathways._TREATMENTS if code in (t.failure, t.side_effect))
        score = (-1.5 if code == one.failure else -2.0) if one.disease in known else -7.0
    elif any(code in one.lines for one in pathways._TREATMENTS):
        one = next(t for t in pathways._TREATMENTS if code in t.lines)
        line = 0
        for _, codes in seen:
            if line:
                line += (one.failure in codes) - (one.side_effect in codes)
                line = min(max(line, 1), 3)
            elif one.disease in codes:
                line = 1
        score = 1.6 if line and one.lines[line - 1] == code else -5.0
    elif code in dict(pathways._QUESTIONS):
        score = -2.8
    elif code in dict(pathways._QUESTIONS).values():
        trigger = next(t for t, answer in pathways._QUESTIONS if answer == code)
        raised = None
        for day, codes in seen:
            raised = day if trigger in codes else raised
            raised = None if code in codes else raised
        score = -5.0 + (0 if raised is None else 5.5 * math.exp(-(today - raised) / 180))
    else:
        memory = sum(math.exp(-(today - day) / 730) for day in told)
        usual = -2.4 - 0.05 * pathways._EVERYDAY.index(code)
        score = usual + 1.5 * math.log1p(memory)
    return 1 / (1 + math.exp(-score))


def test_the_chances_are_those_of_the_law(events, labels, truth):
    for row in range(0, labels.height, labels.height // 12):
        subject, time = labels.row(row)
        born, visits = _history(events, subject)
        day = (time - dt.datetime(1970, 1, 1)).days
        seen = [visit for visit in visits if visit[0] <= day]
        wanted = [_by_hand(code, born, seen) for code in pathways.CODES]
        np.testing.assert_allclose(truth.codes[row], wanted, rtol=1e-9)


def test_the_truth_is_recomputed_from_what_was_written(data, labels, truth):
    stored = pl.read_parquet(data.root / simulate.VISITS_FILE)
    joined = labels.join(
        stored, left_on=["subject_id", "prediction_time"], right_on=["subject_id", "time"]
    )
    assert joined.height == labels.height == stored.height
    order = labels.with_row_index("row").join(
        stored,
        left_on=["subject_id", "prediction_time"],
        right_on=["subject_id", "time"],
        maintain_order="left",
    )
    np.testing.assert_allclose(truth.codes.sum(axis=1), order["codes"].to_numpy(), rtol=1e-9)
    np.testing.assert_allclose(truth.days, order["days"].to_numpy(), rtol=1e-9)
    some = labels.sample(50, seed=1, shuffle=True)
    again = simulate.next_visits(data.root, some, ["ICD10CM//I10", "NO//SUCH"])
    assert (again.codes[:, 1] == 0).all()
    place = {key: row for row, key in enumerate(labels.iter_rows())}
    rows = [place[key] for key in some.iter_rows()]
    np.testing.assert_array_equal(
        again.codes[:, 0], truth.codes[rows][:, pathways.CODES.index("ICD10CM//I10")]
    )


def test_codes_and_days_come_as_the_truth_says(events, labels, truth):
    visits = events.filter(pl.col("code") == "ENCOUNTER//VISIT").sort("subject_id", "time")
    following = visits.select(
        "subject_id", "time", later=pl.col("time").shift(-1).over("subject_id")
    )
    asked = labels.with_row_index("row").join(
        following, left_on=["subject_id", "prediction_time"], right_on=["subject_id", "time"]
    )
    numbers = pl.DataFrame({"code": pathways.CODES, "number": range(len(pathways.CODES))})
    came = asked.join(
        events, left_on=["subject_id", "later"], right_on=["subject_id", "time"]
    ).join(numbers, on="code")
    held = np.zeros(truth.codes.shape)
    held[came["row"].to_numpy(), came["number"].to_numpy()] = 1
    chances = truth.codes.ravel()
    for part in np.array_split(np.argsort(chances), 20):
        spread = math.sqrt((chances[part] * (1 - chances[part])).sum()) / len(part)
        assert abs(held.ravel()[part].mean() - chances[part].mean()) < 4.5 * spread + 1e-9
    gap = (asked["later"].dt.epoch("d") - asked["prediction_time"].dt.epoch("d")).to_numpy()
    share = (gap <= truth.days[asked["row"].to_numpy()] + 0.5).mean()
    assert abs(share - 0.5) < 0.05


def test_a_shard_is_its_own(data, events, tmp_path):
    again = simulate.visits(tmp_path / "again", subjects=SUBJECTS, seed=5, shard_subjects=300)
    for path in sorted(data.root.rglob("*.parquet")):
        other = again.root / path.relative_to(data.root)
        assert path.read_bytes() == other.read_bytes(), path.name


def test_what_cannot_be(data, labels, tmp_path):
    with pytest.raises(ConfigError, match="subjects"):
        simulate.visits(tmp_path / "none", subjects=0)
    with pytest.raises(SchemaError, match="prediction_time"):
        simulate.next_visits(data, labels.drop("prediction_time"), ["ICD10CM//I10"])
    early = labels.head(1).with_columns(pl.col("prediction_time") - pl.duration(days=9000))
    with pytest.raises(DataError, match="no visit by then"):
        simulate.next_visits(data, early, ["ICD10CM//I10"])
