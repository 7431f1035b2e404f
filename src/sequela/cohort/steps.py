"""The steps that leave samples out, each with its name in the account and its condition."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from sequela.cohort.bounds import Bound, Window
from sequela.cohort.conditions import Condition
from sequela.cohort.durations import microseconds, words
from sequela.cohort.grammar import CohortDeclaration
from sequela.cohort.labelling import Labelled
from sequela.cohort.occurrences import DAY, FOREVER, MISSING, UNDATED
from sequela.cohort.samples import Samples, first_per
from sequela.cohort.subgroups import DAYS_PER_YEAR, demographics
from sequela.cohort.targets import Binary, Length, Multiclass, Series, TimeToEvent, Value

__all__ = ["Step", "chosen", "demographics_of", "later_steps", "steps_at_index", "with_label"]

#: The name of a step, and which of the samples it keeps.
Step = tuple[str, Callable[[Samples], np.ndarray]]


def steps_at_index(declared: CohortDeclaration, newest: int | None) -> Iterator[Step]:
    """What is asked at the index date, by what was known then.

    Args:
        declared: the declaration.
        newest: leave out index dates after this moment (microseconds); None for no such step.
    """
    yield "alive at the index date", _alive
    for condition in declared.include:
        yield _words(condition, declared), _condition(condition, known=True)
    for condition in declared.exclude:
        yield _words(condition, declared, excluded=True), _not(_condition(condition, known=True))
    if newest is not None:
        yield "with an index date that has come", lambda samples: _index(samples) <= newest


def later_steps(declared: CohortDeclaration) -> Iterator[Step]:
    """What is asked of the time after the index date, where the outcome is known."""
    for condition in declared.follow_up:
        yield _words(condition, declared), _condition(condition, known=False)


def with_label(declared: CohortDeclaration, labelled: Labelled) -> Iterator[Step]:
    """What is asked once the labels are known: death, follow-up, and that there is a label.

    Args:
        declared: the declaration.
        labelled: the labels of the very samples that the first of these steps is given; the later
            ones get what it kept, told by the moment ``row``.
    """
    settled = labelled.settled
    case = ", or a case" if isinstance(declared.label, (Binary, Multiclass)) else ""
    if declared.death == "exclude":
        name = f"alive to the end of the prediction window{case}"
        yield name, lambda samples: ~_dies(samples) | settled[samples.moments["row"]]
    if declared.censoring == "exclude" and not isinstance(declared.label, TimeToEvent):
        name = f"followed to the end of the prediction window{case}, or dead"
        yield name, lambda s: _followed(s) | settled[s.moments["row"]] | _dies(s)
    if isinstance(declared.label, (Value, Length, Series)):
        yield "with a label", lambda samples: labelled.there[samples.moments["row"]]


def chosen(samples: Samples, select: str) -> Samples:
    """The first or last sample of each subject, or each of them; sorted by subject and time."""
    if select == "each" or not len(samples):
        return samples
    differs = samples.subject[1:] != samples.subject[:-1]
    end = np.ones(1, bool)
    kept = [end, differs] if select.startswith("first") else [differs, end]
    return samples.only(np.concatenate(kept))


def demographics_of(samples: Samples) -> pl.DataFrame:
    """Age and sex of each sample, see :func:`sequela.cohort.subgroups.demographics`."""
    keys = pl.DataFrame(
        {
            "subject_id": samples.shard.ids[samples.subject],
            "prediction_time": pl.Series(_index(samples)).cast(pl.Datetime("us")),
        }
    )
    return demographics(samples.shard.events, keys)


def _index(samples: Samples) -> np.ndarray:
    return samples.moments["index"]


def _death(samples: Samples) -> np.ndarray:
    shard = samples.shard
    return first_per(len(shard.ids), shard.occurrences("death"))[samples.subject]


def _alive(samples: Samples) -> np.ndarray:
    return _death(samples) > _index(samples)


def _end(samples: Samples) -> np.ndarray:
    end = samples.declaration.prediction.end
    return np.full(len(samples), FOREVER) if end is None else samples.moment(end)


def _dies(samples: Samples) -> np.ndarray:
    end = _end(samples)
    return (_death(samples) <= end) & (end != MISSING)


def _followed(samples: Samples) -> np.ndarray:
    end, last = _end(samples), samples.moments["record_end"]
    return (end == FOREVER) | ((last >= end) & (last != MISSING) & (end != MISSING))


def _not(condition: Callable[[Samples], np.ndarray]) -> Callable[[Samples], np.ndarray]:
    return lambda samples: ~condition(samples)


def _condition(condition: Condition, known: bool) -> Callable[[Samples], np.ndarray]:
    if condition.count is not None:
        return lambda samples: _counted(condition, samples, known)
    if condition.age is not None:
        return lambda samples: _aged(condition, samples)
    if condition.sex:
        return lambda samples: (
            demographics_of(samples)["sex"].is_in(list(condition.sex)).fill_null(False).to_numpy()
        )
    if condition.moment is not None:
        return lambda samples: _there(condition.moment, samples, known)
    return lambda samples: _long(condition, samples, known)


def _there(bound: Bound | None, samples: Samples, known: bool) -> np.ndarray:
    assert bound is not None
    times = samples.moment(bound, known)
    return (times != MISSING) & (times != FOREVER) & (times != UNDATED)


def _counted(condition: Condition, samples: Samples, known: bool) -> np.ndarray:
    found = samples.shard.occurrences(condition.count or "", known)
    counts = found.count(*samples.stretch(found, condition.window, known), condition.by)
    kept = counts >= condition.least
    return kept if condition.max is None else kept & (counts <= condition.max)


def _aged(condition: Condition, samples: Samples) -> np.ndarray:
    shard, ages = samples.shard, condition.age
    birth = first_per(len(shard.ids), shard.occurrences("birth"))[samples.subject]
    known = birth <= _index(samples)
    age = np.where(known, _index(samples) - np.where(known, birth, 0), 0) / DAY / DAYS_PER_YEAR
    low = ages.min if ages and ages.min is not None else -np.inf
    high = ages.max if ages and ages.max is not None else np.inf
    return known & (age >= low) & (age <= high)


def _long(condition: Condition, samples: Samples, known: bool) -> np.ndarray:
    index, range_ = _index(samples), condition.stay or condition.history
    if condition.stay:
        start, end = samples.moments["start"], samples.moments["stop"]
        end = np.minimum(end, index) if known else end
    else:
        start, end = samples.moments["record_start"], index
    there = (start != MISSING) & (end != MISSING) & (end >= start)
    length = np.where(there, end, 0) - np.where(there, start, 0)
    if range_ and range_.min is not None:
        there &= length >= microseconds(range_.min)
    if range_ and range_.max is not None:
        there &= length <= microseconds(range_.max)
    return there


def _words(condition: Condition, declared: CohortDeclaration, excluded: bool = False) -> str:
    if condition.name:
        return condition.name
    text = _plain_words(condition, declared)
    if excluded:
        return f"no {text.removeprefix('1 or more ')}" if condition.count else f"not {text}"
    return text


def _plain_words(condition: Condition, declared: CohortDeclaration) -> str:
    if condition.count is not None:
        where = _window_words(condition.window)
        return f"{_range(condition.least, condition.max)} {declared.words(condition.count)} {where}"
    if condition.age is not None:
        return f"aged {_range(condition.age.min, condition.age.max)}"
    if condition.sex:
        return f"sex {' or '.join(condition.sex)}"
    if condition.moment is not None:
        return f"with {condition.moment.words}"
    lengths = condition.stay or condition.history
    low, high = (
        None if length is None else words(length)
        for length in ((lengths.min, lengths.max) if lengths else (None, None))
    )
    return f"{'a stay' if condition.stay else 'a history'} of {_range(low, high)}"


def _range(low: object, high: object) -> str:
    low, high = (f"{end:g}" if isinstance(end, float) else end for end in (low, high))
    if high is None:
        return "any" if low is None else f"{low} or more"
    return f"at most {high}" if not low else f"{low} to {high}"


def _window_words(window: str | Window) -> str:
    if isinstance(window, str):
        return f"in the {window.replace('_', ' ')} window"
    start = window.start.words if window.start else "the beginning"
    end = window.end.words if window.end else "the end of the record"
    return f"from {start} to {end}"
