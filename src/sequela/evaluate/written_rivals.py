"""The honest rivals of a model that writes about signals: what is usual, what is nearest, and
classifiers that know no order.

As elsewhere: fitted on the training part, strengths chosen on the tuning part.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from sequela.evaluate.baselines import Baseline, Standardiser
from sequela.evaluate.written import word_edits
from sequela.seeds import derive, generator

__all__ = ["collapsed_frames", "nearest_row", "usual_text", "words_by_place"]

_WINDOWS, _SHORTEST = (1, 3, 5, 9, 13), (1, 2, 4, 6)
_FRAMES = 40_000
_HIDDEN = (128,)


def _texts(found: Sequence[str]) -> np.ndarray:
    result = np.empty(len(found), dtype=object)
    result[:] = list(found)
    return result


def _usual(counts: Counter[str]) -> str:
    return min(counts.items(), key=lambda one: (-one[1], one[0]))[0]


def usual_text(others: Sequence[str]) -> Baseline:
    """The most frequent text of the training part, whatever is seen.

    Args:
        others: texts, [n].
    """
    best = _usual(Counter(others))
    return Baseline("most frequent text", lambda rows: _texts([best] * len(rows)))


def nearest_row(train: np.ndarray, others: Sequence[str]) -> Baseline:
    """The text of the nearest training row, by Euclidean distance.

    Args:
        train: features, [n, F].
        others: the text of each, [n].
    """
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train)

    def predict(rows: np.ndarray) -> np.ndarray:
        places = np.ravel(near.kneighbors(rows, return_distance=False))
        return _texts([others[place] for place in places])

    return Baseline("text of the nearest", predict)


def words_by_place(train: np.ndarray, others: Sequence[str], *, seed: int) -> Baseline:
    """A network without memory for each place of the text: which word stands there, or none.

    No place knows what stands at another. One hidden layer of 128; a tenth of the training rows
    says when to stop.

    Args:
        train: features, [n, F].
        others: the text of each, [n].
        seed: the run's seed.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    scale = Standardiser(train)
    inputs, words = scale(train), [text.split() for text in others]
    places: list[Any] = []
    for place in range(max(map(len, words), default=0)):
        asked = np.array([one[place] if place < len(one) else "" for one in words])
        model = MLPClassifier(
            _HIDDEN,
            early_stopping=True,
            max_iter=60,
            random_state=derive(seed, "words by place", place) % 2**32,
        )
        # One word alone needs no network, and a stratified tenth needs two rows of each.
        counts = Counter(asked.tolist())
        kept = np.isin(asked, [word for word, count in counts.items() if count > 1])
        if len(set(asked[kept])) < 2:
            places.append(_usual(counts))
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            places.append(model.fit(inputs[kept], asked[kept]))

    def predict(rows: np.ndarray) -> np.ndarray:
        known = scale(rows)
        columns = [
            np.full(len(rows), one) if isinstance(one, str) else one.predict(known)
            for one in places
        ]
        return _texts(
            [" ".join(word for word in row if word) for row in zip(*columns, strict=True)]
        )

    return Baseline("network for each place", predict)


def collapsed_frames(
    train: Sequence[np.ndarray] | np.ndarray,
    others: Sequence[str],
    tuning: Sequence[np.ndarray] | np.ndarray,
    tuning_others: Sequence[str],
    *,
    seed: int,
) -> Baseline | None:
    """Each frame classified alone; equal neighbours are one word. None for fewer than two words.

    Nobody says where a word lies, so it learns from texts that are spread evenly over their frames.
    Over how many frames its chances are averaged, and how short a stretch is passed over, is chosen
    by the error rate on the tuning part.

    Args:
        train: frames of each record, float [T, F].
        others: the text of each, [n].
        tuning, tuning_others: of the tuning part.
        seed: the run's seed.
    """
    from sklearn.linear_model import LogisticRegression

    frames, words = [], []
    for record, text in zip(train, others, strict=True):
        said = text.split()
        if said and len(record):
            frames.append(record)
            words.append(np.array(said)[np.arange(len(record)) * len(said) // len(record)])
    if len({word for some in words for word in some.tolist()}) < 2:
        return None
    inputs, asked = np.concatenate(frames), np.concatenate(words)
    if len(inputs) > _FRAMES:
        kept = generator(seed, "collapsed frames").permutation(len(inputs))[:_FRAMES]
        inputs, asked = inputs[kept], asked[kept]
    scale = Standardiser(inputs)
    model = LogisticRegression(max_iter=300).fit(scale(inputs), asked)
    chances = [_chances(model, scale, record) for record in tuning]
    best = (np.inf, 1, 1)
    for window in _WINDOWS:
        for shortest in _SHORTEST:
            found = [_collapsed(one, model.classes_, window, shortest) for one in chances]
            edits = sum(word_edits(*one) for one in zip(found, tuning_others, strict=True))
            best = min(best, (edits, window, shortest))

    def predict(rows: np.ndarray) -> np.ndarray:
        told = [_chances(model, scale, record) for record in rows]
        return _texts([_collapsed(one, model.classes_, *best[1:]) for one in told])

    return Baseline("frames alone, collapsed", predict)


def _chances(model: Any, scale: Standardiser, record: np.ndarray) -> np.ndarray:
    if not len(record):
        return np.zeros((0, len(model.classes_)))
    return model.predict_log_proba(scale(record))


def _collapsed(chances: np.ndarray, names: np.ndarray, window: int, shortest: int) -> str:
    if not len(chances):
        return ""
    half = window // 2
    sums = np.concatenate([np.zeros((1, len(names))), np.cumsum(chances, axis=0)])
    place = np.arange(len(chances))
    ends = np.minimum(place + half + 1, len(chances)), np.maximum(place - half, 0)
    said = ((sums[ends[0]] - sums[ends[1]]) / (ends[0] - ends[1])[:, None]).argmax(axis=1)
    first = np.flatnonzero(np.diff(said, prepend=-1))
    lengths = np.diff(np.append(first, len(said)))
    kept = said[first[lengths >= shortest]]
    kept = kept[np.flatnonzero(np.diff(kept, prepend=-1))] if len(kept) else kept
    return " ".join(str(names[k]) for k in kept)
