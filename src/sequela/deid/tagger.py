"""A trained tagger at work: from documents to spans with scores, whatever their length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from sequela import bundle
from sequela.batches.notes import NoteEncoder, token_texts
from sequela.deid.doubt import settled
from sequela.errors import BundleError, ConfigError
from sequela.files import sha256
from sequela.notes.documents import Document
from sequela.notes.tags import runs
from sequela.notes.tokens import tokenised, windows
from sequela.ops.native_score import computes
from sequela.recipes.neuroner import NeuroNER

__all__ = ["Marked", "StoredTagger", "Tagger", "TokenChances", "shipped"]

_KIND = "tags"
_SHIPPED = Path(__file__).with_name("model")


class Marked(NamedTuple):
    """A span that a model has found.

    Args:
        start: the first character of the unchanged text.
        end: one behind the last.
        label: of what it is.
        score: the mean over its tokens of the probability that they are marked at all.
    """

    start: int
    end: int
    label: str
    score: float


class TokenChances(NamedTuple):
    """What a model says of the T tokens of a document.

    Args:
        tokens: start and end of each.
        tags: the best ones taken together, ``O`` or ``B-TYPE`` ...
        marked: float ``[T]``, the probability that a token is marked, whatever its label; 0 where
            a doubtful one cannot be what it would be called.
        labels: the most probable label of each token, should it be marked.
    """

    tokens: list[tuple[int, int]]
    tags: list[str]
    marked: np.ndarray
    labels: list[str]


class Tagger:
    """Finds spans with a trained model; what it finds in a note depends on that note alone.

    A long note is read in windows that overlap; of each token that window decides in which it
    stands farther from the edge.

    Args:
        model: of the recipe ``neuroner``.
        encoder: it was trained with.
        threshold: tokens of at least this probability are marked. None takes the best tags as they
            are. Less finds more.
        window: tokens that are read together.
        overlap: tokens that two windows share.
        plain: words that are no part of a span where the model doubts it, see
            :mod:`sequela.deid.doubt`.
        batch_tokens: tokens computed together; speed and memory only.

    Raises:
        ConfigError: a number out of range.
    """

    def __init__(
        self,
        model: NeuroNER,
        encoder: NoteEncoder,
        *,
        threshold: float | None = None,
        window: int = 256,
        overlap: int = 64,
        plain: Iterable[str] = (),
        batch_tokens: int = 8192,
    ) -> None:
        if threshold is not None and not 0 < threshold <= 1:
            raise ConfigError("threshold", got=threshold, wanted="above 0, at most 1")
        windows(1, window, overlap)
        self.model, self.encoder, self.threshold = model.eval(), encoder, threshold
        self.window, self.overlap, self.batch_tokens = window, overlap, batch_tokens
        self.plain = frozenset(plain)

    def __call__(self, document: Document) -> list[Marked]:
        """The spans of one document, in order and apart from each other."""
        return next(self.each([document]))

    def each(self, documents: Iterable[Document]) -> Iterator[list[Marked]]:
        """The spans of each document, in order; several documents are computed together."""
        for found in self.chances(documents):
            yield self.marked(found, self.threshold)

    def chances(self, documents: Iterable[Document]) -> Iterator[TokenChances]:
        """What the model says of each token of each document, before any threshold."""
        waiting: list[tuple[str, list[tuple[int, int]]]] = []
        count = 0
        for one in documents:
            waiting.append((one.text, tokenised(one.text)))
            count += len(waiting[-1][1])
            if count >= self.batch_tokens:
                yield from self._judged(waiting)
                waiting, count = [], 0
        yield from self._judged(waiting)

    def marked(self, found: TokenChances, threshold: float | None) -> list[Marked]:
        """The spans of a document at a threshold, see :class:`Tagger`."""
        tags = found.tags
        if threshold is not None:
            tags = _tags_at(found, threshold)
        return [
            Marked(
                found.tokens[first][0],
                found.tokens[behind - 1][1],
                label,
                float(found.marked[first:behind].mean()),
            )
            for first, behind, label in runs(tags)
        ]

    def save(self, path: Path | str, arguments: Mapping[str, Any], card: Mapping[str, Any]) -> Path:
        """Writes a bundle.

        Args:
            path: the new folder.
            arguments: what the recipe was built with.
            card: of the model, see :func:`sequela.bundle.save`.
        """
        preparation = {
            "encoder": self.encoder.to_dict(),
            "threshold": self.threshold,
            "window": self.window,
            "overlap": self.overlap,
            "plain": sorted(self.plain),
        }
        weights, labels = self.model.state_dict(), self.encoder.labels
        return bundle.save(
            path, "neuroner", arguments, weights, preparation, card, kind=_KIND, classes=labels
        )

    @classmethod
    def load(cls, path: Path | str, *, threshold: float | None = None) -> Tagger:
        """The tagger of a bundle.

        Args:
            path: the folder.
            threshold: instead of the one that was saved.

        Raises:
            BundleError: it is damaged, or no tagger.
        """
        found = bundle.load(path)
        if found.kind != _KIND or not isinstance(found.model, NeuroNER):
            raise BundleError(f"model {path}", got=f"kind '{found.kind}'", wanted="a tagger")
        content = found.preparation
        encoder = NoteEncoder.from_dict(content.get("encoder") or {})
        if any(found.arguments.get(name) != size for name, size in encoder.sizes().items()):
            raise BundleError(f"model {path}", got="an encoder of other sizes than the model's")
        try:
            return cls(
                found.model,
                encoder,
                threshold=content["threshold"] if threshold is None else threshold,
                window=content["window"],
                overlap=content["overlap"],
                plain=_words(content.get("plain", [])),
            )
        except (KeyError, TypeError, ConfigError) as error:
            raise BundleError(f"model {path}", got="a wrong preparation") from error

    def _judged(self, documents: list[tuple[str, list[tuple[int, int]]]]) -> Iterator[TokenChances]:
        best = [np.zeros(len(places), np.int64) for _, places in documents]
        marked = [np.zeros(len(places), np.float64) for _, places in documents]
        labels = [np.zeros(len(places), np.int64) for _, places in documents]
        texts = [token_texts(*one) for one in documents]
        for batch in self._batches(documents):
            stretches = [texts[number][first:behind] for number, (first, behind), _ in batch]
            found, place = self._computed(stretches), 0
            for number, (first, behind), (left, right) in batch:
                own = slice(place + left - first, place + right - first)
                for target, values in zip((best, marked, labels), found, strict=True):
                    target[number][left:right] = values[own]
                place += behind - first
        names = np.array(self.encoder.labels, dtype=object)
        for number, (text, places) in enumerate(documents):
            tags = [self.encoder.tags[tag] for tag in best[number]]
            called = names[labels[number]].tolist()
            bare = [text[start:end] for start, end in places]
            sure = settled(bare, called, marked[number], self.plain)
            yield TokenChances(places, tags, sure, called)

    def _batches(self, documents: list[tuple[str, list[tuple[int, int]]]]) -> Iterator[list[Any]]:
        """Document, window and the part of it that decides, some of them together."""
        batch, count = [], 0
        for number, (_, places) in enumerate(documents):
            parts = windows(len(places), self.window, self.overlap)
            middles = [(behind + first) // 2 for (_, behind), (first, _) in pairwise(parts)]
            for part, own in zip(parts, pairwise([0, *middles, len(places)]), strict=False):
                batch.append((number, part, own))
                count += part[1] - part[0]
                if count >= self.batch_tokens:
                    yield batch
                    batch, count = [], 0
        if batch:
            yield batch

    def _computed(self, stretches: list[list[str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Best tag, probability of any mark and most probable label of each token."""
        batch = self.encoder.batch(stretches)
        found = self.model.tags(batch)
        chances = batch.flat(found.chances)
        letters = (chances.shape[1] - 1) // len(self.encoder.labels)
        # Added one by one: a sum over an axis follows the batch.
        of_labels = sum(chances[:, 1 + letter :: letters] for letter in range(letters))
        assert isinstance(of_labels, torch.Tensor)
        marked = 1.0 - chances[:, 0].double().clamp(max=1.0)
        return batch.flat(found.best).numpy(), marked.numpy(), of_labels.argmax(1).numpy()


def _words(content: Any) -> list[str]:
    if not isinstance(content, list) or not all(isinstance(one, str) for one in content):
        raise TypeError("words")
    return content


def shipped() -> Path:
    """The bundle that comes with Sequela: a small tagger that has read simulated notes alone.

    Its ``MODEL_CARD.md`` says what it was trained on. What it finds in simulated notes says little
    of what it finds in yours.
    """
    return _SHIPPED


@dataclass(frozen=True)
class StoredTagger:
    """A tagger by the place of its bundle: small, so that it can be sent to other processes.

    Each process loads the bundle when it is first used there, and once.

    Args:
        path: the folder of the bundle; by default :func:`shipped`.
        threshold: instead of the one that was saved.
        threads: of torch in a process that loads it; None leaves them as they are. 1 where several
            processes work at once.
    """

    path: Path = _SHIPPED
    threshold: float | None = None
    threads: int | None = None

    def __call__(self, document: Document) -> list[Marked]:
        """The spans of one document, in order and apart from each other."""
        return self.tagger()(document)

    def spans(self, documents: Iterable[Document]) -> Iterator[list[Marked]]:
        """The spans of each document, in order; much faster than one call for each."""
        return self.tagger().each(documents)

    @property
    def identity(self) -> str:
        """Which weights at which threshold: a run that was broken off goes on with these only.

        Raises:
            BundleError: no bundle is there.
        """
        try:
            made = sha256(Path(self.path) / bundle.MANIFEST)
        except OSError as error:
            raise BundleError(f"model {self.path}", got=type(error).__name__) from None
        # Torch's last bits are others than the library's.
        return f"{made} at {self.threshold}{'' if computes(torch.zeros(1)) else ' by torch'}"

    def tagger(self) -> Tagger:
        """The tagger itself.

        Raises:
            BundleError: no bundle is there, it is damaged, or it is no tagger.
        """
        return _loaded(Path(self.path), self.threshold, self.threads)


@lru_cache(maxsize=2)
def _loaded(path: Path, threshold: float | None, threads: int | None) -> Tagger:
    if threads is not None:
        torch.set_num_threads(threads)
    return Tagger.load(path, threshold=threshold)


def _tags_at(found: TokenChances, threshold: float) -> list[str]:
    """The tags of all tokens of enough probability; they begin a span where the best tags do."""
    tags: list[str] = []
    before = ""
    for tag, marked, label in zip(found.tags, found.marked, found.labels, strict=True):
        letter, _, kind = tag.partition("-")
        kind = kind or label
        if marked < threshold:
            before = ""
            tags.append("O")
            continue
        goes_on = kind == before and letter not in ("B", "S")
        tags.append(f"{'I' if goes_on else 'B'}-{kind}")
        before = kind
    return tags
