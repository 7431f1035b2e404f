"""Building the cohort of an onset task, shard by shard, with an account of every exclusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from sequela.cohort.declaration import OnsetDeclaration
from sequela.cohort.subgroups import DAYS_PER_YEAR, demographics
from sequela.cohort.windows import follow_up_end, in_gap, in_observation, in_prediction
from sequela.errors import DataError
from sequela.events import BIRTH_CODE, DEATH_CODE, EventData, has_code

__all__ = ["Cohort", "build_cohort"]


@dataclass(frozen=True)
class Cohort:
    """Who is in, predicted when, with which label.

    Args:
        labels: ``subject_id`` int64, ``prediction_time`` datetime[us], ``boolean_value``; one row
            for each subject, sorted by subject: MEDS labels.
        attrition: ``{"step", "subjects", "excluded"}`` of each step in order: how many subjects are
            left after it, and how many it took away.
        subgroups: ``subject_id``, ``age`` (years at prediction), ``sex``; a row for each label.
        description: the cohort in words.
        notes: what the reader of a result must know beside it.
    """

    labels: pl.DataFrame
    attrition: list[dict[str, Any]]
    subgroups: pl.DataFrame
    description: str
    notes: tuple[str, ...] = field(default=())


def build_cohort(
    data: EventData, declaration: OnsetDeclaration | Mapping[str, Any], *, known: bool = True
) -> Cohort:
    """Labels the subjects of a data set for an onset task.

    The rules are those of :class:`OnsetDeclaration`. An outcome without a date is taken as
    prevalent: it cannot be shown to be new.

    Args:
        data: the data set, streamed.
        declaration: of the task; a mapping is parsed.
        known: the outcome is known, as in training and evaluation. False is for prediction: nobody
            is left out for what happens after the index date, whose index date lies beyond the
            newest event is left out, and the labels have no ``boolean_value``.

    Raises:
        ConfigError: the declaration is wrong.
        DataError: the data are damaged, or no subject is left.
    """
    if not isinstance(declaration, OnsetDeclaration):
        declaration = OnsetDeclaration.parse(declaration)
    steps = _steps(declaration) if known else _steps_at_index(declaration, _newest(data))
    counts = [0] * (len(steps) + 1)
    labels, groups, coded = [], [], False
    for shard in data.shards():
        table = _subject_table(shard, declaration)
        coded |= bool(table["coded"].any())
        counts[0] += table.height
        for number, (_, keep) in enumerate(steps, start=1):
            table = table.filter(keep)
            counts[number] += table.height
        part = _labels(table, declaration)
        part = part if known else part.drop("boolean_value")
        labels.append(part)
        groups.append(demographics(shard, part))
    attrition = _attrition([name for name, _ in steps], counts)
    if not counts[-1]:
        raise DataError(
            f"the cohort of task {declaration.name}",
            got="no subject is left (" + _losses(attrition) + ")",
            wanted="subjects who meet its conditions",
            todo="Loosen the declaration (task.min_visits=..., task.index.days=...).",
        )
    # Shards may interleave their subjects; the two tables must be put in the same order.
    order = pl.concat(labels)["subject_id"].arg_sort()
    return Cohort(
        labels=pl.concat(labels)[order],
        attrition=attrition,
        subgroups=pl.concat(groups)[order],
        description=declaration.describe(),
        notes=() if coded else (f"No code of the data means {declaration.outcome.words}.",),
    )


def _newest(data: EventData) -> Any:
    times = [shard["time"].max() for shard in data.shards()]
    return max((time for time in times if time is not None), default=None)


def _losses(attrition: list[dict[str, Any]]) -> str:
    return ", ".join(
        f"{step['excluded']} not '{step['step']}'" for step in attrition if step["excluded"]
    )


def _attrition(names: list[str], counts: list[int]) -> list[dict[str, Any]]:
    rows = [{"step": "in the data", "subjects": counts[0], "excluded": 0}]
    rows += [
        {"step": name, "subjects": after, "excluded": before - after}
        for name, before, after in zip(names, counts, counts[1:], strict=False)
    ]
    return rows


def _subject_table(events: pl.DataFrame, declaration: OnsetDeclaration) -> pl.DataFrame:
    """All that the steps ask about, a row for each subject: dates, and visits in the window."""
    outcome = declaration.outcome.among(events["code"])
    flagged = events.lazy().select(
        "subject_id",
        "time",
        is_birth=has_code(BIRTH_CODE),
        is_death=has_code(DEATH_CODE),
        is_outcome=pl.col("code").is_in(outcome.to_list()),
    )
    contact = pl.col("time").is_not_null() & ~pl.col("is_birth") & ~pl.col("is_death")
    time, is_outcome = pl.col("time"), pl.col("is_outcome")
    subjects = flagged.group_by("subject_id").agg(
        first=time.filter(contact).min(),
        last=time.max(),
        birth=time.filter(pl.col("is_birth")).min(),
        death=time.filter(pl.col("is_death")).min(),
        outcome=time.filter(is_outcome).min(),
        undated=(is_outcome & time.is_null()).any(),
        coded=is_outcome.any(),
    )
    visits = (
        flagged.filter(contact)
        .group_by("subject_id", day=pl.col("time").dt.date())
        .agg(visit=pl.col("time").min())
    )
    subjects = _with_index(subjects, visits, declaration)
    window = in_observation(pl.col("time"), pl.col("index"), declaration.observation_days)
    seen = (
        flagged.filter(contact)
        .join(subjects.select("subject_id", "index"), on="subject_id")
        .filter(window)
        .group_by("subject_id")
        .agg(visits=pl.col("time").dt.date().n_unique())
    )
    return (
        subjects.join(seen, on="subject_id", how="left")
        .with_columns(pl.col("visits").fill_null(0))
        .sort("subject_id")
        .collect()
    )


def _with_index(
    subjects: pl.LazyFrame, visits: pl.LazyFrame, declaration: OnsetDeclaration
) -> pl.LazyFrame:
    earliest = pl.col("first") + pl.duration(days=declaration.index.days)
    if declaration.index.rule == "landmark":
        return subjects.with_columns(index=earliest)
    chosen = (
        visits.join(subjects.select("subject_id", "first"), on="subject_id")
        .filter(pl.col("visit") >= earliest)
        .group_by("subject_id")
        .agg(index=pl.col("visit").min())
    )
    return subjects.join(chosen, on="subject_id", how="left")


def _steps_at_index(declaration: OnsetDeclaration, newest: Any) -> list[tuple[str, pl.Expr]]:
    """What is known at the index date; a null condition excludes, as ``filter`` has it."""
    index, outcome, death = pl.col("index"), pl.col("outcome"), pl.col("death")
    age = (index - pl.col("birth")).dt.total_seconds() / 86_400 / DAYS_PER_YEAR
    words = declaration.outcome.words
    prevalent = (outcome <= index).fill_null(False) | pl.col("undated")
    steps = [
        ("with a dated event", pl.col("first").is_not_null()),
        ("with an index date", index.is_not_null()),
        ("alive at the index date", death.is_null() | (death > index)),
    ]
    if declaration.min_age > 0:
        steps += [(f"aged {declaration.min_age:g} or more", age >= declaration.min_age)]
    if declaration.min_visits > 0:
        enough = pl.col("visits") >= declaration.min_visits
        steps += [(f"{declaration.min_visits} or more visits in the observation window", enough)]
    steps += [(f"no {words} by the index date", ~prevalent)]
    if newest is not None:
        steps += [("with an index date that has come", index <= newest)]
    return steps


def _steps(declaration: OnsetDeclaration) -> list[tuple[str, pl.Expr]]:
    """Name and condition of each step where the outcome is known."""
    index, outcome, death = pl.col("index"), pl.col("outcome"), pl.col("death")
    gap, prediction = declaration.gap_days, declaration.prediction_days
    end = follow_up_end(index, gap, prediction)
    case = in_prediction(outcome, index, gap, prediction).fill_null(False)
    dies = (death <= end).fill_null(False)
    words = declaration.outcome.words
    steps = _steps_at_index(declaration, None)
    if gap:
        steps += [(f"no {words} in the gap", ~in_gap(outcome, index, gap).fill_null(False))]
    if declaration.death == "exclude":
        steps += [("alive to the end of the prediction window, or a case", ~dies | case)]
    if declaration.censoring == "exclude":
        followed = (pl.col("last") >= end) | case | dies
        steps += [("followed to the end of the prediction window, or a case, or dead", followed)]
    return steps


def _labels(table: pl.DataFrame, declaration: OnsetDeclaration) -> pl.DataFrame:
    outcome, index = pl.col("outcome"), pl.col("index")
    case = in_prediction(outcome, index, declaration.gap_days, declaration.prediction_days)
    return table.select(
        "subject_id",
        pl.col("index").cast(pl.Datetime("us")).alias("prediction_time"),
        case.fill_null(False).alias("boolean_value"),
    )
