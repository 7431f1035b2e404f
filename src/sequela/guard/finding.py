"""What a check found: passed, suspect or failed, in words that name no patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sequela.errors import LeakageError

__all__ = ["Finding", "failed", "passed", "refuse", "suspected"]

_Status = Literal["pass", "suspect", "fail"]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Args:
        check: its name, the same in every version ("single_features").
        status: ``pass``; ``suspect``, which somebody who knows the data must judge; or ``fail``,
            which cannot be right.
        found: what was seen: counts, shares and the names of codes of enough subjects, never a
            subject and never a value.
        todo: what to do about it; nothing where it passed.
        details: the same as rows of plain data, for machines.
    """

    check: str
    status: _Status
    found: str
    todo: str = ""
    details: tuple[Mapping[str, Any], ...] = ()

    @property
    def title(self) -> str:
        """The check in words."""
        return self.check.replace("_", " ")

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {
            "check": self.check,
            "status": self.status,
            "found": self.found,
            "todo": self.todo,
            "details": [dict(row) for row in self.details],
        }


def passed(check: str, found: str) -> Finding:
    """Nothing was found."""
    return Finding(check, "pass", found)


def suspected(
    check: str, found: str, todo: str, details: Iterable[Mapping[str, Any]] = ()
) -> Finding:
    """Something must be judged by somebody who knows the data."""
    return Finding(check, "suspect", found, todo, tuple(details))


def failed(check: str, found: str, todo: str, details: Iterable[Mapping[str, Any]] = ()) -> Finding:
    """Something cannot be right."""
    return Finding(check, "fail", found, todo, tuple(details))


def refuse(findings: Iterable[Finding], *, strict: bool = False) -> None:
    """Passes where nothing failed.

    Args:
        findings: of the checks.
        strict: suspects count as failures.

    Raises:
        LeakageError: how many, and what the first of them is.
    """
    wrong = ("fail", "suspect") if strict else ("fail",)
    caught = [one for status in wrong for one in findings if one.status == status]
    if caught:
        first = caught[0]
        more = f" (and {len(caught) - 1} more)" if len(caught) > 1 else ""
        raise LeakageError(
            f"check '{first.title}'{more}", got=first.found.rstrip("."), todo=first.todo or None
        )
