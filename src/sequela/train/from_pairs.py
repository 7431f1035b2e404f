"""From pairs of texts to the parts of an experiment, and to texts that a finished model writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from sequela import bundle, tasks
from sequela.batches import RaggedSamples, Samples
from sequela.batches.pairs import TargetEncoder, TargetUnit
from sequela.batches.texts import TextEncoder, TextEncoding
from sequela.errors import BundleError, DataError
from sequela.events import PARTS
from sequela.experiments import Experiment
from sequela.notes import PairSet, TextPair
from sequela.notes.texts import text_key
from sequela.recipes import Seq2SeqAttention
from sequela.settings import checked
from sequela.train.from_texts import read, split_texts
from sequela.train.outcomes import Outcome
from sequela.train.prepared import Prepared, PreparedPart

__all__ = [
    "Answer",
    "PairDeclaration",
    "PairEncoding",
    "answered",
    "distinct",
    "listed",
    "prepare",
    "samples_for",
    "written",
]

_KIND = "written"
_AT_ONCE = 64  # texts that are searched for together; speed only


class PairDeclaration(BaseModel):
    """A task on pairs of texts: the other one is to be written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["pairs"] = "pairs"
    name: str
    title: str
    description: str = ""


class PairEncoding(BaseModel):
    """How both texts become steps; the table ``encoding`` of an experiment on pairs.

    Args:
        read: of the first text, see :class:`~sequela.batches.texts.TextEncoding`.
        unit: tokens of the other text, "words", "characters", "labels" or "subwords".
        min_texts: tokens of fewer training texts are unknown, and never written.
        subwords: how many of the other text are learnt at most.
        most: tokens of a text that are learnt.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    read: TextEncoding = TextEncoding()
    unit: TargetUnit = "words"
    min_texts: int = Field(11, ge=1)
    subwords: int = Field(8000, ge=1)
    most: int = Field(60, ge=1)


def distinct(pairs: Sequence[TextPair]) -> tuple[list[TextPair], np.ndarray]:
    """The first pair of each first text, and the texts that stand with it, each once, [n].

    Raises:
        DataError: a pair without its other text.
    """
    _check_whole(pairs)
    first: dict[str, TextPair] = {}
    others: dict[str, dict[str, None]] = {}
    for one in pairs:
        key = text_key(one.text)
        first.setdefault(key, one)
        others.setdefault(key, {})[one.other or ""] = None
    return list(first.values()), listed([tuple(others[key]) for key in first])


def _check_whole(pairs: Sequence[TextPair]) -> None:
    alone = sum(one.other is None for one in pairs)
    if alone:
        raise DataError(
            "the pairs",
            got=f"{alone:,} texts without their fellow",
            wanted="two texts in each",
            todo="A tab parts them on a line; of parallel files both have to be there.",
        )


def listed(items: Sequence[Any]) -> np.ndarray:
    """Things of any kind, [n], each as it is."""
    found = np.empty(len(items), dtype=object)
    found[:] = items
    return found


def prepare(experiment: Experiment) -> Prepared:
    """Reads, splits by the first text, and fits both encoders on the training part alone.

    Raises:
        ConfigError: a wrong setting of the task, the encoding or the split.
        DataError: the data cannot be used.
    """
    assert experiment.data is not None
    task = tasks.declaration(**experiment.task)
    declaration = checked(PairDeclaration, task, f"task {task.get('name', '')}")
    settings = checked(PairEncoding, experiment.encoding, "encoding")
    found = read(experiment.source, experiment.reading, experiment.data, PairSet)
    pairs = list({(one.text, one.other): one for one in found}.values())
    _check_whole(pairs)
    of_part, said = _dealt(pairs, experiment)
    learnt = of_part[PARTS[0]]
    reader = TextEncoder.fit((one.text for one in learnt), settings.read)
    writer = TargetEncoder.fit(
        (one.other or "" for one in learnt), settings.unit, settings.min_texts, settings.subwords
    )
    parts = {
        name: _part(some, reader, writer, settings.most, name != PARTS[0])
        for name, some in of_part.items()
    }
    return Prepared(
        parts=parts,
        classes=(),
        outcome=Outcome(_KIND),
        group_name="texts",
        feature_names=("text",),
        preparation={
            "kind": "pairs",
            "source": experiment.source,
            "reading": experiment.reading,
            "task": task,
            "encoding": settings.model_dump(mode="json"),
            "reader": reader.to_dict(),
            "writer": writer.to_dict(),
            "outcome": Outcome(_KIND).to_dict(),
        },
        cohort={
            "description": f"{len(pairs):,} pairs of texts. {declaration.description}",
            "attrition": _attrition(len(found), len(pairs)),
        },
        notes=(
            *said,
            "Pairs of one first text are in one part. A first text is judged once, beside all the "
            "texts that stand with it.",
        ),
        more_sizes={"tokens": writer.size, "most": settings.most},
        answer=partial(written, writer),
    )


def _dealt(
    pairs: list[TextPair], experiment: Experiment
) -> tuple[dict[str, list[TextPair]], tuple[str, ...]]:
    """The pairs of each part, and what must be said of them."""
    # A first text of several parts is judged, not learnt from.
    judged = {text_key(one.text): one.part for one in pairs if one.part not in (None, PARTS[0])}
    keys = np.array([text_key(one.text) for one in pairs], dtype=np.str_)
    given = [judged.get(str(key), one.part) for key, one in zip(keys, pairs, strict=True)]
    part_of, said = split_texts(given, keys, None, experiment.split, experiment.seed)
    of_part = {name: [pairs[k] for k in np.flatnonzero(part_of == name)] for name in PARTS}
    if not all(of_part.values()):
        raise DataError("the pairs", got=f"{len(pairs)}, too few for three parts")
    return of_part, said


def _attrition(read: int, kept: int) -> list[dict[str, Any]]:
    return [
        {"step": "pairs in the files", "subjects": read, "excluded": 0},
        {"step": "each pair once", "subjects": kept, "excluded": read - kept},
    ]


def _part(
    pairs: list[TextPair], reader: TextEncoder, writer: TargetEncoder, most: int, judged: bool
) -> PreparedPart:
    rows, others = distinct(pairs)
    if not judged:
        rows, others = pairs, listed([(one.other or "",) for one in pairs])
    target = writer.encode([some[0] for some in others], most)
    groups = np.array([text_key(one.text) for one in rows], dtype=np.str_)
    samples = reader.encode((one.text for one in rows), target, groups)
    texts = np.array([one.text for one in rows], dtype=object)
    return PreparedPart(samples, texts, truth=others)


def written(writer: TargetEncoder, model: nn.Module, samples: Samples) -> np.ndarray:
    """The best text of each sample by the model's search, [n] of texts.

    Args:
        writer: the encoder of what is written.
        model: with ``hypotheses(batch)``.
        samples: what is read.
    """
    order = np.argsort(-samples.lengths, kind="stable")
    found = np.empty(len(order), dtype=object)
    search: Any = model
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for first in range(0, len(order), _AT_ONCE):
                chosen = order[first : first + _AT_ONCE]
                best = search.hypotheses(samples.batch(chosen)).tokens[:, 0].tolist()
                for place, tokens in zip(chosen, best, strict=True):
                    found[place] = writer.text(tokens)
    finally:
        model.train(was_training)
    return found


@dataclass(frozen=True)
class Answer:
    """A text that a model wrote, and what it looked at.

    Args:
        text: what it wrote.
        read: the steps of the first text.
        tokens: of what it wrote.
        attention: [tokens + 1, read], the share of each step when a token, or the end, was chosen;
            rows sum to 1.
    """

    text: str
    read: list[str]
    tokens: list[str]
    attention: np.ndarray


def answered(model: Path | str, text: str) -> Answer:
    """The other text of one text, by a finished model.

    Args:
        model: the bundle's folder.
        text: what is read.

    Raises:
        BundleError: damaged, or no model that writes a text from a text.
        DataError: nothing to read.
    """
    found = bundle.load(model)
    if not isinstance(found.model, Seq2SeqAttention):
        raise BundleError(
            f"model {model}", got=f"recipe {found.name}", wanted="one that translates"
        )
    reader = TextEncoder.from_dict(found.preparation.get("reader") or {})
    writer = TargetEncoder.from_dict(found.preparation.get("writer") or {})
    read = reader.shown(text)
    if not read:
        raise DataError("the text", got="nothing to read")
    batch = reader.encode([text]).batch(np.arange(1))
    with torch.no_grad():
        best = found.model.hypotheses(batch)
        tokens = best.tokens[:, 0, : int(best.lengths[0, 0])]
        shares = found.model.attention_map(batch, tokens)[0]
    numbers = tokens[0].tolist()
    return Answer(writer.text(numbers), read, writer.shown(numbers), shares.double().numpy())


def samples_for(
    preparation: dict[str, Any], path: Path
) -> tuple[RaggedSamples, list[TextPair], np.ndarray | None, TargetEncoder]:
    """The first texts of other pairs for a finished model, each once, and what stands with them.

    None in place of that where a text stands alone.

    Raises:
        DataError: the data cannot be used.
    """
    reader = TextEncoder.from_dict(preparation["reader"])
    writer = TargetEncoder.from_dict(preparation["writer"])
    found = read(preparation["source"], preparation.get("reading", {}), path, PairSet)
    whole = all(one.other is not None for one in found)
    rows, others = distinct([one if whole else replace(one, other="") for one in found])
    groups = np.array([text_key(one.text) for one in rows], dtype=np.str_)
    samples = reader.encode((one.text for one in rows), None, groups)
    if not whole:
        return samples, rows, None, writer
    target = writer.encode([some[0] for some in others], preparation["encoding"]["most"])
    return replace(samples, target=target), rows, others, writer
