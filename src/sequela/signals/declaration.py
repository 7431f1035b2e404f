"""What a task on signals declares: the classes, and the unit that must not be split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from sequela.errors import ConfigError, DataError, LabelError, LeakageError
from sequela.settings import checked
from sequela.signals.composing import Compose
from sequela.signals.cutting import Cut, Windows, cut
from sequela.signals.recordings import RecordingSet
from sequela.signals.records import SignalSet

__all__ = ["SignalClass", "SignalDeclaration"]


class SignalClass(BaseModel):
    """One class: its name and the source's label values that belong to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    values: tuple[int | str, ...] = Field(min_length=1)


class SignalDeclaration(BaseModel):
    """A classification task on a :class:`~sequela.signals.records.SignalSet`.

    ``groupings`` holds one list of classes for each number of classes on offer; ``classes`` picks
    one. With two classes the second is the positive one. ``cut`` says how long recordings become
    records: the texts among the class values are then looked for in their annotations.

    ``unit`` is what a split keeps whole: a recording or a subject; a "block" of ``block`` seconds
    where recordings are too few, which says nothing about new ones; or a single "record", which
    leaks, and is there to show by how much. ``compose`` puts the records of each part together, and
    then the class values are those of what comes of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["signal"] = "signal"
    name: str
    title: str
    description: str = ""
    unit: Literal["recording", "subject", "block", "record"] = "recording"
    block: float = Field(default=30.0, gt=0, le=86_400, allow_inf_nan=False)
    groupings: dict[int, tuple[SignalClass, ...]]
    classes: int = Field(default=2, validate_default=True)
    cut: Cut | None = None
    compose: Compose | None = None

    @field_validator("groupings")
    @classmethod
    def _groupings_are_sound(
        cls, groupings: dict[int, tuple[SignalClass, ...]]
    ) -> dict[int, tuple[SignalClass, ...]]:
        for count, classes in groupings.items():
            if count < 2 or len({one.name for one in classes}) != count:
                raise ValueError(f"{count} classes of different names under {count}")
            values = Counter(value for one in classes for value in one.values)
            if max(values.values()) > 1:
                raise ValueError("each label value in one class only")
        return groupings

    @field_validator("classes")
    @classmethod
    def _classes_are_offered(cls, classes: int, info: ValidationInfo) -> int:
        groupings = info.data.get("groupings", {classes: ()})
        if classes not in groupings:
            raise ValueError(f"one of {', '.join(str(count) for count in sorted(groupings))}")
        return classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, at the index that is their target value."""
        return tuple(one.name for one in self.groupings[self.classes])

    def target(self, signals: SignalSet) -> np.ndarray:
        """The target of each record.

        Returns:
            bool [n] for two classes (True for the second), int64 [n] of class indices for more.

        Raises:
            LabelError: the set has no labels, or a value that no class names.
        """
        if signals.label is None:
            raise LabelError(
                f"task {self.name!r}", got="signals without labels", wanted="a label per record"
            )
        target = np.full(len(signals), -1, dtype=np.int64)
        kind = str if signals.label.dtype.kind == "U" else int
        for index, one in enumerate(self.groupings[self.classes]):
            values = [value for value in one.values if isinstance(value, kind)]
            target[np.isin(signals.label, values)] = index
        unknown = np.flatnonzero(target < 0)
        if len(unknown):
            values = [value for one in self.groupings[self.classes] for value in one.values]
            values = sorted((value for value in values if isinstance(value, kind)), key=str)
            raise LabelError(
                f"labels for task {self.name!r}",
                got=f"{len(unknown)} records with another value, the first is record {unknown[0]}",
                wanted=f"one of {', '.join(map(str, values))}",
            )
        return target == 1 if self.classes == 2 else target

    def records(self, recordings: RecordingSet) -> tuple[SignalSet, Counter[str]]:
        """Long recordings as the records of this task; what was left out is counted by reason.

        Raises:
            ConfigError: the task does not say how recordings are cut.
            DataError: the recordings do not have what the task asks for.
        """
        if self.cut is None:
            raise ConfigError(
                f"task {self.name!r}",
                got="long recordings",
                wanted="how they are cut",
                todo="Give the task a table 'cut' of windows or beats.",
            )
        texts = [
            [value for value in one.values if isinstance(value, str)]
            for one in self.groupings[self.classes]
        ]
        if isinstance(self.cut, Windows):
            texts = [[one for one in names if one != self.cut.background] for names in texts]
        return cut(recordings, self.cut, [names for names in texts if names])

    def groups(self, signals: SignalSet, first: int = 0) -> np.ndarray:
        """str [n], the unit that a split must keep together.

        Args:
            signals: the records.
            first: the number of the first of them, where each record is a unit of its own and
                others were asked about before.

        Raises:
            LeakageError: the unit is the subject and the source does not name its subjects.
            DataError: the unit is the block and the records have no times.
        """
        if self.unit == "recording":
            return signals.recording
        if self.unit == "record":
            return np.arange(first, first + len(signals)).astype(np.str_)
        if self.unit == "block":
            return self._blocks(signals)
        if signals.subject is None:
            raise LeakageError(
                f"task {self.name!r}",
                got="signals whose subjects are not named",
                wanted="subjects, the declared unit of splitting",
                todo="Set unit=recording, and say in the report that subjects may be shared.",
            )
        return signals.subject

    def _blocks(self, signals: SignalSet) -> np.ndarray:
        if signals.onset is None:
            raise DataError(
                f"task {self.name!r}",
                got="records without times",
                wanted="times, where blocks of a recording are kept whole",
                todo="Set task.unit=recording.",
            )
        number = np.floor(signals.onset / self.block).astype(np.int64).astype(np.str_)
        return np.char.add(np.char.add(signals.recording, "/"), number)

    @property
    def split_note(self) -> str:
        """What must be said of figures whose parts share recordings; empty where they do not."""
        if self.unit == "block":
            return (
                f"Parts are blocks of {self.block:g} s of the same recordings: nothing is shown "
                "about new recordings or people."
            )
        if self.unit == "record":
            return (
                "THIS SPLIT LEAKS: records of one recording stand in several parts, and the model "
                "is judged on recordings that it has learnt from. For comparison alone."
            )
        return ""

    @classmethod
    def parse(cls, declaration: Mapping[str, Any]) -> SignalDeclaration:
        """Reads what a ``task.yaml`` says.

        Raises:
            ConfigError: an unknown key, a wrong type or a choice that is not offered.
        """
        return checked(cls, declaration, f"task {declaration.get('name', '')}".rstrip())
