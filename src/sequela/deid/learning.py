"""Training a tagger on marked notes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from sequela import recipes, seeds
from sequela.batches.notes import NoteEncoder, token_texts, word_form
from sequela.deid.doubt import plain_words
from sequela.deid.swaps import Swaps
from sequela.deid.tagger import Tagger
from sequela.errors import ConfigError, TrainingError
from sequela.nn.ragged import repacked
from sequela.notes.documents import Document
from sequela.notes.tags import runs, tags_of_spans
from sequela.notes.tokens import tokenised, windows
from sequela.notes.vectors import WordVectors
from sequela.recipes.neuroner import NeuroNER

__all__ = ["Course", "learn", "stretches_of"]

_Stretch = tuple[list[str], list[str]]


@dataclass(frozen=True)
class Course:
    """How a tagger is trained.

    Args:
        epochs: passes over the training notes at most.
        batch_size: windows of one step.
        optimiser: "adam", or "sgd", which is the paper's (with .005 and one window a step).
        learning_rate: .002 suits Adam here.
        fall: the share of the learning rate that is left in the last epoch; it falls by the same
            factor from each epoch to the next. With 1 it stays.
        clip_norm: the largest norm of the gradient; the paper's 5.
        patience: epochs without a better F1 on the tuning notes before training stops; without
            tuning notes nothing stops it.
        min_documents: words and characters of fewer training documents stay unknown.
        word_dropout: a word of n training tokens is read as unknown with the probability
            ``w / (w + n)``, w this number times ``min_documents`` (Kiperwasser, Goldberg, TACL 4
            (2016) 313): what is unknown is then learnt from rare words, of all kinds.
        word_loss: the least of these probabilities, of frequent words too: notes of other houses
            have other frequent words.
        window: tokens that are read together.
        overlap: tokens that two windows share.
        swap: the share of spans that have the words of another one of their type, drawn anew in
            each epoch (:mod:`sequela.deid.swaps`).
        seed: of the weights, the order, the dropout and the swaps.

    Raises:
        ConfigError: a number out of range.
    """

    epochs: int = 20
    batch_size: int = 16
    optimiser: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 0.002
    fall: float = 1.0
    clip_norm: float = 5.0
    patience: int = 5
    min_documents: int = 11
    word_dropout: float = 0.3
    word_loss: float = 0.0
    window: int = 256
    overlap: int = 64
    swap: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Checks the numbers; those of windows and words where they are used."""
        if min(self.epochs, self.batch_size, self.patience) < 1:
            raise ConfigError("epochs, batch_size and patience", wanted="at least 1")
        if not (self.learning_rate > 0 and self.clip_norm > 0):
            raise ConfigError("learning_rate and clip_norm", wanted="above 0")
        if not 0 <= self.swap <= 1:
            raise ConfigError("swap", got=self.swap, wanted="0 to 1")
        if not 0 < self.fall <= 1:
            raise ConfigError("fall", got=self.fall, wanted="above 0, at most 1")
        if not self.word_dropout >= 0:
            raise ConfigError("word_dropout", got=self.word_dropout, wanted="0 or more")
        if not 0 <= self.word_loss < 1:
            raise ConfigError("word_loss", got=self.word_loss, wanted="from 0, below 1")
        if self.optimiser not in ("adam", "sgd"):
            raise ConfigError("optimiser", got=repr(self.optimiser)[:40], wanted="adam or sgd")


def learn(
    training: Sequence[Document],
    tuning: Sequence[Document] = (),
    course: Course | None = None,
    *,
    vectors: WordVectors | None = None,
    start: Tagger | None = None,
    say: Callable[[int, float, float | None], None] | None = None,
    **sizes: Any,
) -> tuple[Tagger, dict[str, Any]]:
    """A tagger that was trained on notes, and what its recipe was built with.

    With tuning notes the weights of the epoch of the best F1 on them are kept: of spans whose ends
    and label are right, in windows.

    Args:
        training: words, characters and labels are taken from these alone.
        tuning: of other patients.
        course: by default ``Course()``.
        vectors: of words, for all words that are in there; ``word_size`` is then their width.
        start: a trained tagger to go on with, such as the shipped one; it keeps its words,
            characters and labels, and is left as it is. A lower ``learning_rate`` suits it.
        say: is told the epoch, the mean loss of a training window, and the F1 on the tuning notes.
        sizes: arguments of the recipe ``neuroner`` beside those that the notes decide.

    Raises:
        ConfigError: a number out of range, an unknown argument, or a beginning with word vectors or
            sizes, which it has already.
        DataError: no span in the training notes, or a label that the beginning has not.
        TrainingError: a loss that is not finite.
    """
    course = course or Course()
    given = () if vectors is None else map(word_form, vectors.words)
    if start is not None and (sizes or vectors is not None):
        todo = "Leave sizes and vectors out: those of the beginning stay."
        raise ConfigError("a beginning", got="sizes or word vectors with it", todo=todo)
    if start is None:
        encoder = NoteEncoder.fit(training, course.min_documents, words=given)
        arguments = {**encoder.sizes(), **sizes}
    else:
        encoder = start.encoder
        arguments = {**encoder.sizes(), **start.model.sizes()}
    if vectors is not None:
        arguments["word_size"] = vectors.values.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derive(course.seed, "initialisation"))
        model = recipes.build("neuroner", **arguments)
        assert isinstance(model, NeuroNER)
        if vectors is not None:
            _give(model, encoder, vectors)
        if start is not None:
            model.load_state_dict(start.model.state_dict())
        torch.manual_seed(seeds.derive(course.seed, "dropout"))
        _train(model, encoder, training, tuning, course, say)
    read = stretches_of(training, course.window, 0, encoder.scheme)
    plain = plain_words(read, encoder.words)
    tagger = Tagger(model, encoder, window=course.window, overlap=course.overlap, plain=plain)
    return tagger, arguments


def stretches_of(
    documents: Iterable[Document], window: int, overlap: int, scheme: str = "bioes"
) -> list[_Stretch]:
    """Tokens and tags of all windows of all documents; one without a token gives none.

    Tokens are as :func:`sequela.batches.notes.token_texts` writes them.
    """
    found: list[_Stretch] = []
    for one in documents:
        places = tokenised(one.text)
        texts = token_texts(one.text, places)
        for first, behind in windows(len(places), window, overlap):
            # Of the window alone: a span that reaches beyond it ends with it.
            tags = tags_of_spans(places[first:behind], one.spans, scheme).tags
            found.append((texts[first:behind], tags))
    return found


def _give(model: NeuroNER, encoder: NoteEncoder, vectors: WordVectors) -> None:
    numbers = {word: number for number, word in enumerate(encoder.words, 1)}
    places: dict[int, int] = {}
    for place, word in enumerate(vectors.words):
        # Of words that are looked up as one, the first: files have the most frequent first.
        places.setdefault(numbers[word_form(word)], place)
    values = torch.from_numpy(vectors.values)[list(places.values())]
    model.give_words(torch.tensor(list(places)), values)


def _train(
    model: NeuroNER,
    encoder: NoteEncoder,
    training: Sequence[Document],
    tuning: Sequence[Document],
    course: Course,
    say: Callable[[int, float, float | None], None] | None,
) -> None:
    """Changes the model's weights."""
    cut = (course.window, course.overlap, encoder.scheme)
    learnt, swaps = stretches_of(training, *cut), Swaps(training, course.swap)
    judged = stretches_of(tuning, *cut)
    kind = torch.optim.Adam if course.optimiser == "adam" else torch.optim.SGD
    optimiser = kind(model.parameters(), lr=course.learning_rate)
    rare = _rarity(learnt, encoder, course)
    best, kept, since = -1.0, None, 0
    for epoch in range(course.epochs):
        model.train()
        for group in optimiser.param_groups:
            group["lr"] = course.learning_rate * course.fall ** (epoch / max(1, course.epochs - 1))
        if course.swap:
            drawn = seeds.generator(course.seed, "swaps", epoch)
            learnt = stretches_of((swaps(one, drawn) for one in training), *cut)
        order = seeds.generator(course.seed, "epoch", epoch).permutation(len(learnt))
        total = 0.0
        for first in range(0, len(order), course.batch_size):
            chosen = [learnt[place] for place in order[first : first + course.batch_size]]
            losses = _losses(model, encoder, chosen, rare)
            _step(model, optimiser, losses.mean(), course.clip_norm)
            total += float(losses.detach().sum())
        found = _f1(model, encoder, judged, course.batch_size) if judged else None
        if say is not None:
            say(epoch, total / len(learnt), found)
        if found is None:
            continue
        since += 1
        if found > best:
            best, kept, since = found, copy.deepcopy(model.state_dict()), 0
        if since >= course.patience:
            break
    if kept is not None:
        model.load_state_dict(kept)


def _rarity(stretches: Sequence[_Stretch], encoder: NoteEncoder, course: Course) -> Tensor:
    """Of each word the probability that it is read as unknown."""
    counts = torch.zeros(len(encoder.words) + 1)
    for texts, _ in stretches:
        counts += torch.bincount(encoder.batch([texts]).words.data, minlength=len(counts))
    weight = course.word_dropout * course.min_documents
    rare = weight / (weight + counts) if weight else torch.zeros_like(counts)
    return rare.clamp(min=course.word_loss)


def _losses(
    model: NeuroNER, encoder: NoteEncoder, stretches: Sequence[_Stretch], rare: Tensor
) -> Tensor:
    texts, tags = zip(*stretches, strict=True)
    batch = encoder.batch(texts, tags)
    words = batch.words.data
    kept = words * (torch.rand(words.shape) >= rare[words])
    return model.losses(replace(batch, words=repacked(batch.words, kept)))


def _step(
    model: NeuroNER, optimiser: torch.optim.Optimizer, loss: Tensor, clip_norm: float
) -> None:
    if not math.isfinite(float(loss.detach())):
        raise TrainingError("the loss", got="no finite number", todo="Lower the learning rate.")
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    optimiser.step()


def _f1(
    model: NeuroNER, encoder: NoteEncoder, stretches: Sequence[_Stretch], batch_size: int
) -> float:
    """Of the spans of all windows; 0 where none is found right."""
    model.eval()
    right, either = 0, 0
    for first in range(0, len(stretches), batch_size):
        chosen = stretches[first : first + batch_size]
        batch = encoder.batch([texts for texts, _ in chosen])
        tags = [encoder.tags[tag] for tag in batch.flat(model.tags(batch).best)]
        place = 0
        for texts, truth in chosen:
            found = set(runs(tags[place : place + len(texts)]))
            place += len(texts)
            right += 2 * len(found.intersection(runs(truth)))
            either += len(found) + len(runs(truth))
    return right / max(1, either)
