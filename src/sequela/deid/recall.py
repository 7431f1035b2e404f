"""The threshold for a wanted recall, from the probabilities that a CRF gives the tokens.

Misses are what harms in de-identification, so the recall is chosen and the precision follows. What
is chosen on some notes flatters these notes: the recall that is told comes from halves, each judged
at the threshold that the other half has chosen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sequela import seeds
from sequela.deid.rules import by_rules
from sequela.deid.tagger import Tagger
from sequela.errors import ConfigError, DataError
from sequela.evaluate.bootstrap import REPLICATES, estimate, replicate
from sequela.notes.documents import Document
from sequela.notes.tags import tags_of_spans

__all__ = ["LEAST_THRESHOLD", "Chosen", "threshold_for"]

LEAST_THRESHOLD = 1e-4
"""Below it nearly every token is marked: a recall that needs less is out of reach."""


@dataclass(frozen=True)
class Chosen:
    """A threshold, and what thresholds chosen alike give on notes that did not choose them.

    The recall and precision are those of the two halves of the tuning notes, each judged at the
    threshold that the other half chose: not of ``threshold`` itself, which all of them chose. They
    hold for notes like these. Simulated notes of one part share their templates.

    Args:
        threshold: tokens of at least this probability are marked.
        target: the recall that was asked for.
        recall: of tokens, whatever their label: ``value``, ``low`` and ``high`` (95 %).
        precision: the same.
        notes: how many it was chosen on.
        tokens: how many of theirs identify.
    """

    threshold: float
    target: float
    recall: dict[str, Any]
    precision: dict[str, Any]
    notes: int
    tokens: int


def threshold_for(
    tagger: Tagger,
    tuning: Iterable[Document],
    target: float,
    *,
    labels: Iterable[str] | None = None,
    rules: bool = True,
    seed: int = 0,
) -> Chosen:
    """The highest threshold at which the model, with the rules, finds the wanted share of tokens.

    Args:
        tagger: its own threshold plays no part.
        tuning: notes with their true spans, that the model was not trained on. Notes of one
            subject stay together in the halves and in the intervals.
        target: of the tokens with a letter or digit that are inside of true spans.
        labels: of the spans that count, such as ``evaluate.spans.HIPAA_LABELS``; all by default.
            Spans of other labels count on neither side.
        rules: what the rules find counts as found.
        seed: of the halves and of the bootstrap.

    Raises:
        ConfigError: a target that is not above 0 and at most 1.
        DataError: fewer than two subjects with something to find, or the target cannot be reached.
    """
    if not 0 < target <= 1:
        raise ConfigError("the recall target", got=target, wanted="above 0, at most 1")
    notes = list(tuning)
    wanted = None if labels is None else frozenset(labels)
    judged = [
        _judged(note, found.tokens, found.marked, wanted, rules)
        for note, found in zip(notes, tagger.chances(notes), strict=True)
    ]
    groups = np.array([one.subject or f"\0{number}" for number, one in enumerate(notes)])
    holding = {group for group, (truth, _) in zip(groups, judged, strict=True) if truth.any()}
    if len(holding) < 2:
        wanted_words = "marked notes of two patients at least, better of a hundred"
        raise DataError("the tuning notes", got=f"{len(holding)} with a span", wanted=wanted_words)
    threshold = _highest(judged, target)
    if threshold < LEAST_THRESHOLD:
        reached = _recall_at(judged, LEAST_THRESHOLD)
        raise DataError(
            f"the recall target {target:g}",
            got=f"a recall of {reached:.4f} at the least threshold, {LEAST_THRESHOLD:g}",
            todo="Train on more notes, or ask for less.",
        )
    rows = _crosswise(judged, groups, holding, target, seed)
    recall, precision = _intervals(rows, groups, seed)
    tokens = int(sum(truth.sum() for truth, _ in judged))
    return Chosen(threshold, target, recall, precision, len(notes), tokens)


_Judged = tuple[np.ndarray, np.ndarray]


def _judged(
    note: Document,
    tokens: list[tuple[int, int]],
    marked: np.ndarray,
    labels: frozenset[str] | None,
    rules: bool,
) -> _Judged:
    """Of the tokens that count: whether they identify, and the least threshold that misses them."""
    chances = marked.copy()
    if rules and tokens:
        starts, ends = np.array(tokens).T
        for one in by_rules(note.text):
            chances[(starts < one.end) & (ends > one.start)] = 1.0
    tags = tags_of_spans(tokens, note.spans, "bio").tags
    kinds = [tag.partition("-")[2] for tag in tags]
    truth = np.array([kind != "" for kind in kinds], dtype=bool)
    counts = np.array(
        [
            any(one.isalnum() for one in note.text[start:end])
            and (not kind or labels is None or kind in labels)
            for (start, end), kind in zip(tokens, kinds, strict=True)
        ],
        dtype=bool,
    )
    return truth[counts], chances[counts]


def _highest(judged: Sequence[_Judged], target: float) -> float:
    chances = np.sort(np.concatenate([chance[truth] for truth, chance in judged]))[::-1]
    if not len(chances):
        return 1.0
    # Tokens are found from their own probability on: the last that is needed is the threshold.
    needed = max(1, math.ceil(target * len(chances) - 1e-9))
    return float(chances[needed - 1])


def _recall_at(judged: Sequence[_Judged], threshold: float) -> float:
    chances = np.concatenate([chance[truth] for truth, chance in judged])
    return float((chances >= threshold).mean())


def _crosswise(
    judged: Sequence[_Judged],
    groups: np.ndarray,
    holding: Iterable[str],
    target: float,
    seed: int,
) -> np.ndarray:
    """Found and true, found, true tokens of each note, at the other half's threshold."""
    names = seeds.generator(seed, "halves").permutation(sorted(holding))
    first = np.isin(groups, names[: len(names) // 2])
    rows = np.zeros((len(judged), 3))
    for half in (first, ~first):
        chosen = [one for one, here in zip(judged, half, strict=True) if not here]
        threshold = max(_highest(chosen, target), LEAST_THRESHOLD)
        for place in np.flatnonzero(half).tolist():
            truth, chance = judged[place]
            found = chance >= threshold
            rows[place] = (found & truth).sum(), found.sum(), truth.sum()
    return rows


def _intervals(
    rows: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    def scores(weights: np.ndarray) -> dict[str, np.ndarray]:
        right, found, truth = (weights @ rows).T
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"recall": right / truth, "precision": right / found}

    whole = scores(np.ones((1, len(rows))))
    drawn = replicate({"": scores}, groups, REPLICATES, seed)[""]
    recall, precision = (estimate(float(whole[n][0]), drawn[n]) for n in ("recall", "precision"))
    return recall, precision
