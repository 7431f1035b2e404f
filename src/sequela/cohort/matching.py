"""Controls for cases: alike in age, sex, site and calendar time, and else drawn by lot.

The lot is a hash of the seed and of who is paired with whom, so that neither the order of the
samples nor that of the shards changes a pair. Controls are handed out in turns: nobody gets a
second one before all have had their chance of a first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from sequela.cohort.conditions import Matching
from sequela.cohort.durations import microseconds
from sequela.events.lists import unfolded

__all__ = ["balance_table", "match"]

#: How many pairs are looked at together: 32 MB of priorities.
_TOGETHER = 1 << 22

_DAYS_OF_A_YEAR = 365.25


@dataclass(frozen=True, eq=False)
class _Side:
    # Cases, or controls: what pairs are judged by.
    row: np.ndarray
    key: np.ndarray
    subject: np.ndarray
    stratum: np.ndarray
    age: np.ndarray
    time: np.ndarray

    def only(self, kept: np.ndarray) -> _Side:
        columns = (self.row, self.key, self.subject, self.stratum, self.age, self.time)
        return _Side(*(column[kept] for column in columns))


def match(table: pl.DataFrame, rule: Matching) -> pl.DataFrame:
    """The cases and their controls.

    Args:
        table: ``subject_id``, ``prediction_time``, ``boolean_value``, ``age``, ``sex`` and, where
            the rule names sites, ``site``; sorted by the first two.
        rule: what must be alike.

    Returns:
        The rows that are kept, in order, with ``match_sets``, the numbers of the cases (from 0, in
        order) that a row is a control of, or its own; and ``weight``, how many.
    """
    case = table["boolean_value"].to_numpy().astype(bool)
    everyone = _sides(table, rule)
    cases, controls = everyone.only(case), everyone.only(~case)
    draw = _with_replacement if rule.replacement else _in_turns
    pairs = draw(cases, controls, rule)
    rows, sets = controls.row[pairs[:, 1]], pairs[:, 0]
    kept_cases = np.arange(len(cases.row))
    if rule.unmatched == "exclude":
        kept_cases = np.unique(sets)
    members = pl.DataFrame(
        {
            "row": np.concatenate([cases.row[kept_cases], rows]),
            "match_sets": np.concatenate([kept_cases, sets]),
        },
        schema={"row": pl.Int64, "match_sets": pl.Int64},
    )
    members = members.sort("row", "match_sets").group_by("row", maintain_order=True)
    members = members.agg("match_sets", weight=pl.len().cast(pl.Int64))
    return table[members["row"].to_numpy()].with_columns(members["match_sets"], members["weight"])


def _sides(table: pl.DataFrame, rule: Matching) -> _Side:
    exact = [name for name, wanted in (("sex", rule.sex), ("site", rule.site)) if wanted]
    stratum = np.zeros(table.height, np.int64)
    if exact:
        # Both are words of codes, which hold no control characters.
        words = pl.concat_str([pl.col(name).fill_null("") for name in exact], separator="\x1f")
        stratum = table.select(words.rank("dense")).to_series().to_numpy()
    subject = table["subject_id"].to_numpy()
    time = table["prediction_time"].to_physical().to_numpy()
    key = _mixed(_mixed(subject.view(np.uint64)) ^ time.view(np.uint64))
    age = table["age"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return _Side(np.arange(table.height), key, subject, stratum, age, time)


def _mixed(numbers: np.ndarray) -> np.ndarray:
    # The finaliser of SplitMix64 (Steele, Lea, Flood 2014): each bit of the answer depends on all.
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def _alike(cases: _Side, controls: _Side, rule: Matching) -> np.ndarray:
    """bool [cases, controls]: which pairs are allowed."""
    alike = cases.subject[:, None] != controls.subject[None]
    if rule.age is not None:
        # A comparison with an unknown age is false: such a person is like nobody.
        alike &= np.abs(cases.age[:, None] - controls.age[None]) <= rule.age
    if rule.calendar is not None:
        apart = np.abs(cases.time[:, None] - controls.time[None])
        alike &= apart <= microseconds(rule.calendar)
    return alike


def _candidates(
    cases: _Side, controls: _Side, rule: Matching, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """The ``most`` best allowed controls of each case.

    Returns:
        Pairs [p, 2] of places, sorted by case and priority, and bool [cases]: who has more.
    """
    found: list[np.ndarray] = [np.empty((0, 2), np.int64)]
    more = np.zeros(len(cases.row), bool)
    for stratum in np.unique(cases.stratum):
        there = np.flatnonzero(controls.stratum == stratum)
        wanted = np.flatnonzero(cases.stratum == stratum)
        if not len(there):
            continue
        step = max(_TOGETHER // len(there), 1)
        for begin in range(0, len(wanted), step):
            some = wanted[begin : begin + step]
            pairs, truncated = _best(cases.only(some), controls.only(there), rule, most)
            found.append(np.stack([some[pairs[:, 0]], there[pairs[:, 1]]], axis=1))
            more[some] = truncated
    return np.concatenate(found), more


def _best(
    cases: _Side, controls: _Side, rule: Matching, most: int
) -> tuple[np.ndarray, np.ndarray]:
    alike = _alike(cases, controls, rule)
    lot = _mixed(_mixed(cases.key ^ np.uint64(rule.seed))[:, None] ^ controls.key[None])
    lot = np.where(alike, lot >> np.uint64(1), np.uint64(2**64 - 1))
    counts = np.minimum(alike.sum(axis=1), most)
    width = min(most, lot.shape[1])
    best = np.argpartition(lot, width - 1, axis=1)[:, :width]
    order = np.take_along_axis(lot, best, 1).argsort(axis=1, kind="stable")
    best = np.take_along_axis(best, order, 1)
    kept = np.arange(width)[None] < counts[:, None]
    case = np.broadcast_to(np.arange(len(cases.row))[:, None], best.shape)
    return np.stack([case[kept], best[kept]], axis=1), alike.sum(axis=1) > most


def _with_replacement(cases: _Side, controls: _Side, rule: Matching) -> np.ndarray:
    return _candidates(cases, controls, rule, rule.ratio)[0]


def _in_turns(cases: _Side, controls: _Side, rule: Matching) -> np.ndarray:
    used = np.zeros(len(controls.row), bool)
    found = [np.empty((0, 2), np.int64)]
    for _ in range(rule.ratio):
        turn = _one_each(cases, controls, rule, used)
        found.append(turn)
        if not len(turn):
            break
    return np.concatenate(found)


def _one_each(cases: _Side, controls: _Side, rule: Matching, used: np.ndarray) -> np.ndarray:
    """One control for each case, as far as they go; ``used`` is kept up to date."""
    waiting, found = np.arange(len(cases.row)), [np.empty((0, 2), np.int64)]
    while len(waiting):
        free = np.flatnonzero(~used)
        if not len(free):
            break
        pairs, more = _candidates(cases.only(waiting), controls.only(free), rule, most=32)
        pairs = np.stack([waiting[pairs[:, 0]], free[pairs[:, 1]]], axis=1)
        taken = _greedy(pairs, used)
        found.append(taken)
        # Whoever was left with nothing had all its candidates taken; it may have further ones.
        waiting = np.setdiff1d(waiting[more], taken[:, 0])
    return np.concatenate(found)


def _greedy(pairs: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Each case asks for its best free control; of several that ask, the first case gets it."""
    found = [np.empty((0, 2), np.int64)]
    while len(pairs):
        asking = pairs[np.unique(pairs[:, 0], return_index=True)[1]]
        given = asking[np.unique(asking[:, 1], return_index=True)[1]]
        found.append(given)
        used[given[:, 1]] = True
        served = np.isin(pairs[:, 0], given[:, 0])
        pairs = pairs[~served & ~used[pairs[:, 1]]]
    return np.concatenate(found)


def balance_table(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """How alike cases and controls are, before and after matching.

    After matching, the controls of a case weigh as much together as the case, so that those with
    many controls do not speak louder; cases without one are left out.

    Args:
        before: all samples, as :func:`match` takes them.
        after: as it returns them.

    Returns:
        A row for each of age (years), sex (share of women), calendar (years since 1970) and, where
        known, site (the share at the site where they differ most): the mean of ``cases`` after
        matching, of ``controls_before`` and ``controls`` after it, and the standardised differences
        ``difference_before`` and ``difference``, (case - control) / pooled standard deviation; null
        where it cannot be told.
    """
    first, second = _covariates(before), _covariates(after)
    weight = _shares(after)
    rows = []
    for name, values in second.items():
        earlier = _compared(first[name], before, np.ones(before.height))
        later = _compared(values, after, weight)
        rows.append((name, later[0], earlier[1], later[1], earlier[2], later[2]))
    sites = [row for row in rows if row[0].startswith("site ")]
    rows = [row for row in rows if not row[0].startswith("site ")]
    if sites:
        worst = max(sites, key=lambda row: abs(row[4] or 0.0))
        rows.append(("site", *worst[1:]))
    names = ("variable", "cases", "controls_before", "controls")
    kinds: dict[str, pl.DataType] = {"variable": pl.String()}
    kinds |= {name: pl.Float64() for name in names[1:]}
    kinds |= {"difference_before": pl.Float64(), "difference": pl.Float64()}
    return pl.DataFrame(rows, schema=kinds, orient="row")


def _shares(after: pl.DataFrame) -> np.ndarray:
    """What each row weighs: 1 for a case with controls, its share of each set for a control."""
    sets = after.select("boolean_value", "match_sets").with_row_index("row")
    members = unfolded(sets, "match_sets")
    controls = members.filter(~pl.col("boolean_value"))
    sizes = controls.group_by("match_sets").agg(size=pl.len())
    shared = members.join(sizes, on="match_sets", how="left", maintain_order="left")
    share = pl.when("boolean_value").then(1.0).otherwise(1.0 / pl.col("size"))
    share = pl.when(pl.col("size").is_not_null()).then(share).otherwise(0.0)
    weights = shared.group_by("row", maintain_order=True).agg(share.sum().alias("weight"))
    return weights["weight"].to_numpy()


def _covariates(table: pl.DataFrame) -> dict[str, np.ndarray]:
    years = pl.col("prediction_time").to_physical() / (86_400e6 * _DAYS_OF_A_YEAR)
    columns = {
        "age": pl.col("age").cast(pl.Float64),
        "sex": (pl.col("sex") == "female").cast(pl.Float64),
        "calendar": years,
    }
    if "site" in table.columns:
        for site in table["site"].drop_nulls().unique().sort().to_list():
            columns[f"site {site}"] = (pl.col("site") == site).fill_null(False).cast(pl.Float64)
    frame = table.select(value.alias(name) for name, value in columns.items())
    return {name: frame[name].fill_null(np.nan).to_numpy() for name in columns}


def _compared(
    values: np.ndarray, table: pl.DataFrame, weight: np.ndarray
) -> tuple[float | None, float | None, float | None]:
    """The means of cases and controls, and their standardised difference."""
    case = table["boolean_value"].to_numpy().astype(bool)
    known = ~np.isnan(values) & (weight > 0)
    sides = []
    for side in (case & known, ~case & known):
        if not side.any():
            return None, None, None
        mean = float(np.average(values[side], weights=weight[side]))
        sides.append((mean, float(np.average((values[side] - mean) ** 2, weights=weight[side]))))
    spread = ((sides[0][1] + sides[1][1]) / 2) ** 0.5
    apart = (sides[0][0] - sides[1][0]) / spread if spread > 0 else None
    return sides[0][0], sides[1][0], apart
