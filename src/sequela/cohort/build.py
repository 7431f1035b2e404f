"""From a declaration of either kind to a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sequela.cohort.aces import from_aces
from sequela.cohort.declaration import OnsetDeclaration
from sequela.cohort.engine import Cohort, carry_out
from sequela.cohort.grammar import CohortDeclaration
from sequela.errors import ConfigError, nearest
from sequela.events import EventData

__all__ = ["build_cohort", "parse_declaration"]

_KINDS: dict[str, type[CohortDeclaration] | type[OnsetDeclaration]] = {
    "cohort": CohortDeclaration,
    "onset": OnsetDeclaration,
}


def parse_declaration(values: Mapping[str, Any]) -> CohortDeclaration | OnsetDeclaration:
    """A declaration from plain data; ``kind`` says which, ``onset`` where it says nothing.

    ``aces`` is a task file of ACES, translated by :func:`sequela.cohort.aces.from_aces`.

    Raises:
        ConfigError: no such kind, or a wrong key or value.
    """
    kind = values.get("kind", "onset")
    if kind == "aces":
        content = {key: value for key, value in values.items() if key not in ("kind", "name")}
        return CohortDeclaration.parse(from_aces(content, str(values.get("name", "aces"))))
    if kind not in _KINDS:
        what = f"setting 'kind' of task {values.get('name', '')}".rstrip()
        raise ConfigError(what, got=repr(kind)[:80], todo=nearest(str(kind), [*_KINDS, "aces"]))
    return _KINDS[kind].parse(values)


def build_cohort(
    data: EventData,
    declaration: CohortDeclaration | OnsetDeclaration | Mapping[str, Any],
    *,
    known: bool = True,
) -> Cohort:
    """Finds and labels the samples of a task on events.

    All times are those at which events became known. An event without a date lies before all
    others: an outcome without one is prevalent, since it cannot be shown to be new.

    Args:
        data: the data set, streamed.
        declaration: of the task; a mapping is parsed.
        known: the outcome is known, as in training and evaluation. False is for prediction: nobody
            is left out for what happens after the index date, whose index date lies beyond the
            newest event is left out, and the labels have no value.

    Raises:
        ConfigError: the declaration is wrong.
        DataError: the data are damaged, or no subject is left.
    """
    if isinstance(declaration, Mapping):
        declaration = parse_declaration(declaration)
    if isinstance(declaration, CohortDeclaration):
        return carry_out(data, declaration, known=known)
    found = carry_out(data, declaration.general(), known=known)
    return replace(found, description=declaration.describe())
