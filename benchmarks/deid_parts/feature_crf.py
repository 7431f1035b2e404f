"""The rival: a linear-chain CRF on hand-made features (CRFsuite, by `pip install python-crfsuite`).

Features of a token, and of the two before and behind it: the word in small letters, its shape
(``Xxxx00``), beginnings and ends of one to four characters, capitals, digits, length, and whether a
line or the text begins or ends there. The strength of the L2 penalty is chosen on the tuning notes.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deid_parts.scores import strict
from sequela.notes import Document, spans_of_tags, tags_of_spans, tokenised

__all__ = ["FeatureCRF"]

PENALTIES = (0.01, 0.1, 1.0)
SETTINGS = {"c1": 0.05, "max_iterations": 150, "feature.possible_transitions": True}


def _shape(word: str) -> str:
    shape = re.sub(r"[^\W\d_]", lambda m: "X" if m.group().isupper() else "x", word)
    return re.sub(r"\d", "0", shape)


def _own(word: str) -> list[str]:
    shape = _shape(word)
    short = re.sub(r"(.)\1+", r"\1", shape)
    found = [f"w={word.lower()}", f"s={shape}", f"S={short}"]
    for size in range(1, 5):
        found += [f"p{size}={word[:size].lower()}", f"e{size}={word[-size:].lower()}"]
    if word.isdigit():
        found.append(f"n={len(word)}")
    return found


def features(text: str, places: Sequence[tuple[int, int]]) -> list[list[str]]:
    """The features of each token of a text."""
    words = [text[start:end] for start, end in places]
    own = [_own(word) for word in words]
    rows = []
    for here in range(len(words)):
        row = ["bias", *own[here]]
        for step in (-2, -1, 1, 2):
            there = here + step
            if 0 <= there < len(words):
                row += [f"{step}{one}" for one in own[there][:3]]
            else:
                row.append(f"{step}edge")
        before = text[places[here - 1][1] if here else 0 : places[here][0]]
        row.append("line" if "\n" in before else "blank" if before else "joined")
        rows.append(row)
    return rows


class FeatureCRF:
    """Trained when it is made; then spans of documents.

    Args:
        training: the tagged text.
        tuning: decides on the penalty.
        penalties: to choose from.
    """

    def __init__(
        self,
        training: Sequence[Document],
        tuning: Sequence[Document],
        penalties: Sequence[float] = PENALTIES,
    ) -> None:
        import pycrfsuite

        best = -1.0
        with tempfile.TemporaryDirectory() as folder:
            for penalty in penalties:
                trainer = pycrfsuite.Trainer(verbose=False)
                for one in training:
                    places = tokenised(one.text)
                    if places:
                        tags = tags_of_spans(places, one.spans).tags
                        trainer.append(features(one.text, places), tags)
                trainer.set_params({**SETTINGS, "c2": penalty})
                path = str(Path(folder) / f"{penalty}.crfsuite")
                trainer.train(path)
                tagger = pycrfsuite.Tagger()
                tagger.open(path)
                self.tagger = tagger
                right, found, truth = strict(tuning, map(self, tuning)).sum(0)
                score = 2 * right / max(1, found + truth)
                if score > best:
                    best, kept, self.penalty = score, tagger, penalty
        self.tagger = kept

    def __call__(self, document: Document) -> list[tuple[int, int, str]]:
        """The spans of one document."""
        places = tokenised(document.text)
        tags = self.tagger.tag(features(document.text, places)) if places else []
        return [(one.start, one.end, one.type) for one in spans_of_tags(places, tags)]
