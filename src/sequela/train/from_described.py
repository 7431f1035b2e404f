"""From signals with texts to the parts of an experiment, and to texts that a finished model writes.

A picture and its caption, speech and its words: records as frames on one side, on the other tokens
as :mod:`sequela.batches.pairs` has them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sequela import sources, tasks
from sequela.batches import RaggedSamples, SignalEncoder
from sequela.batches.pairs import TargetEncoder, TargetUnit
from sequela.errors import ConfigError, LabelError
from sequela.events import PARTS
from sequela.experiments import Experiment
from sequela.settings import checked
from sequela.signals import DescribedDeclaration, Joined, SignalSet, composed
from sequela.train.from_pairs import listed, written
from sequela.train.from_signals import dealt, fitted, made_of
from sequela.train.outcomes import Outcome
from sequela.train.prepared import Prepared, PreparedPart

__all__ = ["DescribedEncoding", "prepare", "samples_for"]

_KIND = "written"


class DescribedEncoding(BaseModel):
    """How records and texts become steps; the table ``encoding`` of such an experiment.

    Args:
        frames: of the record, as :class:`~sequela.batches.SignalEncoder` is fitted with.
        unit: tokens of the text, "labels" (what stands between blanks), "words" or "characters".
        min_texts: tokens of fewer training texts are unknown, and never written.
        most: tokens of a text that are learnt.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: dict[str, Any] = {}
    unit: TargetUnit = "labels"
    min_texts: int = Field(1, ge=1)
    most: int = Field(60, ge=1)


def prepare(experiment: Experiment) -> Prepared:
    """Reads, splits by recording, puts together, and fits on the training part alone.

    Raises:
        ConfigError: a wrong setting of the task, the encoding or the split.
        DataError: the data cannot be used.
    """
    assert experiment.data is not None
    overrides = {key: value for key, value in experiment.task.items() if key != "name"}
    task = tasks.declaration(experiment.task["name"], **overrides)
    declaration = checked(DescribedDeclaration, task, f"task {task.get('name', '')}")
    settings = checked(DescribedEncoding, experiment.encoding, "encoding")
    signals = _read(experiment.source, experiment.reading, experiment.data)
    texts = _texts(signals)
    _, spread = np.unique(texts, return_inverse=True)
    few = len(np.unique(spread)) * len(PARTS) <= len(texts)
    part_of, said = dealt(
        signals,
        spread if few else np.zeros(len(texts), np.int64),
        signals.recording,
        experiment.split,
        experiment.seed,
    )
    sets = {name: signals.subset(np.flatnonzero(part_of == name)) for name in PARTS}
    if declaration.compose is not None:
        given = declaration.compose, experiment.split.fractions, experiment.seed
        sets = {name: composed(one, given[0], name, *given[1:]) for name, one in sets.items()}
        said = (*said, *made_of(sets))
    encoder = fitted(sets[PARTS[0]], settings.frames)
    writer = TargetEncoder.fit(_texts(sets[PARTS[0]]), settings.unit, settings.min_texts)
    parts = {name: _part(one, encoder, writer, settings.most) for name, one in sets.items()}
    learnt = len(np.unique(_texts(sets[PARTS[0]])))
    return Prepared(
        parts=parts,
        classes=(),
        outcome=Outcome(_KIND),
        group_name="recordings",
        feature_names=("frames",),
        preparation={
            "kind": "described",
            "source": experiment.source,
            "reading": experiment.reading,
            "task": task,
            "encoding": settings.model_dump(mode="json"),
            "encoder": encoder.to_dict(),
            "writer": writer.to_dict(),
            "outcome": Outcome(_KIND).to_dict(),
        },
        cohort={
            "description": f"{len(signals):,} records. {declaration.description}",
            "attrition": [],
        },
        notes=(
            *said,
            f"{_new(sets)} texts of the held-out part are none of the {learnt:,} learnt.",
        ),
        more_sizes={"tokens": writer.size, "most": settings.most},
        answer=partial(written, writer),
    )


def _read(source: str, reading: dict[str, Any], path: Path) -> SignalSet:
    signals = sources.read(source, path, **reading)
    if not isinstance(signals, SignalSet):
        raise ConfigError(f"source '{source}'", got="another kind of data", wanted="records")
    return signals


def _texts(signals: SignalSet) -> list[str]:
    """The label of each record as a text.

    Raises:
        LabelError: the records have none.
    """
    if signals.label is None:
        raise LabelError("the records", got="no texts", wanted="one for each")
    return [str(one) for one in signals.label]


def _new(sets: dict[str, SignalSet]) -> str:
    known, asked = (set(_texts(sets[name])) for name in (PARTS[0], PARTS[2]))
    return f"{len(asked - known):,} of the {len(asked):,}"


def _part(
    signals: SignalSet, encoder: SignalEncoder, writer: TargetEncoder, most: int
) -> PreparedPart:
    texts = _texts(signals)
    samples = encoder.encode(signals, writer.encode(texts, most), signals.recording)
    whole = (signals.lengths == 1).all()
    # The rivals read what the model reads: the one frame of a record, or all of its frames.
    frames = samples.steps if whole else listed(np.split(samples.steps, samples.starts[1:]))
    return PreparedPart(samples, frames, truth=listed([(text,) for text in texts]))


def samples_for(
    preparation: dict[str, Any], path: Path, *, known_outcome: bool = True
) -> tuple[RaggedSamples, SignalSet, np.ndarray | None, TargetEncoder]:
    """The samples of other records for a finished model, and the texts that stand with them.

    Args:
        preparation: what the bundle holds.
        path: the data set.
        known_outcome: the texts are wanted too, and what the task joins is joined, as in training.
            Without it records are read as they come: it is they that somebody wants to know of.

    Raises:
        DataError: the data cannot be used, or other channels or rates than in training.
    """
    declaration = checked(DescribedDeclaration, preparation["task"], "task of the bundle")
    signals = _read(preparation["source"], preparation.get("reading", {}), path)
    how = declaration.compose
    if how is not None and (known_outcome or not isinstance(how, Joined)):
        signals = composed(signals, how, PARTS[2], (0, 0, 1), 0)
    encoder = SignalEncoder.from_dict(preparation["encoder"])
    writer = TargetEncoder.from_dict(preparation["writer"])
    samples = encoder.encode(signals, None, signals.recording)
    if signals.label is None:
        return samples, signals, None, writer
    texts = _texts(signals)
    target = writer.encode(texts, preparation["encoding"]["most"])
    return replace(samples, target=target), signals, listed([(text,) for text in texts]), writer
