"""Measures of texts that a model wrote, beside the texts that people wrote; all from sums by row.

    exact   the share of texts that equal one of their references
    BLEU    brevity penalty times the geometric mean of the precision of one to four words
            (Papineni et al., ACL 2002), words as in mteval-v13a; as sacreBLEU (Post, WMT 2018)
    errors  words left out, put in or put in another's place, over the words of the reference (the
            word error rate: Levenshtein 1966); of several references the one with the least
    chrF    F2 of one to six letters, blanks left out (Popovic, WMT 2015); as sacreBLEU

BLEU and chrF are of the whole corpus and run from 0 to 100. Because they come from sums, every
resample of the rows has its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

__all__ = ["WrittenMetrics", "scored_words", "word_edits"]

_WORDS, _LETTERS, _BETA = 4, 6, 2
_RULES = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


def scored_words(text: str) -> list[str]:
    """The words of a text as mteval-v13a takes them apart."""
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, letter in _ENTITIES:
        text = text.replace(entity, letter)
    text = f" {text} "
    for pattern, put in _RULES:
        text = pattern.sub(put, text)
    return text.split()


def _grams(units: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(units[start:] for start in range(length)), strict=False))


def _of_words(text: str, references: Sequence[str]) -> list[float]:
    """Matches and totals of one to four words; lengths of the text and of the closest reference."""
    words, others = scored_words(text), [scored_words(one) for one in references]
    found: list[float] = []
    for length in range(1, _WORDS + 1):
        mine, most = _grams(words, length), Counter()
        for one in others:
            most |= _grams(one, length)
        found += [float((mine & most).total()), float(mine.total())]
    closest = min((abs(len(one) - len(words)), len(one)) for one in others)[1]
    return [*found, float(len(words)), float(closest)]


def _of_letters(text: str, references: Sequence[str]) -> np.ndarray:
    """Counts of text, reference and both for one to six letters, of the best reference."""
    mine = "".join(text.split())
    best: tuple[float, np.ndarray] | None = None
    for one in references:
        other, counts = "".join(one.split()), []
        for length in range(1, _LETTERS + 1):
            left, right = _grams(mine, length), _grams(other, length)
            # A text longer than a very short reference is not blamed for what cannot be there.
            counts += [left.total() if right else 0, right.total(), (left & right).total()]
        row = np.array(counts, dtype=np.float64)
        score = float(_chrf(row[None])[0])
        if best is None or score > best[0]:
            best = score, row
    assert best is not None
    return best[1]


def _chrf(sums: np.ndarray) -> np.ndarray:
    """[R] from sums [R, 18]."""
    hyp, ref, both = np.moveaxis(sums.reshape(len(sums), _LETTERS, 3), 2, 0)
    used = (hyp > 0) & (ref > 0)
    count = np.maximum(used.sum(axis=1), 1)
    precision = np.where(used, both / np.maximum(hyp, 1e-300), 0.0).sum(axis=1) / count
    recall = np.where(used, both / np.maximum(ref, 1e-300), 0.0).sum(axis=1) / count
    below = _BETA**2 * precision + recall
    above = (1 + _BETA**2) * precision * recall
    return 100 * np.divide(above, below, out=np.zeros(len(sums)), where=below > 0)


def _bleu(sums: np.ndarray) -> np.ndarray:
    """[R] from sums [R, 10]; an order without a match counts half, a quarter ... of one match."""
    logs, halved = np.zeros(len(sums)), np.ones(len(sums))
    whole = np.ones(len(sums), bool)
    for order in range(_WORDS):
        matches, total = sums[:, 2 * order], sums[:, 2 * order + 1]
        none = (matches == 0) & (total > 0)
        halved = np.where(none, 2 * halved, halved)
        whole &= total > 0
        logs += np.log(np.where(none, 1 / halved, np.maximum(matches, 1e-300)))
        logs -= np.log(np.maximum(total, 1e-300))
    length, wanted = sums[:, -2], sums[:, -1]
    penalty = np.where(length < wanted, 1 - wanted / np.maximum(length, 1e-300), 0.0)
    return np.where(whole & (sums[:, 0] > 0), 100 * np.exp(logs / _WORDS + penalty), 0.0)


def word_edits(text: str, other: str) -> int:
    """How many words must be left out, put in or changed to make one text of another."""
    words, wanted = text.split(), other.split()
    before = list(range(len(wanted) + 1))
    for count, word in enumerate(words, 1):
        row = [count]
        for place, one in enumerate(wanted):
            row.append(min(before[place] + (word != one), before[place + 1] + 1, row[place] + 1))
        before = row
    return before[-1]


def _errors(text: str, references: Sequence[str]) -> tuple[float, float]:
    """Edits, and the words of the reference that they are of."""
    counted = [(word_edits(text, one), len(one.split())) for one in references]
    edits, words = min(counted, key=lambda pair: (pair[0] / max(pair[1], 1), pair))
    return float(edits), float(words)


class WrittenMetrics:
    """Exact matches, BLEU, chrF and the word error rate for many weightings of the rows.

    Args:
        references: of each row one or more texts, [n].
        texts: what was written, [n].
    """

    def __init__(self, references: np.ndarray, texts: np.ndarray):
        pairs = list(zip(texts, references, strict=True))
        plain = [" ".join(text.split()) for text in texts]
        self._exact = np.array(
            [
                float(text in {" ".join(one.split()) for one in others})
                for text, others in zip(plain, references, strict=True)
            ]
        )
        self._words = np.array([_of_words(*pair) for pair in pairs])
        self._errors = np.array([_errors(*pair) for pair in pairs])
        self._letters = np.array([_of_letters(*pair) for pair in pairs])

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Each measure [R] for weights [R, n]."""
        return {
            "exact": weights @ self._exact / weights.sum(axis=1),
            "bleu": _bleu(weights @ self._words),
            "chrf": _chrf(weights @ self._letters),
            "error_rate": _rate(weights @ self._errors),
        }


def _rate(sums: np.ndarray) -> np.ndarray:
    """[R] from edits and words [R, 2]."""
    return sums[:, 0] / np.maximum(sums[:, 1], 1)
