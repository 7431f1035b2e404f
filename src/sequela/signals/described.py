"""What a task on signals with texts declares: the text of each record is to be written."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from sequela.signals.composing import Compose

__all__ = ["DescribedDeclaration"]


class DescribedDeclaration(BaseModel):
    """A task on a :class:`~sequela.signals.records.SignalSet` whose labels are texts.

    ``compose`` says how the records of each part are put together, and their texts; without it they
    are taken as they come. Parts keep recordings whole.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["described"] = "described"
    name: str
    title: str
    description: str = ""
    compose: Compose | None = None
