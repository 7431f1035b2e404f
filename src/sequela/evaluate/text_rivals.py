"""The honest rivals of a reader of texts: regression on counted words, the nearest text.

Counts are weighted by TF-IDF (Sparck Jones 1972; the logarithm of the count times that of the
rarity, rows of length 1). They know no order beyond two words or five letters. The strength of the
penalty is chosen on the tuning part; the held-out part is never seen here.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from sequela.evaluate.baselines import Baseline

__all__ = ["nearest_text", "text_regression"]

_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_ITERATIONS = 300
_COUNTED: dict[str, dict[str, Any]] = {
    "words": {"analyzer": "word", "token_pattern": r"(?u)\b\w+\b", "ngram_range": (1, 2)},
    "letters": {"analyzer": "char_wb", "ngram_range": (1, 5)},
}


def _counts(train: np.ndarray, unit: str) -> tuple[Any, Any]:
    """What counts texts, and the counts of the training texts; None where there are none."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    count = TfidfVectorizer(sublinear_tf=True, dtype=np.float64, **_COUNTED[unit])
    try:
        return count, count.fit_transform(train)
    except ValueError:  # an empty vocabulary
        return count, None


def text_regression(
    train: np.ndarray,
    train_labels: np.ndarray,
    tuning: np.ndarray,
    tuning_labels: np.ndarray,
    *,
    unit: Literal["words", "letters"],
) -> Baseline | None:
    """Ridge-penalised logistic regression on TF-IDF of words and pairs, or of one to five letters.

    None where no training text has anything to count (signs alone hold no word).

    Args:
        train: texts, [n].
        train_labels: 0 .. C - 1, [n], every class among them.
        tuning: texts, [m].
        tuning_labels: [m].
        unit: what is counted.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    count, inputs = _counts(train, unit)
    if inputs is None:
        return None
    judged = count.transform(tuning)
    model: Any = LogisticRegression(C=_STRENGTHS[0], warm_start=True, max_iter=_ITERATIONS)
    best: tuple = (np.inf,)
    for strength in _STRENGTHS:
        model.C = strength
        with warnings.catch_warnings():
            # A weak penalty may not settle within the limit: it then competes as it stands.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(inputs, train_labels)
        chances = model.predict_proba(judged)[np.arange(len(tuning)), tuning_labels]
        loss = float(-np.log(np.maximum(chances, 1e-12)).mean())
        if loss < best[0]:
            best = (loss, strength, model.coef_.copy(), model.intercept_.copy())
    model.C, model.coef_, model.intercept_ = best[1:]

    def predict(texts: np.ndarray) -> np.ndarray:
        chances = model.predict_proba(count.transform(texts))
        return chances[:, 1] if chances.shape[1] == 2 else chances

    name = f"TF-IDF of {unit}, logistic regression"
    return Baseline(name, predict, {"inverse_penalty": best[1], "tuning_log_loss": best[0]})


def nearest_text(train: np.ndarray, others: Sequence[str]) -> Baseline | None:
    """The text that stands with the nearest training text, by the cosine of TF-IDF of letters.

    None where all training texts are blank.

    Args:
        train: texts, [n].
        others: the text that stands with each, [n].
    """
    from sklearn.neighbors import NearestNeighbors

    count, inputs = _counts(train, "letters")
    if inputs is None:
        return None
    # Rows have length 1: the nearest by distance is the nearest by cosine.
    near = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(inputs)

    def predict(texts: np.ndarray) -> np.ndarray:
        found = np.empty(len(texts), dtype=object)
        places = np.ravel(near.kneighbors(count.transform(texts), return_distance=False))
        found[:] = [others[place] for place in places]
        return found

    return Baseline("text of the nearest", predict)
