"""From answers to the numbers of ``evaluation.json`` where the outcome is no single class.

As in :mod:`sequela.evaluate.evaluate`: all rows of the table on the same resamples, thresholds from
the tuning part, everything ready for JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sequela.errors import ConfigError, DataError, LeakageError
from sequela.evaluate.bootstrap import LEVEL, REPLICATES
from sequela.evaluate.breakdowns import About, breakdown
from sequela.evaluate.compare import bootstrap_notes, compare
from sequela.evaluate.days import DaysMetrics
from sequela.evaluate.interactions import interaction_rates
from sequela.evaluate.labels import LabelMetrics, label_threshold
from sequela.evaluate.means import (
    MeanMetrics,
    best_threshold,
    count_rows,
    quantile_rows,
    set_rows,
)
from sequela.evaluate.parts import Part, Scores
from sequela.evaluate.survival import SurvivalMetrics
from sequela.evaluate.written import WrittenMetrics

__all__ = ["LEADING", "About", "evaluate_outcome", "statistic_of", "thresholds_of"]

#: Measures whose paired differences are told, the leading one first.
LEADING = {
    "multilabel": ("macro_auroc", "macro_auprc", "brier"),
    "sets": ("recall_at_10", "jaccard", "auprc"),
    "count": ("deviance", "mae"),
    "time_to_event": ("harrell", "uno", "integrated_brier"),
    "quantile": ("pinball", "mae"),
    "likelihood": ("nats",),
    "written": ("chrf", "bleu", "exact", "error_rate"),
}


_Statistic = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def _checked(scores: np.ndarray, where: str, rows: int, about: About) -> np.ndarray:
    shapes = {
        "count": (rows,),
        "likelihood": (rows,),
        "quantile": (rows, len(about.names), len(about.levels)),
        "time_to_event": (rows, len(about.edges)),
    }
    wanted = shapes.get(about.kind, (rows, len(about.names)))
    if about.kind == "written":
        if np.shape(scores) != (rows,) or not all(isinstance(one, str) for one in scores):
            raise DataError(where, got="something else", wanted=f"{rows} texts")
        return scores
    found = np.asarray(scores, np.float64)
    if found.shape != wanted:
        raise DataError(where, got=f"shape {list(found.shape)}", wanted=f"{list(wanted)}")
    if not np.isfinite(found).all():
        raise DataError(where, got="NaN or infinite numbers", wanted="finite numbers")
    return found


def thresholds_of(about: About, tuning: Part, scores: np.ndarray) -> list[float]:
    """From which score on a label is said to hold, chosen on the tuning part by the F1.

    Args:
        about: the outcome.
        tuning: labels of the tuning part.
        scores: of one model on it.

    Returns:
        One for each label, or one for all codes of sets; none for other kinds.
    """
    if about.kind == "sets":
        return [best_threshold(tuning.labels, scores)]
    if about.kind != "multilabel":
        return []
    known = ~np.isnan(tuning.labels)
    return [
        label_threshold(tuning.labels[known[:, c], c], scores[known[:, c], c])
        for c in range(scores.shape[1])
    ]


def statistic_of(
    about: About,
    part: Part,
    scores: np.ndarray,
    thresholds: Sequence[float],
    seen: np.ndarray | None,
) -> _Statistic:
    """All measures of some scores, as a function of weights; see :func:`evaluate_outcome`."""
    labels = part.labels
    if about.kind == "multilabel":
        return LabelMetrics(labels, scores, np.asarray(thresholds))
    if about.kind == "sets":
        return MeanMetrics(set_rows(labels, scores, thresholds[0], seen))
    if about.kind == "count":
        return MeanMetrics(count_rows(labels, scores))
    if about.kind == "quantile":
        return MeanMetrics(quantile_rows(labels, scores, about.levels))
    if about.kind == "likelihood":
        return MeanMetrics({"nats": scores, "bits": scores / np.log(2)})
    if about.kind == "written":
        return WrittenMetrics(labels, scores)
    edges = np.asarray(about.edges)
    return SurvivalMetrics(labels[:, 0], labels[:, 1], scores, edges)


def _both(one: _Statistic, other: _Statistic) -> _Statistic:
    return lambda weights: {**one(weights), **other(weights)}


def evaluate_outcome(
    about: About,
    scores: Sequence[Scores],
    tuning: Part | None,
    held_out: Part,
    *,
    thresholds: Sequence[float] = (),
    seen: np.ndarray | None = None,
    interactions: np.ndarray | None = None,
    days: np.ndarray | None = None,
    group_name: str = "patients",
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
    notes: Sequence[str] = (),
) -> dict:
    """Everything that is said about labels, sets, counts, times to an event or numbers ahead.

    Args:
        about: the outcome.
        scores: the model first, then baselines. Of ``n`` rows: probabilities [n, C] (labels, codes
            of sets), expected counts [n], the survival at the end of each interval [n, K], or
            quantiles [n, H, Q], nats per symbol [n], or texts [n].
        tuning: the part where thresholds are chosen; None where ``thresholds`` are given.
        held_out: the part that is reported. Its ``labels``: 0, 1 or NaN [n, C]; for sets [n, C + 1]
            as :func:`sequela.evaluate.means.set_rows` has them; counts [n]; time and event (1, else
            censored) [n, 2]; numbers [n, H], NaN where not known; how many
            symbols are asked for [n]; one or more texts [n].
        thresholds: those of the model, from training.
        seen: for sets, the codes that are in the history already, bool [n, C].
        interactions: for sets, which codes do not go together, bool [C, C]; None for no list.
        days: for sets, log(1 + days) until the next visit, [n]; None where nobody asks.
        group_name: what a group is.
        replicates: bootstrap resamples.
        seed: the run's seed.
        level: the coverage of the intervals.
        notes: what the reader should know of the data.

    Returns:
        A dict ready for JSON; ``E`` stands for ``{"value", "low", "high"}``::

            kind, classes (names), unit, n, group_name, groups,
            bootstrap    {replicates, level, unit, undefined}
            table        [{name, role, a measure E ...}]
            differences  [{name "A - B", model, other, metric, value, low, high}]
            breakdown    {title, heads, rows [{name, cells}], note}
            label_thresholds  [number or null], of the model
            interactions as :func:`~sequela.evaluate.interactions.interaction_rates` has it
            notes        [text]

        The measures are ``macro_auroc micro_auroc macro_auprc micro_auprc macro_f1 micro_f1 brier``
        (labels), what :func:`sequela.evaluate.means.set_rows` has, and ``days_error days_r2`` of
        scores that foretell the days (sets), ``deviance mae bias`` (counts), ``harrell uno
        integrated_brier`` (times), ``pinball mae coverage width`` (numbers), ``nats bits`` per
        symbol (likelihood; a mean over the rows, which are of one length), ``exact bleu chrf
        error_rate`` (written).

    Raises:
        DataError: scores of another shape, or not finite.
        LeakageError: a group is in both parts.
        ConfigError: an unknown kind, no scores, or a name twice.
    """
    if about.kind not in LEADING:
        raise ConfigError("kind of outcome", got=repr(about.kind)[:40], wanted=list(LEADING))
    names = [entry.name for entry in scores]
    if not names or len(set(names)) != len(names):
        raise ConfigError("names of the models", got=f"{len(names)} names, some twice or none")
    if tuning is not None and len(np.intersect1d(tuning.groups, held_out.groups)):
        raise LeakageError("groups of the tuning and the held-out part", got="a group in both")
    rows, statistics, chosen, answers = len(held_out.labels), {}, list(thresholds), {}
    every: dict[str, Sequence[float]] = {}
    for entry in scores:
        where = f"scores of {entry.name!r}"
        mine = list(thresholds)
        if tuning is not None:
            on_tuning = _checked(entry.tuning, where, len(tuning.labels), about)
            mine = thresholds_of(about, tuning, on_tuning)
        if about.kind == "sets" and entry.decided is not None:
            mine = [entry.decided]
        every[entry.name] = mine
        answers[entry.name] = _checked(entry.held_out, where, rows, about)
        statistic = statistic_of(about, held_out, answers[entry.name], mine, seen)
        if days is not None and entry.days is not None:
            statistic = _both(statistic, DaysMetrics(days, entry.days))
        statistics[entry.name] = statistic
        chosen = mine if entry is scores[0] else chosen
    differing = LEADING[about.kind]
    roles = {entry.name: entry.role for entry in scores}
    options = (replicates, seed, level)
    table, differences, undefined = compare(statistics, roles, held_out.groups, differing, options)
    counted = {"replicates": replicates, "level": level, "unit": group_name}
    rates = None
    if interactions is not None and about.kind == "sets":
        named = {name: float(mine[0]) for name, mine in every.items()}
        given = held_out.labels, held_out.groups, interactions, options
        rates = interaction_rates(answers, named, *given)
    said = bootstrap_notes(held_out.groups, group_name, undefined, replicates)
    return {
        "kind": about.kind,
        "classes": list(about.names),
        "unit": about.unit,
        "n": rows,
        "group_name": group_name,
        "groups": len(np.unique(held_out.groups)),
        "bootstrap": {**counted, "undefined": undefined},
        "table": table,
        "differences": differences,
        "breakdown": breakdown(about, held_out.labels, answers, chosen),
        "label_thresholds": [float(one) if np.isfinite(one) else None for one in chosen],
        **({} if rates is None else {"interactions": rates}),
        "notes": [*notes, *_notes(about, held_out), *said],
    }


def _notes(about: About, part: Part) -> list[str]:
    found: list[str] = []
    if about.kind == "multilabel":
        sums, known = np.nansum(part.labels, axis=0), (~np.isnan(part.labels)).sum(axis=0)
        lacking = [
            name for name, s, k in zip(about.names, sums, known, strict=True) if not 0 < s < k
        ]
        if lacking:
            found.append(
                f"Not in the macro means, since the held-out part has all or none: "
                f"{', '.join(lacking)}."
            )
    if about.kind == "sets" and (more := int(part.labels[:, -1].sum())):
        found.append(
            f"{more:,} codes of the held-out sets are in no training set or in too few: no model "
            "names them, and they count as not found."
        )
    if about.kind == "time_to_event":
        lost = float((part.labels[:, 1] != 1).mean())
        found.append(
            f"{100 * lost:.0f} % of the held-out rows are censored. The Brier score takes whether "
            "somebody is lost to follow-up to be independent of the risk."
        )
    return found
