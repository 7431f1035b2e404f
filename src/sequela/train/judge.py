"""From a trained model and its rivals to `evaluation.json` and `predictions.parquet`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl

from sequela import evaluate
from sequela.experiments import EvaluationSettings
from sequela.files import atomic_write
from sequela.train.prepared import Prepared, PreparedPart

__all__ = ["fit_baselines", "judge", "write_predictions"]


def fit_baselines(prepared: Prepared, seed: int) -> list[evaluate.Scores]:
    """The honest rivals, fitted on the training part, chosen on the tuning part."""
    train, tuning, held_out = (prepared.parts[name] for name in ("train", "tuning", "held_out"))
    count = len(prepared.classes)
    given = (train.features, train.target, tuning.features, tuning.target)
    rivals = [
        evaluate.majority(train.target, count),
        evaluate.logistic_regression(*given, count),
        evaluate.gradient_boosting(*given, count, seed=seed),
    ]
    scores = [
        evaluate.Scores(
            rival.name, rival.predict(tuning.features), rival.predict(held_out.features), "baseline"
        )
        for rival in rivals
    ]
    if prepared.single_feature is not None:
        column = prepared.feature_names.index(prepared.single_feature)
        rival = evaluate.single_feature(
            train.features[:, column],
            train.target,
            tuning.features[:, column],
            tuning.target,
            count,
            name=f"{prepared.single_feature} alone",
        )
        risks = [rival.predict(part.features[:, column]) for part in (tuning, held_out)]
        scores.append(evaluate.Scores(rival.name, risks[0], risks[1], "baseline"))
    return scores


def _best_possible(prepared: Prepared) -> list[evaluate.Scores]:
    tuning, held_out = prepared.parts["tuning"], prepared.parts["held_out"]
    if tuning.best_possible is None or held_out.best_possible is None:
        return []
    risks = (tuning.best_possible, held_out.best_possible)
    return [evaluate.Scores("best possible", *risks, "best possible")]


def _as_part(part: PreparedPart) -> evaluate.Part:
    return evaluate.Part(part.target, part.samples.groups, part.ages, part.sexes)


def judge(
    prepared: Prepared,
    model: evaluate.Scores,
    settings: EvaluationSettings,
    seed: int,
) -> dict:
    """The content of ``evaluation.json``: the model, its rivals and, where known, the best score.

    Args:
        prepared: the parts.
        model: the model's probabilities on the tuning and the held-out part.
        settings: replicates, the rule of the threshold, with or without baselines.
        seed: the run's seed.
    """
    rivals = fit_baselines(prepared, seed) if settings.baselines else []
    scores = [model, *rivals, *_best_possible(prepared)]
    parts = (_as_part(prepared.parts["tuning"]), _as_part(prepared.parts["held_out"]))
    common = {
        "group_name": prepared.group_name,
        "replicates": settings.replicates,
        "seed": seed,
        "notes": prepared.notes,
    }
    if prepared.kind == "multiclass":
        return evaluate.evaluate_multiclass(scores, *parts, prepared.classes, **common)
    rule, _, target = settings.threshold.partition("=")
    wanted = float(target) if target else None
    return evaluate.evaluate_binary(scores, *parts, rule=rule, target=wanted, **common)


def write_predictions(path: Path, prepared: Prepared, model: evaluate.Scores) -> None:
    """One row for each tuning and held-out sample; groups are numbered, ids are not written."""
    frames = []
    for name, scores in (("tuning", model.tuning), ("held_out", model.held_out)):
        part = prepared.parts[name]
        columns: dict[str, object] = {
            "part": [name] * len(part.samples),
            "row": np.arange(len(part.samples)),
            "group": np.unique(part.samples.groups, return_inverse=True)[1],
            "label": part.target,
        }
        if scores.ndim == 1:
            columns["score"] = scores
        else:
            columns |= {f"score_{k}": scores[:, k] for k in range(scores.shape[1])}
        columns["age"] = pl.Series(part.ages, dtype=pl.Float64) if part.ages is not None else None
        columns["sex"] = pl.Series(part.sexes, dtype=pl.String) if part.sexes is not None else None
        frames.append(pl.DataFrame(columns))
    buffer = io.BytesIO()
    pl.concat(frames, how="vertical_relaxed").write_parquet(buffer)
    atomic_write(path, buffer.getvalue())
