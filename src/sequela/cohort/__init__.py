"""The cohort: who is predicted, when, from what, and what came of it."""

from __future__ import annotations

from sequela.cohort.codes import CodeSet
from sequela.cohort.declaration import IndexRule, OnsetDeclaration
from sequela.cohort.history import observation_events
from sequela.cohort.onset import Cohort, build_cohort
from sequela.cohort.subgroups import subgroups

__all__ = [
    "CodeSet",
    "Cohort",
    "IndexRule",
    "OnsetDeclaration",
    "build_cohort",
    "observation_events",
    "subgroups",
]
