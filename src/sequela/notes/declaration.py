"""What a task on whole texts declares: the classes, and what becomes of repeated texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from sequela.errors import LabelError
from sequela.notes.texts import LabelledText, text_key
from sequela.settings import checked

__all__ = ["Classified", "TextClass", "TextDeclaration"]

_SEVERAL = "several"
#: A text of several parts stays in the one that judges: it must not be learnt from.
_LEARNT_LAST: dict[str | None, int] = {"held_out": 0, "tuning": 1}


class TextClass(BaseModel):
    """One class: its name and the source's labels that belong to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    values: tuple[int | str, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Classified:
    """Texts that are each there once, and their classes.

    Args:
        texts: in the order of the source.
        target: int64 [n], the class of each.
        classes: their names.
        attrition: how many were left out at which step, as cohorts have it.
    """

    texts: tuple[LabelledText, ...] = field(repr=False)
    target: np.ndarray
    classes: tuple[str, ...]
    attrition: list[dict[str, Any]]


class TextDeclaration(BaseModel):
    """A classification task on labelled texts.

    ``classes`` are all labels as they come, in alphabetical order, where nothing is said; with two
    the second is the positive one. A text that stands there several times counts once (letter case
    and white space do not tell texts apart). Where it stands with several classes, ``several`` says
    what becomes of it: "drop" leaves it out, "pool" makes a class of all such texts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["text"] = "text"
    name: str
    title: str
    description: str = ""
    classes: tuple[TextClass, ...] | None = None
    several: Literal["drop", "pool"] = "drop"

    @field_validator("classes")
    @classmethod
    def _are_told_apart(cls, classes: tuple[TextClass, ...] | None) -> tuple[TextClass, ...] | None:
        values = [str(value) for one in classes or () for value in one.values]
        names = [one.name for one in classes or ()]
        if len(set(values)) < len(values) or len(set(names)) < len(names):
            raise ValueError("each name and each label in one class only")
        if classes is not None and len(classes) < 2:
            raise ValueError("two classes or more")
        return classes

    def classified(self, texts: Iterable[LabelledText]) -> Classified:
        """The texts to learn from and to be judged by.

        Raises:
            LabelError: a text without a label, a label that no class names, or one class only.
        """
        found = list(texts)
        number, names = self._numbers(found)
        held: dict[str, set[int]] = {}
        first: dict[str, LabelledText] = {}
        for one in found:
            key = text_key(one.text)
            held.setdefault(key, set()).add(number[str(one.label)])
            if key not in first or _LEARNT_LAST.get(one.part, 2) < _LEARNT_LAST.get(
                first[key].part, 2
            ):
                first[key] = one
        several = [key for key, classes in held.items() if len(classes) > 1]
        pooled = self.several == "pool" and bool(several)
        kept = [key for key, classes in held.items() if pooled or len(classes) == 1]
        target = [len(names) if len(held[key]) > 1 else min(held[key]) for key in kept]
        what = "pooled as a class" if pooled else "left out"
        return Classified(
            tuple(first[key] for key in kept),
            np.array(target, dtype=np.int64),
            (*names, _SEVERAL) if pooled else names,
            _attrition(len(found), len(held), len(kept), f"of several classes: {what}"),
        )

    def class_numbers(self, texts: Iterable[LabelledText], classes: Iterable[str]) -> np.ndarray:
        """int64 [n], the class of each text among those of a finished model.

        Raises:
            LabelError: a text without a label, or of a class that the model does not know.
        """
        found, known = list(texts), list(classes)
        number, names = self._numbers(found, known)
        places = [known.index(name) if name in known else -1 for name in names]
        target = np.array([places[number[str(one.label)]] for one in found], dtype=np.int64)
        if (target < 0).any():
            raise LabelError(
                f"labels for task {self.name!r}",
                got=f"{int((target < 0).sum())} texts of a class that the model does not know",
                wanted=f"one of {', '.join(known)}",
            )
        return target

    def _numbers(
        self, texts: list[LabelledText], usual: Iterable[str] = ()
    ) -> tuple[dict[str, int], tuple[str, ...]]:
        """The class of each label, and the names of the classes."""
        missing = sum(one.label is None for one in texts)
        if missing:
            raise LabelError(
                f"task {self.name!r}",
                got=f"{missing} texts without a label",
                wanted="one for each",
                todo="A tab parts text and label on a line; of a table, reading.label names them.",
            )
        labels = Counter(str(one.label) for one in texts)
        if self.classes is None:
            names = tuple(sorted({*labels, *usual}))
            number = {label: place for place, label in enumerate(names)}
        else:
            names = tuple(one.name for one in self.classes)
            values = [map(str, one.values) for one in self.classes]
            number = {value: place for place, few in enumerate(values) for value in few}
        unknown = sum(count for label, count in labels.items() if label not in number)
        if unknown or len(names) < 2:
            raise LabelError(
                f"labels for task {self.name!r}",
                got=f"{unknown} texts of another label" if unknown else "one class only",
                wanted=f"one of {', '.join(number)}" if unknown else "two or more",
            )
        return number, names

    @classmethod
    def parse(cls, declaration: Mapping[str, Any]) -> TextDeclaration:
        """Reads what a ``task.yaml`` says.

        Raises:
            ConfigError: an unknown key, a wrong type or a choice that is not offered.
        """
        return checked(cls, declaration, f"task {declaration.get('name', '')}".rstrip())


def _attrition(read: int, distinct: int, kept: int, what: str) -> list[dict[str, Any]]:
    return [
        {"step": "texts in the files", "subjects": read, "excluded": 0},
        {"step": "each text once", "subjects": distinct, "excluded": read - distinct},
        {"step": what, "subjects": kept, "excluded": distinct - kept},
    ]
