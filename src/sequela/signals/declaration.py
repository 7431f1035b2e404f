"""What a task on signals declares: the classes, and the unit that must not be split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from sequela.errors import LabelError, LeakageError
from sequela.settings import checked
from sequela.signals.records import SignalSet

__all__ = ["SignalClass", "SignalDeclaration"]


class SignalClass(BaseModel):
    """One class: its name and the source's label values that belong to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    values: tuple[int, ...] = Field(min_length=1)


class SignalDeclaration(BaseModel):
    """A classification task on a :class:`~sequela.signals.records.SignalSet`.

    ``groupings`` holds one list of classes for each number of classes on offer; ``classes`` picks
    one. With two classes the second is the positive one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["signal"] = "signal"
    name: str
    title: str
    description: str = ""
    unit: Literal["recording", "subject"] = "recording"
    groupings: dict[int, tuple[SignalClass, ...]]
    classes: int = Field(default=2, validate_default=True)

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
        for index, one in enumerate(self.groupings[self.classes]):
            target[np.isin(signals.label, one.values)] = index
        unknown = np.flatnonzero(target < 0)
        if len(unknown):
            values = sorted(value for one in self.groupings[self.classes] for value in one.values)
            raise LabelError(
                f"labels for task {self.name!r}",
                got=f"{len(unknown)} records with another value, the first is record {unknown[0]}",
                wanted=f"one of {', '.join(map(str, values))}",
            )
        return target == 1 if self.classes == 2 else target

    def groups(self, signals: SignalSet) -> np.ndarray:
        """str [n], the unit that a split must keep together.

        Raises:
            LeakageError: the unit is the subject and the source does not name its subjects.
        """
        if self.unit == "recording":
            return signals.recording
        if signals.subject is None:
            raise LeakageError(
                f"task {self.name!r}",
                got="signals whose subjects are not named",
                wanted="subjects, the declared unit of splitting",
                todo="Set unit=recording, and say in the report that subjects may be shared.",
            )
        return signals.subject

    @classmethod
    def parse(cls, declaration: Mapping[str, Any]) -> SignalDeclaration:
        """Reads what a ``task.yaml`` says.

        Raises:
            ConfigError: an unknown key, a wrong type or a choice that is not offered.
        """
        return checked(cls, declaration, f"task {declaration.get('name', '')}".rstrip())
