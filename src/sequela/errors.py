"""The exceptions of the whole house.

    SequelaError
    ├── DataError (ValueError)            the data are not what they should be
    │   ├── SchemaError                   columns missing, extra or of the wrong type
    │   ├── LabelError                    labels missing, unknown, or a class absent
    │   │   └── CohortError               too few subjects or cases are left of a cohort
    │   └── LeakageError                  something of one part is seen in another
    ├── ConfigError (ValueError)          an unknown key, a wrong type, a value out of range
    ├── BundleError (ValueError)          a bundle, checkpoint or model file is damaged
    ├── OutputError (OSError)             something could not be written
    ├── TrainingError (RuntimeError)      training cannot go on (a loss that is not finite)
    ├── Interrupted (RuntimeError)        stopped on request, the state is saved
    └── MissingDependencyError (ImportError)   an extra is not installed

A message names the thing, what was found, what was wanted and what to do about it, in one line. It
never holds a value of a patient: columns, files, row numbers, counts and types only.
"""

from __future__ import annotations

import difflib
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "BundleError",
    "CohortError",
    "ConfigError",
    "DataError",
    "Interrupted",
    "LabelError",
    "LeakageError",
    "MissingDependencyError",
    "OutputError",
    "SchemaError",
    "SequelaError",
    "TrainingError",
    "install_line",
    "nearest",
    "nearest_column",
]


class SequelaError(Exception):
    """Base of every error that Sequela raises on purpose.

    Args:
        what: the thing that is wrong, by name ("column 'X17' of data.csv").
        got: what was found there, never a patient's value ("text in row 12").
        wanted: what would have been right ("a number").
        todo: what the user can do now ("Remove the row or fill the gap.").
    """

    def __init__(
        self, what: str, *, got: object = None, wanted: object = None, todo: str | None = None
    ):
        self.what, self.got, self.wanted, self.todo = what, got, wanted, todo
        found = [f"got {got}"] if got is not None else []
        found += [f"wanted {wanted}"] if wanted is not None else []
        text = f"{what}: {', '.join(found)}" if found else what
        super().__init__(f"{text.rstrip('.')}. {todo}" if todo else text)


class DataError(SequelaError, ValueError):
    """The data are not what they should be."""


class SchemaError(DataError):
    """Columns are missing, extra or of the wrong type."""


class LabelError(DataError):
    """Labels are missing or unknown, or a class is absent where it is needed."""


class CohortError(LabelError):
    """Too few subjects or cases are left of a cohort.

    Args:
        what: as in :class:`SequelaError`, like ``got``, ``wanted`` and ``todo``.
        attrition: the steps that left them out, as :class:`sequela.cohort.Cohort` has them.
    """

    def __init__(
        self,
        what: str,
        *,
        got: object = None,
        wanted: object = None,
        todo: str | None = None,
        attrition: Sequence[Mapping[str, object]] = (),
    ):
        super().__init__(what, got=got, wanted=wanted, todo=todo)
        self.attrition = tuple(attrition)


class LeakageError(DataError):
    """Something of one part (training, tuning, held out) is seen in another."""


class ConfigError(SequelaError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class BundleError(SequelaError, ValueError):
    """A bundle, checkpoint or model file is damaged, incomplete or does not fit."""


class OutputError(SequelaError, OSError):
    """Something could not be written."""


class TrainingError(SequelaError, RuntimeError):
    """Training cannot go on."""


class Interrupted(SequelaError, RuntimeError):
    """Work was stopped on request; what was done is saved."""


class MissingDependencyError(SequelaError, ImportError):
    """An optional dependency is not installed; the message holds the install line."""


def install_line(extra: str | None = None) -> str:
    """The command that installs this package's needs, or an extra's, where it runs now.

    With the Python that runs, not with whatever ``pip`` is on the path: the environment of a clone
    (``make demo``) has none. Sequela itself is there already, so that no index is asked for it.
    """
    python = shlex.quote(sys.executable or "python3")
    package = f"'sequela[{extra}]'" if extra else "sequela"
    return f"{python} -m pip install {package}"


def nearest(name: str, known: Iterable[str]) -> str:
    """What to do about an unknown name: the nearest known one, or all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'?" if close else f"Known are: {', '.join(known)}."


def nearest_column(name: str, columns: Iterable[str]) -> str:
    """What to do about a column that a user's table lacks: the nearest of its own, or a hint.

    The columns are never listed: in a table without a line of names they are a patient's values.
    """
    close = difflib.get_close_matches(name, sorted(columns), n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    return "The names of the columns stand in the first line; correct them, or the name asked for."
