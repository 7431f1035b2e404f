"""From one long text to the parts of an experiment, and text that a finished model writes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from pydantic import BaseModel, ConfigDict

from sequela import bundle, seeds, tasks
from sequela.batches import RaggedSamples
from sequela.batches.streams import StreamEncoder, StreamEncoding
from sequela.errors import BundleError, ConfigError, DataError
from sequela.events import PARTS
from sequela.experiments import Experiment
from sequela.notes import TextStream
from sequela.recipes import CharLM
from sequela.recipes.writing import write
from sequela.settings import checked
from sequela.train.from_texts import read
from sequela.train.outcomes import Outcome
from sequela.train.prepared import Prepared, PreparedPart

__all__ = ["StreamDeclaration", "prepare", "samples_for", "written"]

#: The kind of an outcome that is a probability of all that is read.
_KIND = "likelihood"


class StreamDeclaration(BaseModel):
    """A task on one long text: which symbol comes next."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["stream"] = "stream"
    name: str
    title: str
    description: str = ""


def prepare(experiment: Experiment) -> Prepared:
    """Reads, cuts in three, and takes the symbols from the training part alone.

    Raises:
        ConfigError: a wrong setting of the task, the encoding or the split.
        DataError: the data cannot be used.
    """
    assert experiment.data is not None
    task = tasks.declaration(**experiment.task)
    declaration = checked(StreamDeclaration, task, f"task {task.get('name', '')}")
    settings = checked(StreamEncoding, experiment.encoding, "encoding")
    if experiment.split.by != "subject":
        raise ConfigError("setting 'split.by'", got=experiment.split.by, todo="Leave it out.")
    text = read(experiment.source, experiment.reading, experiment.data, TextStream).text
    pieces = _cut(text, experiment.split.fractions)
    encoder = StreamEncoder.fit(pieces[0], settings.min_count)
    samples = {
        name: encoder.samples(piece, settings.row, 0, name)
        if name == PARTS[0]
        else encoder.samples(piece, settings.block, settings.context, name)
        for name, piece in zip(PARTS, pieces, strict=True)
    }
    unknown = sum(
        piece.count(one) for piece in pieces[1:] for one in set(piece) - {*encoder.symbols}
    )
    return Prepared(
        parts={name: PreparedPart(part, _rows(part)) for name, part in samples.items()},
        classes=(),
        outcome=Outcome(_KIND),
        group_name="blocks of text",
        feature_names=("symbols",),
        preparation={
            "kind": "stream",
            "source": experiment.source,
            "reading": experiment.reading,
            "task": task,
            "encoding": settings.model_dump(mode="json"),
            "encoder": encoder.to_dict(),
            "outcome": Outcome(_KIND).to_dict(),
        },
        cohort={
            "description": f"{len(text):,} characters, {len(encoder.symbols)} different ones. "
            f"{declaration.description}",
            "attrition": [],
        },
        notes=(
            "Parts follow each other in the text: training first, the held-out part last. "
            "Intervals are over blocks of the held-out part.",
            f"{unknown:,} characters of the tuning and the held-out part are none of the training "
            "part's; they are asked for as one unknown character.",
        ),
    )


def _cut(text: str, fractions: tuple[float, float, float]) -> list[str]:
    ends = [0, *(int(len(text) * share) for share in np.cumsum(fractions)[:2]), len(text)]
    pieces = [text[begin:end] for begin, end in itertools.pairwise(ends)]
    if min(map(len, pieces)) < 2:
        raise DataError("the text", got=f"{len(text)} characters", wanted="enough for three parts")
    return pieces


def _rows(samples: RaggedSamples) -> np.ndarray:
    """What rivals read: of each row int64 [T, 2], the symbol read and the one asked for."""
    assert samples.codes is not None
    found = np.empty(len(samples), dtype=object)
    codes = samples.codes.reshape(-1, 2)
    for number, (start, length) in enumerate(zip(samples.starts, samples.lengths, strict=True)):
        found[number] = codes[start : start + length].astype(np.int64)
    return found


def samples_for(preparation: dict[str, Any], path: Path) -> tuple[RaggedSamples, pl.DataFrame]:
    """The blocks of another text for a finished model, and the number of each.

    Raises:
        DataError: the data cannot be used.
    """
    encoder = StreamEncoder.from_dict(preparation["encoder"])
    settings = checked(StreamEncoding, preparation["encoding"], "encoding")
    text = read(preparation["source"], preparation.get("reading", {}), path, TextStream).text
    samples = encoder.samples(text, settings.block, settings.context)
    return samples, pl.DataFrame({"block": np.arange(len(samples))})


def written(
    model: Path | str,
    prompt: str = "\n",
    length: int = 500,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> str:
    """Text that a finished model draws; equal for equal arguments on one machine.

    Args:
        model: the bundle's folder.
        prompt: what it reads first; no part of what is returned.
        length: characters to write.
        temperature: see :func:`sequela.recipes.writing.write`.
        top_k: likewise.
        seed: of all draws.

    Raises:
        BundleError: damaged, or no model of what comes next.
        ConfigError: a number out of range.
    """
    found = bundle.load(model)
    if not isinstance(found.model, CharLM) or found.kind != _KIND:
        raise BundleError(f"model {model}", got=f"kind '{found.kind}'", wanted="a language model")
    encoder = StreamEncoder.from_dict(found.preparation.get("encoder") or {})
    generator = torch.Generator().manual_seed(seeds.derive(seed, "writing"))
    numbers, _ = write(
        found.model,
        torch.from_numpy(encoder.numbers(prompt)),
        length,
        generator=generator,
        temperature=temperature,
        top_k=top_k,
    )
    return encoder.text(numbers.tolist())
