"""Which label is in which part: by patient, by site or by calendar time, before anything is fitted.

No patient is ever in two parts, but for forecasts whose parts follow their origins. Where sites or
dates would put one there, all labels of such a patient but those of one part are left out, and
counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl

from sequela.cohort.history import known_at
from sequela.errors import ConfigError, DataError
from sequela.events import PARTS, EventData, assign_splits, check_disjoint
from sequela.experiments import SplitSettings

__all__ = ["NOWHERE", "deal", "rolling_origins"]

#: The part of a label that is in none.
NOWHERE = "none"


def deal(
    data: EventData,
    labels: pl.DataFrame,
    target: np.ndarray,
    settings: SplitSettings,
    seed: int,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The part of each label.

    Args:
        data: the data set; its own parts count where ``settings`` let them.
        labels: ``subject_id``, ``prediction_time``.
        target: ``[n]``, whose classes are spread evenly over the parts.
        settings: of the experiment.
        seed: the run's seed.

    Returns:
        ``[n]`` of "train", "tuning", "held_out" or "none"; and what must be said of it.

    Raises:
        ConfigError: a rule that the data cannot follow.
        LeakageError: a patient in two parts.
    """
    notes: list[str] = []
    if settings.by == "origin":
        raise _no_forecast()
    if settings.by == "site":
        part = _by_site(data, labels, target, settings, seed, notes)
    elif settings.by == "time":
        part = _by_time(labels, settings.fractions, notes)
    else:
        part = _by_subject(data, labels, target, settings, seed, notes)
    groups = labels["subject_id"].to_numpy()
    check_disjoint({name: groups[part == name] for name in PARTS})
    return part, tuple(notes)


def _no_forecast() -> ConfigError:
    return ConfigError(
        "setting 'split.by'",
        got="origin where no forecast of a series is trained",
        wanted="a label of kind 'series' with a window of fixed length",
        todo="Write split.by=subject or split.by=time.",
    )


def rolling_origins(
    labels: pl.DataFrame, fractions: Sequence[float], ahead: dt.timedelta | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The parts of forecasts: each later than the one before, with a window's length between.

    Args:
        labels: ``subject_id``, ``prediction_time``.
        fractions: of the parts.
        ahead: how far a forecast looks; None for a task that is none.

    Returns:
        ``[n]`` of "train", "tuning", "held_out" or "none"; the block of time of each label, which
        resampling keeps whole; and what must be said of it.

    Raises:
        ConfigError: the task is no forecast.
        DataError: too few different times.
    """
    if ahead is None or ahead <= dt.timedelta():
        raise _no_forecast()
    time = labels["prediction_time"].cast(pl.Datetime("us")).to_physical().to_numpy()
    length = ahead // dt.timedelta(microseconds=1)
    cuts = _cuts(time, fractions)
    part = np.array(PARTS, dtype=object)[np.searchsorted(cuts, time, side="right")]
    for cut in cuts:
        # What such a window asks about is in the next part.
        part[(time < cut) & (time + length > cut)] = NOWHERE
    if len(np.unique(part[part != NOWHERE])) < len(PARTS):
        raise DataError("the origins", got="too few times to make three parts by them")
    # Windows of one block and of the next but one never overlap. A block ends where its part does.
    block = pl.Series(time // (2 * length)).cast(pl.String) + "/" + pl.Series(part.astype(str))
    groups = labels.select(pl.col("subject_id").cast(pl.String) + "/" + block).to_series()
    left_out = int((part == NOWHERE).sum())
    note = (
        "Parts follow the origins of the forecasts in time, of the same patients: nothing is shown "
        f"about new ones. {left_out} origins whose window reaches into the next part were left "
        "out. Intervals are over blocks of time."
    )
    return part.astype(str), groups.to_numpy().astype(str), (note,)


def _cuts(time: np.ndarray, fractions: Sequence[float]) -> list[int]:
    ordered = np.sort(time)
    return [ordered[int(len(time) * share)] for share in np.cumsum(fractions)[:2]]


def _by_subject(
    data: EventData,
    labels: pl.DataFrame,
    target: np.ndarray,
    settings: SplitSettings,
    seed: int,
    notes: list[str],
) -> np.ndarray:
    splits = data.splits() if settings.source == "auto" else None
    if splits is None:
        return assign_splits(labels["subject_id"].to_numpy(), target, settings.fractions, seed)
    joined = labels.select("subject_id").join(
        splits, on="subject_id", how="left", maintain_order="left"
    )
    part = joined["split"].fill_null(NOWHERE).to_numpy().astype(str)
    unplaced = int((part == NOWHERE).sum())
    if unplaced:
        notes.append(f"{unplaced} labels of subjects outside the data set's splits were left out.")
    return part


def _by_site(
    data: EventData,
    labels: pl.DataFrame,
    target: np.ndarray,
    settings: SplitSettings,
    seed: int,
    notes: list[str],
) -> np.ndarray:
    site = _sites(data, labels, settings.site)
    known = site.is_not_null().to_numpy()
    count = site.drop_nulls().n_unique()
    if count < len(PARTS):
        raise ConfigError(
            "setting 'split.by'",
            got=f"site, of which the data have {count} (codes that begin with 'split.site')",
            wanted=f"at least {len(PARTS)} sites, one a part",
        )
    part = np.full(labels.height, NOWHERE, dtype=object)
    sites = site.drop_nulls().to_numpy().astype(str)
    part[known] = assign_splits(sites, target[known], settings.fractions, seed)
    kept = _one_part_each(labels["subject_id"].to_numpy(), part.astype(str), first=False)
    notes.append(
        f"Parts are made of {count} sites: no site is in two. {int((~known).sum())} labels without "
        f"a site, and {int((kept != part).sum())} of patients seen at sites of several parts, were "
        "left out."
    )
    return kept


def _sites(data: EventData, labels: pl.DataFrame, prefix: str) -> pl.Series:
    """The last site known of each label at its prediction time; null for none."""
    rows = labels.select(
        "subject_id", pl.col("prediction_time").cast(pl.Datetime("us"))
    ).with_row_index("row")
    found = [
        shard.filter(pl.col("code").str.starts_with(prefix))
        .with_columns(known=known_at(shard))
        .join(rows, on="subject_id")
        .filter(pl.col("known").is_null() | (pl.col("known") <= pl.col("prediction_time")))
        .sort("row", "known", nulls_last=False, maintain_order=True)
        .group_by("row", maintain_order=True)
        .agg(pl.col("code").last())
        for shard in data.shards(rows["subject_id"].unique().to_numpy())
    ]
    kinds = {"row": pl.UInt32(), "code": pl.String()}
    known = pl.concat(
        [frame.select(pl.col(name).cast(kind) for name, kind in kinds.items()) for frame in found]
        or [pl.DataFrame(schema=kinds)]
    )
    return rows.join(known, on="row", how="left").sort("row")["code"]


def _by_time(labels: pl.DataFrame, fractions: Sequence[float], notes: list[str]) -> np.ndarray:
    time = labels["prediction_time"].cast(pl.Datetime("us")).to_physical().to_numpy()
    cuts = _cuts(time, fractions)
    # All predictions of one moment are in one part.
    place = np.searchsorted(cuts, time, side="right")
    if len(np.unique(place)) < len(PARTS):
        raise DataError(
            "the prediction times",
            got="too few different ones to make three parts by them",
            todo="Write split.by=subject.",
        )
    part = np.array(PARTS)[place]
    kept = _one_part_each(labels["subject_id"].to_numpy(), part, first=True)
    notes.append(
        "Parts follow calendar time: training first, held-out last. "
        f"{int((kept != part).sum())} later labels of patients of an earlier part were left out."
    )
    return kept


def _one_part_each(subjects: np.ndarray, part: np.ndarray, *, first: bool) -> np.ndarray:
    """The parts, with "none" for labels that would put a patient into a second one.

    Args:
        subjects: ``[n]``.
        part: ``[n]``.
        first: keep the labels of the earliest part; otherwise none of such a patient.
    """
    place = np.full(len(part), len(PARTS))
    for number, name in enumerate(PARTS):
        place[part == name] = number
    _, member = np.unique(subjects, return_inverse=True)
    least = np.full(member.max(initial=-1) + 1, len(PARTS))
    greatest = np.full(len(least), -1)
    np.minimum.at(least, member, place)
    placed = place < len(PARTS)
    np.maximum.at(greatest, member[placed], place[placed])
    keep = placed & (place == least[member])
    if not first:
        keep &= greatest[member] == least[member]
    return np.where(keep, part, NOWHERE).astype(str)
