"""From a trained model and its rivals to `evaluation.json`, `scores.parquet` and predictions."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl

from sequela import evaluate, seeds
from sequela.events import write_predictions
from sequela.experiments import EvaluationSettings
from sequela.files import atomic_write
from sequela.train.next_days import with_days
from sequela.train.online import by_hour
from sequela.train.outcomes import CLASS_KINDS
from sequela.train.prepared import Prepared, PreparedPart
from sequela.train.rivals import fit_baselines

__all__ = ["can_be_meds", "judge", "write_meds_predictions", "write_scores"]

# With fewer rows of a class, resamples repeat a handful of people and intervals come out too short.
_FEW = 20


def _best_possible(prepared: Prepared) -> list[evaluate.Scores]:
    tuning, held_out = prepared.parts["tuning"], prepared.parts["held_out"]
    if tuning.best_possible is None or held_out.best_possible is None:
        return []
    risks = (tuning.best_possible, held_out.best_possible)
    return [evaluate.Scores("best possible", *risks, "best possible")]


def _as_part(prepared: Prepared, name: str) -> evaluate.Part:
    part = prepared.parts[name]
    return evaluate.Part(prepared.labels(name), part.samples.groups, part.ages, part.sexes)


def _few(prepared: Prepared) -> list[str]:
    if prepared.kind not in CLASS_KINDS:
        return []
    counts = np.bincount(prepared.parts["held_out"].target, minlength=len(prepared.classes))
    least = int(counts.argmin())
    if counts[least] >= _FEW:
        return []
    return [
        f"Only {counts[least]} held-out rows are '{prepared.classes[least]}': neither the figures "
        "nor their intervals are to be trusted."
    ]


def judge(
    prepared: Prepared,
    model: evaluate.Scores,
    settings: EvaluationSettings,
    seed: int,
) -> dict:
    """The content of ``evaluation.json``: the model, its rivals and, where known, the best score.

    Args:
        prepared: the parts.
        model: what the model says of the tuning and the held-out part, in the units of the data.
        settings: replicates, the rule of the threshold, with or without baselines.
        seed: the run's seed.
    """
    rivals = fit_baselines(prepared, seed) if settings.baselines else []
    scores = [model, *rivals, *_best_possible(prepared)]
    parts = (_as_part(prepared, "tuning"), _as_part(prepared, "held_out"))
    common = {
        "group_name": prepared.group_name,
        "replicates": settings.replicates,
        "seed": seed,
        "notes": [*prepared.notes, *_few(prepared)],
    }
    if prepared.kind not in CLASS_KINDS:
        seen = prepared.parts["held_out"].seen
        about = prepared.asked.about
        days = prepared.parts["held_out"].days
        if days is not None:
            scores = with_days(prepared, scores)
        more = {"seen": seen, "interactions": prepared.interactions, "days": days}
        return evaluate.evaluate_outcome(about, scores, *parts, **more, **common)
    if prepared.kind == "multiclass":
        return evaluate.evaluate_multiclass(scores, *parts, prepared.classes, **common)
    rule, _, target = settings.threshold.partition("=")
    wanted = float(target) if target else None
    found = evaluate.evaluate_binary(scores, *parts, rule=rule, target=wanted, **common)
    hours = by_hour(prepared, model.held_out)
    return found if hours is None else {**found, "breakdown": hours}


def write_scores(path: Path, prepared: Prepared, model: evaluate.Scores, seed: int) -> None:
    """One row for each tuning and held-out sample, told apart from its subject.

    Rows and group numbers are shuffled, ages are whole decades with 90 and more as one: neither the
    place in the file nor the age leads back to a record.
    """
    frames = []
    for name, scores in (("tuning", model.tuning), ("held_out", model.held_out)):
        part = prepared.parts[name]
        order = seeds.generator(seed, "predictions", name).permutation(len(part.samples))
        first = np.unique(part.samples.groups[order], return_index=True, return_inverse=True)
        columns: dict[str, object] = {
            "part": [name] * len(order),
            # Numbered by first appearance in the shuffled file, not in the order of the ids.
            "group": np.argsort(np.argsort(first[1]))[first[2]],
            **_judged(prepared, name, scores, order),
        }
        columns |= _person(part, order)
        frames.append(pl.DataFrame(columns))
    buffer = io.BytesIO()
    pl.concat(frames, how="vertical_relaxed").write_parquet(buffer)
    atomic_write(path, buffer.getvalue())


def _judged(
    prepared: Prepared, name: str, scores: np.ndarray, order: np.ndarray
) -> dict[str, np.ndarray]:
    labels = prepared.labels(name)[order]
    if prepared.kind == "written":  # no text leaves its source
        rows = [
            evaluate.WrittenMetrics(*pair)
            for pair in zip(labels[:, None], scores[order][:, None], strict=True)
        ]
        return {"chrf": np.array([row(np.ones((1, 1)))["chrf"][0] for row in rows])}
    return {**_numbered("label", labels), **_numbered("score", scores[order])}


def _numbered(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """One column, or one for each of the further axes: ``score_0``, ``score_0_1``."""
    if values.ndim == 1:
        return {name: values}
    places = np.ndindex(*values.shape[1:])
    return {"_".join(map(str, (name, *place))): values[(slice(None), *place)] for place in places}


def can_be_meds(prepared: Prepared) -> bool:
    """Whether there are subjects, prediction times and a yes-or-no outcome."""
    return prepared.kind == "binary" and prepared.parts["held_out"].keys is not None


def write_meds_predictions(
    path: Path, prepared: Prepared, model: evaluate.Scores, threshold: float
) -> None:
    """The held-out predictions as MEDS evaluation tools read them, in five columns.

    They name subjects, which nothing else in a run does, so they are written on request alone.

    Args:
        path: the Parquet file.
        prepared: of which :func:`can_be_meds` is true.
        model: its risks.
        threshold: from which on it says yes.
    """
    part = prepared.parts["held_out"]
    assert part.keys is not None
    frame = part.keys.with_columns(
        boolean_value=pl.Series(part.target.astype(bool)),
        predicted_boolean_value=pl.Series(model.held_out >= threshold),
        predicted_boolean_probability=pl.Series(model.held_out),
    )
    write_predictions(path, frame)


def _person(part: PreparedPart, order: np.ndarray) -> dict[str, pl.Series]:
    found = {}
    if part.ages is not None:
        decades = np.minimum(part.ages[order] // 10 * 10, 90)
        found["age_decade"] = pl.Series(decades, dtype=pl.Float64).fill_nan(None).cast(pl.Int64)
    if part.sexes is not None:
        found["sex"] = pl.Series(part.sexes[order], dtype=pl.String)
    return found
