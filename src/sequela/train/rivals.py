"""The honest rivals of a model, by the kind of outcome: fitted on the training part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sequela import evaluate
from sequela.train.outcomes import CLASS_KINDS
from sequela.train.prepared import Prepared

__all__ = ["fit_baselines"]


def fit_baselines(prepared: Prepared, seed: int) -> list[evaluate.Scores]:
    """What the rivals say of the tuning and the held-out part, in the units of the data.

    Args:
        prepared: the parts; rivals are fitted on training and chosen on tuning.
        seed: the run's seed.
    """
    if prepared.kind in CLASS_KINDS:
        texts = prepared.preparation["kind"] == "texts"
        return _of_texts(prepared) if texts else _of_classes(prepared, seed)
    rivals = {
        "multilabel": _of_labels,
        "sets": _of_sets,
        "count": _of_counts,
        "time_to_event": _of_times,
        "quantile": _of_numbers,
        "likelihood": _of_streams,
        "written": _of_written,
    }[prepared.kind](prepared, seed)
    return [*_said(prepared, rivals), *_naive(prepared)]


def _said(prepared: Prepared, rivals: Sequence[evaluate.Baseline | None]) -> list[evaluate.Scores]:
    tuning, held_out = (prepared.parts[name].features for name in ("tuning", "held_out"))
    return [
        evaluate.Scores(rival.name, rival.predict(tuning), rival.predict(held_out), "baseline")
        for rival in rivals
        if rival is not None
    ]


def _of_classes(prepared: Prepared, seed: int) -> list[evaluate.Scores]:
    train, tuning = (prepared.parts[name] for name in ("train", "tuning"))
    count = len(prepared.classes)
    given = (train.features, train.target, tuning.features, tuning.target)
    rivals = [
        evaluate.majority(train.target, count),
        evaluate.logistic_regression(*given, count),
        evaluate.gradient_boosting(*given, count, seed=seed),
    ]
    scores = _said(prepared, rivals)
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
        risks = [
            rival.predict(prepared.parts[name].features[:, column])
            for name in ("tuning", "held_out")
        ]
        scores.append(evaluate.Scores(rival.name, risks[0], risks[1], "baseline"))
    return scores


def _of_texts(prepared: Prepared) -> list[evaluate.Scores]:
    train, tuning = (prepared.parts[name] for name in ("train", "tuning"))
    given = (train.features, train.target, tuning.features, tuning.target)
    rivals = [
        evaluate.majority(train.target, len(prepared.classes)),
        evaluate.text_regression(*given, unit="words"),
        evaluate.text_regression(*given, unit="letters"),
    ]
    return _said(prepared, rivals)


def _given(prepared: Prepared) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    train, tuning = (prepared.parts[name].features for name in ("train", "tuning"))
    return train, prepared.labels("train"), tuning, prepared.labels("tuning")


def _of_labels(prepared: Prepared, seed: int) -> list[evaluate.Baseline | None]:
    given = _given(prepared)
    return [
        evaluate.label_rates(given[1]),
        evaluate.label_regression(*given),
        evaluate.label_boosting(*given, seed=seed),
    ]


def _of_sets(prepared: Prepared, seed: int) -> list[evaluate.Baseline | None]:
    train, labels, tuning, tuning_labels = _given(prepared)
    given = (train, labels[:, :-1] > 0, tuning, tuning_labels[:, :-1] > 0)
    return [
        evaluate.label_rates(given[1], name="most frequent"),
        evaluate.label_regression(*given),
        evaluate.label_neighbours(*given),
    ]


def _of_counts(prepared: Prepared, seed: int) -> list[evaluate.Baseline | None]:
    given = _given(prepared)
    return [
        evaluate.mean_count(given[1]),
        evaluate.poisson_regression(*given),
        evaluate.count_boosting(*given, seed=seed),
    ]


def _of_times(prepared: Prepared, seed: int) -> list[evaluate.Baseline | None]:
    train, labels, tuning, tuning_labels = _given(prepared)
    edges = np.asarray(prepared.asked.edges)
    mine, theirs = (labels[:, 0], labels[:, 1]), (tuning_labels[:, 0], tuning_labels[:, 1])
    return [
        evaluate.same_curve(*mine, edges),
        evaluate.cox_regression(train, *mine, tuning, *theirs, edges),
    ]


def _of_numbers(prepared: Prepared, seed: int) -> list[evaluate.Baseline | None]:
    given, levels = _given(prepared), prepared.asked.levels
    return [
        evaluate.constant_quantiles(given[1], levels),
        evaluate.ridge_numbers(*given, levels),
        evaluate.boosted_numbers(*given, levels, seed=seed),
    ]


def _of_streams(prepared: Prepared, seed: int) -> list[evaluate.Baseline | None]:
    train, tuning = (prepared.parts[name] for name in ("train", "tuning"))
    symbols = train.samples.vocabulary_size - 1
    return [evaluate.symbol_counts(train.features, tuning.features, symbols)]


def _of_written(prepared: Prepared, seed: int) -> list[evaluate.Baseline | None]:
    train, texts = prepared.parts["train"].features, _first(prepared, "train")
    if prepared.preparation["kind"] == "pairs":
        return [evaluate.nearest_text(train, texts)]
    usual = evaluate.usual_text(texts)
    if train.dtype == object:  # frames of each record, of any number
        tuning = prepared.parts["tuning"].features, _first(prepared, "tuning")
        return [usual, evaluate.collapsed_frames(train, texts, *tuning, seed=seed)]
    near, network = evaluate.nearest_row(train, texts), evaluate.words_by_place
    return [usual, near, network(train, texts, seed=seed)]


def _first(prepared: Prepared, part: str) -> list[str]:
    return [some[0] for some in prepared.labels(part)]


def _naive(prepared: Prepared) -> list[evaluate.Scores]:
    """Answers that need no model, with what the training part says of their errors."""
    train = prepared.parts["train"]
    found = []
    for name, answer in train.naive.items():
        tuning, held_out = (prepared.parts[part].naive[name] for part in ("tuning", "held_out"))
        if prepared.kind == "sets":
            # The most frequent codes fill the list where the history is short.
            rates = 1e-3 * (prepared.labels("train")[:, :-1] > 0).mean(axis=0)
            found.append(evaluate.Scores(name, tuning + rates, held_out + rates, "baseline"))
            continue
        centre = prepared.asked.centre
        filled = [np.where(np.isnan(one), centre, one) for one in (answer, tuning, held_out)]
        spread = evaluate.with_errors(filled[0], prepared.labels("train"), prepared.asked.levels)
        found.append(evaluate.Scores(name, spread(filled[1]), spread(filled[2]), "baseline"))
    return found
