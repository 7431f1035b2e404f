"""Codes that are the outcome, or stand for it, where a model may see them before it happens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl

from sequela.cohort import CohortDeclaration
from sequela.cohort.codes import CodeSet, below
from sequela.cohort.conditions import Condition
from sequela.cohort.history import known_at
from sequela.cohort.occurrences import Shard
from sequela.cohort.predicates import AnyOf, Codes, references
from sequela.cohort.targets import label_predicates
from sequela.events import DEATH_CODE, EventData
from sequela.guard.finding import Finding, failed, passed, suspected
from sequela.guard.statistics import share_chance

__all__ = ["companions", "once_only", "outcome_codes", "outcome_in_window"]

_DEATH = CodeSet(name="death", exact=(DEATH_CODE,), prefix=(f"{DEATH_CODE}//",))
#: A striking code is one that chance brings about less often than this, among all that are tried.
_CHANCE = 1e-3

_Children = Mapping[str, Iterable[str]]


def _leaves(declaration: CohortDeclaration, name: str, *, through: bool) -> dict[str, CodeSet]:
    """The code sets that a predicate is made of; without ``through``, those that are it alone."""
    if name == "death":
        return {name: _DEATH}
    declared = declaration.predicates.get(name)
    if isinstance(declared, Codes):
        # Where only some values are the outcome, the code alone says nothing.
        whole = declared.min is None and declared.max is None
        return {name: declared} if whole or through else {}
    if declared is None or not (through or isinstance(declared, AnyOf)):
        return {}
    found: dict[str, CodeSet] = {}
    for inner in references(declared):
        found |= _leaves(declaration, inner, through=through)
    return found


def outcome_codes(
    declaration: CohortDeclaration, codes: pl.Series, children: _Children
) -> set[str]:
    """Those of some codes that the label is made of, those below them included."""
    found: set[str] = set()
    for name in label_predicates(declaration.label):
        for leaf in _leaves(declaration, name, through=True).values():
            found |= _with_below(leaf, codes, children)
    return found


def _with_below(leaf: CodeSet, codes: pl.Series, children: _Children) -> set[str]:
    # The code itself need not be among them for those below it to be.
    tree = pl.Series(
        [*children, *(code for codes in children.values() for code in codes)], dtype=pl.String
    )
    roots = leaf.among(pl.concat([codes.rename(""), tree]), children)
    return below(roots, children) & set(codes.to_list())


def _from_the_beginning(declaration: CohortDeclaration, condition: Condition) -> bool:
    """Whether a condition looks at all that was known at the index date."""
    window = condition.window
    if isinstance(window, str):
        window = {"observation": declaration.observation, **declaration.windows}.get(window)
    if window is None or window.start is not None:
        return False
    end = window.end
    return end is None or (
        end.moment == "index" and not end.arrow and end.shift.total_seconds() >= 0
    )


def once_only(
    declaration: CohortDeclaration, codes: pl.Series, children: _Children
) -> tuple[set[str], set[str]]:
    """Codes whose presence before the prediction means that the outcome has happened.

    That are the codes of deaths, and those that the declaration leaves out wherever they stood
    before. Of other outcomes (another admission, another drug) earlier ones are fair to see.

    Args:
        declaration: of the task.
        codes: to choose from.
        children: the codes directly below each code.

    Returns:
        The codes of the set itself, and those below them that it does not name.
    """
    outcome: dict[str, CodeSet] = {}
    for name in label_predicates(declaration.label):
        outcome |= _leaves(declaration, name, through=True)
    excluded: dict[str, CodeSet] = {}
    for condition in declaration.exclude:
        at_all = condition.least <= 1 and condition.max is None
        if condition.count and at_all and _from_the_beginning(declaration, condition):
            excluded |= _leaves(declaration, condition.count, through=False)
    own: set[str] = set()
    every: set[str] = set()
    for name, leaf in outcome.items():
        if name == "death" or name in excluded:
            own |= set(leaf.among(codes, children).to_list())
            every |= _with_below(leaf, codes, children)
    return own, every - own


def outcome_in_window(
    declaration: CohortDeclaration,
    events: pl.DataFrame,
    labels: pl.DataFrame,
    children: _Children,
    *,
    min_subjects: int = 11,
) -> Finding:
    """Whether codes that are the outcome stand in what is observed.

    Args:
        declaration: of the task.
        events: what is observed: ``sample`` (row of ``labels``), ``code``.
        labels: ``subject_id``.
        children: the codes directly below each code, as ``EventData.code_children`` has them.
        min_subjects: codes of fewer subjects are not named.
    """
    check = "outcome_in_window"
    codes = events["code"].unique().drop_nulls()
    own, lower = once_only(declaration, codes, children)
    if not own and not lower:
        again = outcome_codes(declaration, codes, children)
        words = "no code of the outcome is seen before the prediction"
        if again:
            words = (
                f"the outcome may happen again: {len(again)} of its codes are seen before the "
                "prediction, as the task allows"
            )
        return passed(check, words)
    found = events.filter(pl.col("code").is_in(sorted(own or lower)))
    samples = found["sample"].n_unique()
    details = _named(found, labels, min_subjects)
    names = _list(details)
    if own:
        return failed(
            check,
            f"codes that are the outcome are observed before the prediction in {samples} of "
            f"{labels.height} samples{names}",
            "Leave out whoever had the outcome before, or end the observation earlier.",
            details,
        )
    return suspected(
        check,
        f"codes below those of the outcome are observed before the prediction in {samples} of "
        f"{labels.height} samples{names}",
        "Take them into the outcome's code set (descendants), or say why they are none.",
        details,
    )


def _named(found: pl.DataFrame, labels: pl.DataFrame, least: int) -> list[dict]:
    subject = labels["subject_id"].gather(found["sample"].to_numpy())
    counted = (
        found.select("code")
        .with_columns(subject.alias("subject_id"))
        .group_by("code")
        .agg(subjects=pl.col("subject_id").n_unique().cast(pl.Int64))
        .filter(pl.col("subjects") >= least)
    )
    return counted.sort(["subjects", "code"], descending=[True, False]).to_dicts()


def _list(details: list[dict], most: int = 5) -> str:
    names = ", ".join(row["code"] for row in details[:most])
    more = f" and {len(details) - most} more" if len(details) > most else ""
    return f" ({names}{more})" if names else ""


def companions(
    data: EventData,
    declaration: CohortDeclaration,
    events: pl.DataFrame,
    labels: pl.DataFrame,
    cases: np.ndarray,
    children: _Children,
    *,
    share: float = 0.5,
    times: float = 5.0,
    min_subjects: int = 11,
) -> Finding:
    """Codes that come with the outcome, at its very moment, and are observed before it in cases.

    A drug of the disease, a clinic's code, a bill: what is written down with the outcome and stands
    before the prediction as well was dated back, or the outcome was known before it was coded.

    Args:
        data: the data set, streamed.
        declaration: of the task.
        events: what is observed: ``sample``, ``code``.
        labels: ``subject_id``, ``prediction_time``.
        cases: bool, a row for each label.
        children: the codes directly below each code.
        share: of the outcomes that a code accompanies, at least.
        times: how much more frequent it must be among cases than among others.
        min_subjects: codes of fewer subjects are not looked at.
    """
    check = "companions"
    nothing = passed(check, "no code that comes with the outcome stands out before it")
    if not cases.any() or cases.all():
        return nothing
    found = _accompanying(data, declaration, labels.filter(pl.Series(cases)), children)
    codes = found.filter((pl.col("share") >= share) & (pl.col("subjects") >= min_subjects))
    rows = pl.DataFrame({"case": cases, "subject": labels["subject_id"]}).with_row_index("sample")
    seen = events.select("sample", "code").unique().join(codes.select("code"), on="code")
    bearers = (
        seen.join(rows, on="sample")
        .group_by("code", "subject")
        .agg(pl.col("case").any())
        .group_by("code")
        .agg(subjects=pl.len().cast(pl.Int64), cases=pl.col("case").sum().cast(pl.Int64))
        .filter(pl.col("subjects") >= min_subjects)
        .sort("code")
    )
    if not bearers.height:
        return nothing
    people = rows.group_by("subject").agg(pl.col("case").any())["case"]
    base, total = int(people.sum()) / len(people), len(people)
    of, among = bearers["subjects"].to_numpy(), bearers["cases"].to_numpy()
    rate, other = among / (base * total), (of - among) / max((1 - base) * total, 1.0)
    chance = share_chance(among, of, base) if 0 < base < 1 else np.ones(len(of))
    striking = (rate >= times * other) & (chance < _CHANCE / bearers.height)
    caught = bearers.filter(pl.Series(striking))
    if not caught.height:
        return nothing
    details = caught.to_dicts()
    return suspected(
        check,
        f"{caught.height} code(s) that come with the outcome are observed before it, in cases "
        f"above all{_list(details)}",
        "See when they are written down: dated back, they tell the outcome.",
        details,
    )


def _accompanying(
    data: EventData, declaration: CohortDeclaration, labels: pl.DataFrame, children: _Children
) -> pl.DataFrame:
    """``code``, ``subjects``, ``share``: in how many cases a code has the moment of the outcome."""
    moments = _first_outcomes(data, declaration, labels, children)
    total = moments["subject_id"].n_unique()
    parts = []
    for shard in data.shards(moments["subject_id"].unique().to_numpy()):
        at = shard.select("subject_id", "code", outcome=known_at(shard))
        parts.append(at.join(moments, on=["subject_id", "outcome"]).select("subject_id", "code"))
    kinds = {"subject_id": pl.Int64(), "code": pl.String()}
    found = pl.concat(parts) if parts else pl.DataFrame(schema=kinds)
    own = outcome_codes(declaration, found["code"].unique(), children)
    found = found.filter(~pl.col("code").is_in(sorted(own))).unique().group_by("code").len()
    return found.select(
        "code", subjects=pl.col("len").cast(pl.Int64), share=pl.col("len") / max(total, 1)
    )


def _first_outcomes(
    data: EventData, declaration: CohortDeclaration, labels: pl.DataFrame, children: _Children
) -> pl.DataFrame:
    """``subject_id``, ``outcome``: the first moment after each prediction at which it happens."""
    wanted = labels.select("subject_id", pl.col("prediction_time").cast(pl.Datetime("us")))
    parts = []
    for events in data.shards(wanted["subject_id"].unique().to_numpy()):
        shard = Shard(events, declaration.predicates, children)
        for name in label_predicates(declaration.label):
            found = shard.occurrences(name).dated
            times = pl.Series(found.time, dtype=pl.Int64).cast(pl.Datetime("us"))
            parts.append(pl.DataFrame({"subject_id": shard.ids[found.subject], "outcome": times}))
    kinds = {"subject_id": pl.Int64(), "outcome": pl.Datetime("us")}
    every = pl.concat(parts) if parts else pl.DataFrame(schema=kinds)
    return (
        every.join(wanted, on="subject_id")
        .filter(pl.col("outcome") > pl.col("prediction_time"))
        .group_by("subject_id", "prediction_time")
        .agg(pl.col("outcome").min())
        .select("subject_id", "outcome")
        .unique()
    )
