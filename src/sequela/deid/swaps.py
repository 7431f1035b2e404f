"""Training notes with other words in their spans: names are learnt by their place and their make.

In a few notes each name stands in one sentence, and a tagger learns that name. With the words of
other spans of the same type in its place it cannot (Dai, Adel: COLING 2020, "mention replacement").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sequela.notes.documents import Document, Span

__all__ = ["Swaps"]


class Swaps:
    """The words of the spans of training notes, by type.

    Args:
        documents: TRAINING documents only.
        share: of the spans that get the words of another span of their type.
    """

    def __init__(self, documents: Sequence[Document], share: float) -> None:
        words: dict[str, list[str]] = {}
        for one in documents:
            for span in one.spans:
                words.setdefault(span.type, []).append(one.text[span.start : span.end])
        self.words, self.share = words, share

    def __call__(self, document: Document, random: np.random.Generator) -> Document:
        """A document with other words in some of its spans; spans upon each other stay."""
        parts: list[str] = []
        spans: list[Span] = []
        last, length = 0, 0
        for number, span in enumerate(document.spans):
            if span.start < last:
                return document
            behind = document.spans[number + 1 : number + 2]
            alone = not behind or behind[0].start >= span.end
            words = document.text[span.start : span.end]
            if alone and random.random() < self.share:
                choices = self.words[span.type]
                words = choices[int(random.integers(len(choices)))]
            before = document.text[last : span.start]
            parts += [before, words]
            start = length + len(before)
            length = start + len(words)
            spans.append(Span(start, length, span.type))
            last = span.end
        text = "".join([*parts, document.text[last:]])
        return Document(document.id, text, tuple(spans), subject=document.subject)
