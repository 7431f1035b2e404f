"""From labelled texts to the parts of an experiment, and to samples for a finished model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sequela import sources, tasks
from sequela.batches import RaggedSamples
from sequela.batches.texts import TextEncoder, TextEncoding
from sequela.errors import ConfigError
from sequela.events import PARTS, assign_splits, check_disjoint
from sequela.experiments import Experiment, SplitSettings
from sequela.notes import LabelledText, TextDeclaration, TextSet
from sequela.notes.texts import text_key
from sequela.settings import checked
from sequela.train.prepared import Prepared, PreparedPart, check_classes

__all__ = ["prepare", "read", "samples_for", "split_texts"]

_CUSTOMARY = 11


def read(source: str, reading: dict[str, Any], path: Path, kind: type = TextSet) -> Any:
    """The texts of a source.

    Args:
        source: its name.
        reading: its options.
        path: where the data lie.
        kind: what it has to give.

    Raises:
        ConfigError: the source gives something else.
    """
    texts = sources.read(source, path, **reading)
    if not isinstance(texts, kind):
        raise ConfigError(f"source '{source}'", got="another kind of data", wanted=kind.__name__)
    return texts


def split_texts(
    given: list[str | None],
    groups: np.ndarray,
    strata: np.ndarray | None,
    settings: SplitSettings,
    seed: int,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The part of each text.

    Args:
        given: the part that the source puts each into, or None.
        groups: [n], what must not be split.
        strata: [n], what is spread evenly, or None.
        settings: of the experiment.
        seed: the run's seed.

    Returns:
        [n] of "train", "tuning" or "held_out"; and what must be said of it.

    Raises:
        ConfigError: parts by something else than the text.
        LeakageError: a group is in two parts.
    """
    if settings.by != "subject":
        raise ConfigError("setting 'split.by'", got=settings.by, wanted="subject for texts")
    there = {part for part in given if part is not None}
    if settings.source == "assign" or None in given or "train" not in there or len(there) < 2:
        return assign_splits(groups, strata, settings.fractions, seed), ()
    part = np.array(given, dtype="<U8")
    if len(there) == 3:
        check_disjoint({name: groups[part == name] for name in PARTS})
        return part, ("Parts are those of the source.",)
    part[part != PARTS[0]] = PARTS[2]
    # A share of the training texts chooses the epoch, and the other part judges alone.
    learnt = np.flatnonzero(part == PARTS[0])
    share = settings.fractions[1] / (settings.fractions[0] + settings.fractions[1])
    dealt = assign_splits(
        groups[learnt], None if strata is None else strata[learnt], (1 - share, share, 0.0), seed
    )
    part[learnt] = dealt
    check_disjoint({name: groups[part == name] for name in PARTS})
    return part, (
        "The held-out part is the source's second part; the tuning part is dealt from its training "
        "part.",
    )


def prepare(experiment: Experiment) -> Prepared:
    """Reads, sorts, splits by text, and fits the encoder on the training part alone.

    Raises:
        ConfigError: a wrong setting of the task, the encoding or the split.
        DataError: the data cannot be used; LabelError where a class is missing from a part.
    """
    assert experiment.data is not None
    task = tasks.declaration(**experiment.task)
    declaration = TextDeclaration.parse(task)
    encoding = checked(TextEncoding, experiment.encoding, "encoding")
    found = declaration.classified(read(experiment.source, experiment.reading, experiment.data))
    groups = _groups(found.texts)
    part_of, said = split_texts(
        [one.part for one in found.texts], groups, found.target, experiment.split, experiment.seed
    )
    rows = {name: np.flatnonzero(part_of == name) for name in PARTS}
    check_classes(
        {name: found.target[rows[name]] for name in PARTS},
        found.classes,
        declaration.title,
        "Use more texts, or other task.classes.",
        found.attrition,
    )
    texts = np.array([one.text for one in found.texts], dtype=object)
    encoder = TextEncoder.fit(texts[rows[PARTS[0]]], encoding)
    target = found.target == 1 if len(found.classes) == 2 else found.target
    samples = encoder.encode(texts, target, groups)
    parts = {name: PreparedPart(samples.subset(rows[name]), texts[rows[name]]) for name in PARTS}
    return Prepared(
        parts=parts,
        classes=found.classes,
        group_name="texts" if all(one.subject is None for one in found.texts) else "subjects",
        feature_names=("text",),
        preparation={
            "kind": "texts",
            "source": experiment.source,
            "reading": experiment.reading,
            "task": task,
            "classes": list(found.classes),
            "encoder": encoder.to_dict(),
        },
        cohort={
            "description": f"{len(texts):,} texts. {declaration.description}",
            "attrition": found.attrition,
        },
        notes=(*said, *_notes(encoder, texts[rows[PARTS[2]]])),
    )


def _groups(texts: tuple[LabelledText, ...]) -> np.ndarray:
    return np.array([one.subject or text_key(one.text) for one in texts], dtype=np.str_)


def _notes(encoder: TextEncoder, held_out: np.ndarray) -> list[str]:
    notes = [
        f"{100 * encoder.unknown(held_out):.1f} % of the {encoder.encoding.unit} of the held-out "
        "part are in too few training texts to be known."
    ]
    least = encoder.encoding.min_texts
    if least < _CUSTOMARY:
        notes.append(
            f"What stands in {least} or more training texts is kept by name; {_CUSTOMARY} is the "
            "customary least number for texts about patients."
        )
    return notes


def samples_for(
    preparation: dict[str, Any], path: Path, *, known_outcome: bool = True
) -> tuple[RaggedSamples, TextSet, bool]:
    """The samples of new texts for a finished model.

    Args:
        preparation: what the bundle holds.
        path: the texts.
        known_outcome: their labels are wanted too; without it they are not looked at.

    Returns:
        The samples, the texts, and whether labels are known: if not, targets are zeros.

    Raises:
        DataError: the data cannot be used; LabelError for a class that the model does not know.
    """
    declaration = TextDeclaration.parse(preparation["task"])
    found = read(preparation["source"], preparation.get("reading", {}), path)
    encoder = TextEncoder.from_dict(preparation["encoder"])
    samples = encoder.encode((one.text for one in found), None, _groups(found.texts))
    if not known_outcome or any(one.label is None for one in found):
        return samples, found, False
    classes = preparation["classes"]
    target = declaration.class_numbers(found, classes)
    target = target == 1 if len(classes) == 2 else target
    return replace(samples, target=target), found, True
