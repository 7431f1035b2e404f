"""From sampled signals to the parts of an experiment, and to samples for a finished model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sequela import sources, tasks
from sequela.batches import RaggedSamples, SignalEncoder
from sequela.errors import ConfigError, DataError
from sequela.events import PARTS, assign_splits, check_disjoint
from sequela.experiments import Experiment, SplitSettings
from sequela.settings import nearest
from sequela.signals import (
    RecordingSet,
    SignalDeclaration,
    SignalSet,
    composed,
    features,
    plain_features,
)
from sequela.train.from_texts import split_texts
from sequela.train.prepared import Prepared, PreparedPart, check_classes

__all__ = ["dealt", "fitted", "made_of", "prepare", "samples_for"]

# A bootstrap of fewer groups than this hardly varies.
_FEW = 10


def _read(
    source: str, reading: dict[str, Any], path: Path, declaration: SignalDeclaration
) -> tuple[SignalSet, list[str]]:
    """The records, cut from long recordings where need be, and what was left out of them."""
    signals = sources.read(source, path, **reading)
    dropped: Counter[str] = Counter()
    if isinstance(signals, RecordingSet):
        signals, dropped = declaration.records(signals)
    if not isinstance(signals, SignalSet):
        raise ConfigError(
            f"source '{source}'", got="no signals", wanted="a source of signals for this task"
        )
    if len(signals) == 0:
        raise DataError(f"data set {path}", got="no records", wanted="at least one")
    return signals, [f"Left out: {reason} ({count:,})." for reason, count in dropped.items()]


def _notes(signals: SignalSet, left_out: list[str]) -> tuple[str, ...]:
    notes = [signals.group_note] if signals.group_note else []
    notes += left_out
    if signals.subject is None:
        notes.append(
            "The source does not name its subjects: the parts share no recording, but they may "
            "share subjects, so nothing is shown about new patients."
        )
    return tuple(notes)


def _few(count: int, declaration: SignalDeclaration) -> list[str]:
    if count >= _FEW:
        return []
    return [
        f"The held-out part has {count} {declaration.unit}(s): an interval over so few is far too "
        "narrow, and nothing is shown about new ones."
    ]


def _split_notes(split: SplitSettings, declaration: SignalDeclaration) -> list[str]:
    found = [declaration.split_note] if declaration.split_note else []
    if split.tuning == "ends":
        found.append(
            f"The tuning part is the end of each training {declaration.unit}: it chooses the epoch "
            "alone, and no figure here is of it."
        )
    return found


def dealt(
    signals: SignalSet, target: np.ndarray, groups: np.ndarray, split: SplitSettings, seed: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The part of each record, and what must be said of it.

    Args:
        signals: all records; the parts that the source puts them into count, unless ``split`` says
            otherwise.
        target: [n], what is spread evenly.
        groups: [n], what is kept whole.
        split: of the experiment.
        seed: the run's seed.

    Raises:
        ConfigError: a way of splitting for events, a name that is not there, or no times.
        LeakageError: a group of the held-out part in another.
    """
    if split.by != "subject":
        raise ConfigError(
            "setting 'split.by'",
            got=f"{split.by}, for signals",
            wanted="none: the task's 'unit' says what is kept whole",
        )
    if signals.part is not None and not split.held_out and split.tuning == "groups":
        return split_texts(signals.part.tolist(), groups, target, split, seed)
    part_of = assign_splits(groups, target, split.fractions, seed)
    if split.held_out:
        known = np.unique(groups).tolist()
        for name in split.held_out:
            if name not in known:
                got = f"'{name}', which is not there"
                raise ConfigError("setting 'split.held_out'", got=got, todo=nearest(name, known))
        held = np.isin(groups, split.held_out)
        part_of = np.where(held, PARTS[2], np.where(part_of == PARTS[1], PARTS[1], PARTS[0]))
    if split.tuning == "groups":
        check_disjoint({name: groups[part_of == name] for name in PARTS})
        return part_of, ()
    if signals.onset is None:
        raise ConfigError(
            "setting 'split.tuning'", got="ends, of records without times", wanted="groups"
        )
    share = split.fractions[1] / (split.fractions[0] + split.fractions[1])
    rest = part_of != PARTS[2]
    for name in np.unique(groups[rest]):
        mine = np.flatnonzero(groups == name)
        mine = mine[np.argsort(signals.onset[mine], kind="stable")]
        late = len(mine) - round(len(mine) * share)
        part_of[mine[:late]], part_of[mine[late:]] = PARTS[:2]
    check_disjoint({"training or tuning": groups[rest], PARTS[2]: groups[~rest]})
    return part_of, ()


def prepare(experiment: Experiment) -> Prepared:
    """Reads, labels, splits by recording, and fits the encoder on the training part alone.

    Raises:
        ConfigError: a wrong setting of the task or the encoding.
        DataError: the data cannot be used; LabelError where a class is missing from a part.
    """
    assert experiment.data is not None
    task = tasks.declaration(**experiment.task)
    declaration = SignalDeclaration.parse(task)
    signals, left_out = _read(experiment.source, experiment.reading, experiment.data, declaration)
    sets, said = _sets(signals, declaration, experiment)
    check_classes(
        {name: declaration.target(one) for name, one in sets.items()},
        declaration.class_names,
        declaration.title,
        "Use more recordings, or other task.classes.",
    )
    encoder = fitted(sets[PARTS[0]], experiment.encoding)
    notes = [
        *_notes(signals, left_out),
        *said,
        *_split_notes(experiment.split, declaration),
        *_few(len(np.unique(declaration.groups(sets[PARTS[2]]))), declaration),
    ]
    parts, names, before = {}, [], 0
    for name, one in sets.items():
        values, names = features(one) if encoder.frame > 1 else plain_features(one)
        target, groups = _labels(declaration.target(one)), declaration.groups(one, before)
        parts[name] = PreparedPart(encoder.encode(one, target, groups), values)
        before += len(one)
    return Prepared(
        parts=parts,
        classes=declaration.class_names,
        group_name=f"{declaration.unit}s",
        feature_names=tuple(names),
        single_feature=_single(names) if len(declaration.class_names) == 2 else None,
        preparation={
            "kind": "signals",
            "source": experiment.source,
            "reading": experiment.reading,
            "task": task,
            "encoder": encoder.to_dict(),
        },
        cohort={
            "description": _description(signals, declaration),
            "attrition": [],
        },
        notes=tuple(notes),
    )


def _sets(
    signals: SignalSet, declaration: SignalDeclaration, experiment: Experiment
) -> tuple[dict[str, SignalSet], tuple[str, ...]]:
    """The records of each part, put together where the task says so; what must be said of them."""
    split, seed = experiment.split, experiment.seed
    if declaration.compose is None:
        found = dealt(
            signals, declaration.target(signals), declaration.groups(signals), split, seed
        )
    else:
        # The classes are those of what is put together; these are spread as they come.
        _, spread = np.unique(_given(signals), return_inverse=True)
        found = dealt(signals, spread, signals.recording, split, seed)
    part_of, said = found
    sets = {name: signals.subset(np.flatnonzero(part_of == name)) for name in PARTS}
    if declaration.compose is None:
        return sets, said
    how, shares = declaration.compose, split.fractions
    made = {name: composed(one, how, name, shares, seed) for name, one in sets.items()}
    return made, (*said, *made_of(made))


def _given(signals: SignalSet) -> np.ndarray:
    return np.zeros(len(signals), np.int64) if signals.label is None else signals.label


def made_of(sets: Mapping[str, SignalSet]) -> tuple[str, ...]:
    """What must be said of records that were put together from those of their part alone."""
    counts = ", ".join(f"{len(one):,} {one.group_note}" for one in sets.values())
    return (f"Records are {counts}; no record of one part is in another.",)


def fitted(train: SignalSet, settings: Mapping[str, Any]) -> SignalEncoder:
    """The encoder of a table ``encoding``, fitted on the training part.

    Raises:
        ConfigError: an unknown key or a wrong value.
    """
    try:
        return SignalEncoder.fit(train, **settings)
    except TypeError as error:
        known = "frame, hop, spectrum, together"
        raise ConfigError("encoding", got="an unknown key", wanted=known) from error


def _labels(target: np.ndarray) -> np.ndarray:
    return target.astype(bool) if target.dtype.kind == "f" else target


def _single(names: list[str]) -> str:
    return next(name for name in names if name.endswith("standard deviation"))


def _description(signals: SignalSet, declaration: SignalDeclaration) -> str:
    recordings = len(np.unique(signals.recording))
    count = len(signals.channels)
    channels = "one channel" if count == 1 else f"{count} channels"
    return (
        f"{len(signals):,} records of {recordings:,} recordings, {channels} at "
        f"{signals.sampling_rate:g} Hz. {declaration.description}"
    )


def samples_for(
    preparation: dict[str, Any], path: Path, *, known_outcome: bool = True
) -> tuple[RaggedSamples, SignalSet, bool]:
    """The samples of new data for a finished model.

    Args:
        preparation: what the bundle holds.
        path: the data set.
        known_outcome: the labels are wanted too; without it they are not looked at.

    Returns:
        The samples, the records, and whether labels are known: if not, targets are zeros.

    Raises:
        DataError: the data cannot be used, or other channels or rates than in training.
    """
    declaration = SignalDeclaration.parse(preparation["task"])
    signals, _ = _read(preparation["source"], preparation.get("reading", {}), path, declaration)
    if declaration.compose is not None:
        signals = composed(signals, declaration.compose, PARTS[2], (0, 0, 1), 0)
    known = known_outcome and signals.label is not None
    target = _labels(declaration.target(signals)) if known else None
    encoder = SignalEncoder.from_dict(preparation["encoder"])
    return encoder.encode(signals, target, declaration.groups(signals)), signals, known
