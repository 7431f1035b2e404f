"""The time machine: what is seen of a subject at a moment must not depend on what comes after it.

A sample of subjects and prediction times is taken back to the moment of prediction. There the
record is cut off, or goes on in another way; what was known at the moment must look the same as in
the whole data, and so must the decision to predict.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from sequela.cohort import (
    Bound,
    Cohort,
    CohortDeclaration,
    OnsetDeclaration,
    Window,
    build_cohort,
    observation_events,
    subgroups,
)
from sequela.cohort.targets import Binary, Length, Multiclass, TimeToEvent, Value
from sequela.errors import DataError
from sequela.events import EventData
from sequela.guard.compare import Observation, differing
from sequela.guard.copies import Records, another_future, copies, ticking, truncated
from sequela.guard.finding import Finding, failed, passed, suspected
from sequela.seeds import generator

__all__ = ["Observe", "label_settled", "prediction_times", "same_past", "sample_pairs"]

#: What a model is shown of pairs: (data, pairs) to a table with the column ``sample``, or an array
#: with a row for each pair. ``pairs`` has ``subject_id``, ``prediction_time`` and, where known,
#: ``observation_start`` and ``observation_end``.
Observe = Callable[[EventData, pl.DataFrame], Observation]

_KEYS = ["subject_id", "prediction_time"]
_WINDOW = ["observation_start", "observation_end"]


def sample_pairs(
    labels: pl.DataFrame, windows: pl.DataFrame | None = None, most: int = 200, seed: int = 0
) -> pl.DataFrame:
    """Some of the labels, drawn by lot, with their windows, in their order.

    Args:
        labels: ``subject_id``, ``prediction_time``.
        windows: of the cohort, a row for each label.
        most: how many.
        seed: of the lot.
    """
    pairs = labels.select(_KEYS)
    if windows is not None:
        pairs = pairs.hstack(windows.select(_WINDOW))
    lot = generator(seed, "guard", "pairs")
    rows = np.sort(lot.permutation(labels.height)[:most])
    return pairs[rows]


def _seen(data: EventData, pairs: pl.DataFrame) -> pl.DataFrame:
    windows = pairs.select(_KEYS + _WINDOW) if _WINDOW[0] in pairs.columns else None
    return observation_events(data, pairs.select(_KEYS), windows=windows)


def _people(data: EventData, pairs: pl.DataFrame) -> pl.DataFrame:
    found = subgroups(data, pairs).select("age", "sex")
    return found.with_row_index("sample")


#: What the house's own samples are made of.
_OBSERVED: dict[str, Observe] = {"events": _seen, "age and sex": _people}


def same_past(
    data: EventData,
    pairs: pl.DataFrame,
    observe: Observe | None = None,
    *,
    rounds: int = 2,
    seed: int = 0,
) -> list[Finding]:
    """Whether what is observed rests on what was known at the prediction alone.

    Args:
        data: the data set.
        pairs: ``subject_id``, ``prediction_time`` and, where they are declared, the windows; from
            :func:`sample_pairs`.
        observe: what a model is shown; by default the house's own: the events of the observation
            window, age and sex. It must not look at subjects' ids: the copies have others.
        rounds: how many other futures are tried.
        seed: of the lot.

    Returns:
        ``observation_truncated``: from records cut off at the prediction the same is seen as from
        the whole data; ``observation_future_changed``: whatever comes later, the same is seen.
    """
    observers = _OBSERVED if observe is None else {"the observation": observe}
    whole = copies(data, pairs)
    moved = pairs.with_columns(subject_id=pl.int_range(pairs.height, dtype=pl.Int64))
    worlds = {"observation_truncated": [truncated(whole)], "observation_future_changed": []}
    for number in range(rounds):
        lot = generator(seed, "guard", "future", number)
        worlds["observation_future_changed"].append(another_future(whole, pairs, lot))
    expected = {name: look(data, pairs) for name, look in observers.items()}
    findings = []
    for check, frames in worlds.items():
        wrong = {name: np.zeros(pairs.height, bool) for name in observers}
        for frame in frames:
            for name, look in observers.items():
                seen = look(Records(frame, data), moved)
                wrong[name] |= differing(expected[name], seen, pairs.height)
        findings.append(_judged(check, wrong, pairs.height))
    return findings


_WORDS = {
    "observation_truncated": "when the record is cut off at the prediction",
    "observation_future_changed": "when what comes after the prediction is changed",
}


def _judged(check: str, wrong: dict[str, np.ndarray], total: int) -> Finding:
    counts = {name: int(found.sum()) for name, found in wrong.items() if found.any()}
    if not counts:
        return passed(check, f"{total} samples look the same {_WORDS[check]}")
    text = ", ".join(f"{name} of {count}" for name, count in counts.items())
    return failed(
        check,
        f"of {total} samples, {text} differ {_WORDS[check]}",
        "Build features from what was known at the prediction time alone (available_time).",
        [{"seen": name, "differ": count, "samples": total} for name, count in counts.items()],
    )


def _general(declaration: CohortDeclaration | OnsetDeclaration) -> CohortDeclaration:
    if isinstance(declaration, OnsetDeclaration):
        return declaration.general()
    return declaration


def prediction_times(
    data: EventData,
    declaration: CohortDeclaration | OnsetDeclaration,
    pairs: pl.DataFrame,
    *,
    rounds: int = 2,
    seed: int = 0,
) -> list[Finding]:
    """Whether the decision to predict, and the window it looks into, were known at the time.

    The cohort is built as for scoring (``known=False``), on records cut off at the prediction that
    go on by one event without meaning, and on records with other futures. Where a visit is a
    calendar day, its end is known when the day is over: later days alone are changed.

    Args:
        data: the data set.
        declaration: of the task.
        pairs: as for :func:`same_past`, of the cohort of this declaration.
        rounds: how many other futures are tried.
        seed: of the lot.

    Returns:
        ``prediction_times_truncated`` and ``prediction_times_future_changed``.
    """
    declared = _general(declaration)
    after = _over(declared, pairs)
    whole = copies(data, pairs)
    cut = ticking(truncated(whole), pairs, after)
    lost = _not_again(Records(cut, data), declared, pairs)
    if lost:
        return [
            failed(
                "prediction_times_truncated",
                f"{lost} of {pairs.height} predictions would not be made, or would look into "
                "another window, without what comes later",
                "Change 'index' or 'observation' of the task: they rest on the future.",
                [{"samples": pairs.height, "lost": lost}],
            )
        ]
    text = f"{pairs.height} predictions are made at the same time without what comes later"
    found = passed("prediction_times_truncated", text)
    moved = 0
    for number in range(rounds):
        lot = generator(seed, "guard", "other times", number)
        other = another_future(whole, pairs, lot, after=after)
        frame = ticking(other, pairs, after)
        moved = max(moved, _not_again(Records(frame, data), declared, pairs))
    check = "prediction_times_future_changed"
    if not moved:
        text = f"{pairs.height} predictions are made at the same time whatever comes later"
        return [found, passed(check, text)]
    return [
        found,
        suspected(
            check,
            f"{moved} of {pairs.height} predictions would not be made, were the future another",
            "Who is predicted when rests on what came later, so that nobody can be asked that way "
            "in time: change 'index' of the task (select=first, or each).",
            [{"samples": pairs.height, "moved": moved}],
        ),
    ]


def _not_again(data: EventData, declared: CohortDeclaration, pairs: pl.DataFrame) -> int:
    """How many pairs the cohort of these data lacks, or gives another window."""
    times = [pl.col(name).cast(pl.Datetime("us")) for name in ("prediction_time", *_WINDOW)]
    has_windows = _WINDOW[0] in pairs.columns
    keys = [*_KEYS, *(_WINDOW if has_windows else ())]
    wanted = pairs.with_columns(subject_id=pl.int_range(pairs.height, dtype=pl.Int64)).with_columns(
        times if has_windows else times[:1]
    )
    try:
        cohort = build_cohort(data, declared, known=False)
    except DataError:
        return pairs.height
    found = cohort.labels.select(_KEYS) if cohort.windows is None else cohort.windows
    # A window without a start has none in both; a join would call two nulls different.
    never = pl.lit(dt.datetime(1, 1, 1)).cast(pl.Datetime("us"))
    filled = [pl.col(name).fill_null(never) for name in keys[2:]]
    left, right = (frame.select(keys).with_columns(filled) for frame in (wanted, found))
    return left.join(right.unique(), on=keys, how="anti").height


def label_settled(
    data: EventData,
    declaration: CohortDeclaration | OnsetDeclaration,
    pairs: pl.DataFrame,
) -> Finding:
    """Whether the label asks about what was known at the prediction already.

    The labels are told from records that are cut off at the prediction: whatever they say there, a
    model can read instead of foresee.

    Args:
        data: the data set.
        declaration: of the task.
        pairs: as for :func:`same_past`, of the cohort of this declaration.
    """
    check = "label_settled"
    declared = _up_to_the_index(_general(declaration))
    if declared is None:
        return passed(check, "the label is a length of time from the prediction on")
    records = Records(ticking(truncated(copies(data, pairs)), pairs, _over(declared, pairs)), data)
    settled = 0
    try:
        cohort = build_cohort(records, declared)
    except DataError:
        cohort = None
    if cohort is not None:
        told = cohort.labels.select(_KEYS).with_columns(told=pl.Series(_tells(cohort, declared)))
        wanted = pairs.select(
            subject_id=pl.int_range(pairs.height, dtype=pl.Int64),
            prediction_time=pl.col("prediction_time").cast(pl.Datetime("us")),
        )
        settled = int(wanted.join(told, on=_KEYS, how="left")["told"].fill_null(False).sum())
    if not settled:
        return passed(check, f"of {pairs.height} labels, none is known at the prediction")
    return failed(
        check,
        f"{settled} of {pairs.height} labels are known at the prediction already",
        "Let the prediction window of the task begin at the index date or later.",
        [{"samples": pairs.height, "settled": settled}],
    )


def _up_to_the_index(declared: CohortDeclaration) -> CohortDeclaration | None:
    """The declaration with a label that looks no further than the index date; None for a length."""
    label = declared.label
    if isinstance(label, Length):
        return None
    named = {"prediction": declared.prediction, "observation": declared.observation}
    gap = Window(start=Bound("index"))
    window = label.window
    if isinstance(window, str):
        window = {"gap": gap, **named, **declared.windows}[window]
    # Made without its check: a window that begins after the index date is empty, as it should be.
    early = Window.model_construct(
        start=window.start,
        start_inclusive=window.start_inclusive,
        end=Bound("index"),
        end_inclusive=True,
    )
    # Nobody may be left out here for what is not known yet.
    changes: dict[str, Any] = {"censoring": "keep", "death": "keep", "follow_up": ()}
    asked = label.model_copy(update={"window": early})
    return declared.model_copy(update={**changes, "matching": None, "label": asked})


def _over(declared: CohortDeclaration, pairs: pl.DataFrame) -> pl.Series:
    """The end of the visit in which each prediction is made, where a visit is a calendar day."""
    times = pairs["prediction_time"].cast(pl.Datetime("us"))
    if declared.episodes.kind == "day":
        return times.dt.truncate("1d") + dt.timedelta(days=1, microseconds=-1)
    return times


def _tells(cohort: Cohort, declared: CohortDeclaration) -> np.ndarray:
    """Which labels say that something happened."""
    labels, label = cohort.labels, declared.label
    if isinstance(label, TimeToEvent) and cohort.beside is not None:
        happened = cohort.beside["event"] > 0
    elif isinstance(label, Value):
        happened = labels["float_value"].is_not_null()
    elif isinstance(label, Multiclass):
        happened = labels["categorical_value"] != label.otherwise
    elif isinstance(label, Binary):
        happened = labels["boolean_value"]
    else:
        happened = labels[labels.columns[-1]] > 0
    return happened.fill_null(False).to_numpy()
