"""Single features that tell the label too well to be true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from sequela.guard.finding import Finding, passed, suspected
from sequela.guard.statistics import auroc, rank_chance, share_chance

__all__ = ["BOUND", "single_features"]

#: Of an honest single feature an AUROC this high is hardly ever seen in medicine; whole models are
#: published with less.
BOUND = 0.95

# A feature is called striking where chance does the same less often than this, among all tried.
_CHANCE = 1e-3
_SHOWN = 5


def single_features(
    events: pl.DataFrame,
    labels: pl.DataFrame,
    targets: Mapping[str, np.ndarray],
    people: pl.DataFrame | None = None,
    *,
    bound: float = BOUND,
    min_subjects: int = 11,
) -> Finding:
    """Looks at every code and number by itself.

    Of each code: whether it is there, how often, its last value and their mean; and of each sample
    the time of the prediction, the number of events, the time since the last one, and the age. One
    is suspect if its AUROC, on either side, is ``bound`` or more; or if it is only in few samples,
    a share of ``bound`` or more of which are of a class that makes at most half of all. Either must
    be beyond chance, judged by subjects.

    Args:
        events: what is observed: ``sample`` (row of ``labels``), ``time``, ``code``,
            ``numeric_value``, sorted by sample and time.
        labels: ``subject_id``, ``prediction_time``.
        targets: what is predicted, yes or no: bool [n] each, by name.
        people: ``age``, a row for each label.
        bound: see above.
        min_subjects: features of fewer subjects are not looked at, and of so few cases or others
            nothing is said.
    """
    check = "single_features"
    tried, caught = 0, []
    tables = _summaries(events)
    whole = _whole(events, labels, people)
    for name, cases in targets.items():
        subjects = labels["subject_id"].to_numpy()
        sides = [len(np.unique(subjects[side])) for side in (cases, ~cases)]
        if min(sides) < min_subjects:
            continue
        found = pl.concat(
            [
                _of_codes(tables, subjects, cases, min_subjects),
                _of_samples(whole, subjects, cases, min_subjects),
            ]
        )
        tried += found.height
        caught += [{"label": name, **row} for row in _striking(found, cases, subjects, bound)]
    if not tried:
        return passed(check, f"fewer than {min_subjects} subjects with or without the outcome")
    if not caught:
        return passed(check, f"none of {tried:,} single features tells the label (AUROC {bound:g})")
    caught.sort(key=lambda row: (-row["auroc"], row["feature"]))
    text = ", ".join(_words(row, bound) for row in caught[:_SHOWN])
    more = f" and {len(caught) - _SHOWN} more" if len(caught) > _SHOWN else ""
    return suspected(
        check,
        f"{len(caught)} of {tried:,} single features tell the label too well: {text}{more}",
        "See how they come about: what is written down because of the outcome is no feature.",
        caught,
    )


def _words(row: Mapping[str, Any], bound: float) -> str:
    if row["auroc"] >= bound:
        return f"{row['feature']}: AUROC {row['auroc']:.3f}"
    of = f"{row['alike']} of {row['subjects']} subjects with it"
    return f"{row['feature']}: {of} {'have' if row['cases'] else 'lack'} the outcome"


def _summaries(events: pl.DataFrame) -> pl.DataFrame:
    """A row for each code of each sample: how often, the last value and the mean."""
    value = pl.col("numeric_value").cast(pl.Float64)
    return events.group_by("code", "sample").agg(
        count=pl.len().cast(pl.Float64), last=value.drop_nulls().last(), mean=value.mean()
    )


def _of_codes(
    table: pl.DataFrame, subjects: np.ndarray, cases: np.ndarray, least: int
) -> pl.DataFrame:
    rows = pl.DataFrame({"subject": subjects, "case": cases}).with_row_index("sample")
    # Rank within those who have the code; whoever lacks it comes below them all.
    whole = table.join(rows, on="sample")
    total = (int(cases.sum()), int((~cases).sum()))
    people = (len(np.unique(subjects[cases])), len(np.unique(subjects[~cases])))
    parts = [_ranked(whole, "count", "times", least, total, people)]
    parts += [
        _ranked(whole.drop_nulls(name), name, words, least)
        for name, words in (("last", "last value"), ("mean", "mean value"))
    ]
    there = whole.with_columns(there=pl.lit(1.0))
    return pl.concat([_ranked(there, "there", "present", least, total, people), *parts])


def _ranked(
    table: pl.DataFrame,
    column: str,
    words: str,
    least: int,
    total: tuple[int, int] | None = None,
    people: tuple[int, int] | None = None,
) -> pl.DataFrame:
    """The AUROC of one column by code, all at once.

    Args:
        table: ``code``, ``subject``, ``case`` and the column.
        column: which.
        words: what it is, for its name.
        least: subjects that a code needs.
        total: cases and others, those without the code among them, who come below; without it,
            those with the code are compared among themselves.
        people: the same in subjects.
    """
    case, subject = pl.col("case"), pl.col("subject")
    found = (
        table.select("code", "subject", "case", rank=pl.col(column).rank("average").over("code"))
        .group_by("code")
        .agg(
            bearers=subject.n_unique().cast(pl.Int64),
            bearing_cases=subject.filter(case).n_unique().cast(pl.Int64),
            bearing_others=subject.filter(~case).n_unique().cast(pl.Int64),
            positives=case.sum().cast(pl.Int64),
            negatives=(~case).sum().cast(pl.Int64),
            ranks=pl.col("rank").filter(case).sum(),
        )
        .filter(pl.col("bearers") >= least)
        .sort("code")
    )
    positives, negatives = (
        found[name].to_numpy().astype(float) for name in ("positives", "negatives")
    )
    beaten = found["ranks"].to_numpy() - positives * (positives + 1) / 2
    if total is not None and people is not None:
        without = total[1] - negatives
        beaten = beaten + positives * without + (total[0] - positives) * without / 2
        positives, negatives = np.full(len(beaten), total[0]), np.full(len(beaten), total[1])
        independent = tuple(np.full(len(beaten), count) for count in people)
    else:
        independent = tuple(found[name].to_numpy() for name in ("bearing_cases", "bearing_others"))
    both = (positives > 0) & (negatives > 0)
    area = np.where(both, beaten / np.where(both, positives * negatives, 1), 0.5)
    independent = tuple(np.maximum(count, 1) for count in independent)
    return pl.DataFrame(
        {
            "feature": found["code"] + f" ({words})",
            "auroc": pl.Series(area, dtype=pl.Float64),
            "subjects": found["bearers"],
            "cases": found["bearing_cases"],
            "others": found["bearing_others"],
            "chance": pl.Series(rank_chance(area, *independent), dtype=pl.Float64),
            "rare": pl.Series(np.full(found.height, words == "present"), dtype=pl.Boolean),
        }
    )


def _whole(
    events: pl.DataFrame, labels: pl.DataFrame, people: pl.DataFrame | None
) -> dict[str, np.ndarray]:
    """Numbers of a sample as a whole, float [n], NaN where there is none."""
    dated = events.filter(pl.col("time").is_not_null())
    per = dated.group_by("sample").agg(events=pl.len().cast(pl.Float64), last=pl.col("time").max())
    rows = labels.select(pl.col("prediction_time").cast(pl.Datetime("us"))).with_row_index("sample")
    rows = rows.join(per, on="sample", how="left").sort("sample")
    since = (rows["prediction_time"] - rows["last"]).dt.total_microseconds().cast(pl.Float64)
    found = {
        "time of the prediction": rows["prediction_time"].to_physical().cast(pl.Float64),
        "number of events": rows["events"].fill_null(0.0),
        "time since the last event": since,
    }
    if people is not None:
        found["age"] = people["age"].cast(pl.Float64)
    return {name: column.fill_null(np.nan).to_numpy() for name, column in found.items()}


def _of_samples(
    columns: Mapping[str, np.ndarray], subjects: np.ndarray, cases: np.ndarray, least: int
) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for name, values in columns.items():
        there = ~np.isnan(values)
        sides = [len(np.unique(subjects[there & side])) for side in (cases, ~cases)]
        if min(sides) < least:
            continue
        area = auroc(values[there], cases[there])
        rows.append(
            {
                "feature": name,
                "auroc": area,
                "subjects": len(np.unique(subjects[there])),
                "cases": sides[0],
                "others": sides[1],
                "chance": float(rank_chance(np.array([area]), *map(np.array, sides))[0]),
                "rare": False,
            }
        )
    kinds = {"feature": pl.String(), "auroc": pl.Float64(), "subjects": pl.Int64()}
    kinds |= {"cases": pl.Int64(), "others": pl.Int64(), "chance": pl.Float64()}
    return pl.DataFrame(rows, schema={**kinds, "rare": pl.Boolean()})


def _striking(
    found: pl.DataFrame, cases: np.ndarray, subjects: np.ndarray, bound: float
) -> list[dict[str, Any]]:
    allowed = _CHANCE / max(found.height, 1)
    area = found["auroc"].to_numpy()
    chance = found["chance"].to_numpy()
    striking = (np.maximum(area, 1 - area) >= bound) & (chance < allowed)
    bearers = found["subjects"].to_numpy()
    for side, name in ((cases, "cases"), (~cases, "others")):
        base = len(np.unique(subjects[side])) / len(np.unique(subjects))
        if not 0 < base <= 0.5:
            continue
        mine = found[name].to_numpy()
        share = mine / np.maximum(bearers, 1)
        easily = share_chance(mine, np.maximum(bearers, 1), base)
        striking |= found["rare"].to_numpy() & (share >= bound) & (easily < allowed)
    rows = found.filter(pl.Series(striking, dtype=pl.Boolean)).to_dicts()
    return [
        {
            "feature": row["feature"],
            "auroc": round(max(row["auroc"], 1 - row["auroc"]), 4),
            "subjects": row["subjects"],
            "alike": max(row["cases"], row["others"]),
            "cases": row["cases"] >= row["others"],
        }
        for row in rows
    ]
