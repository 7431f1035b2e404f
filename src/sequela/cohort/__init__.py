"""The cohort: who is predicted, when, from what, and what came of it."""

from __future__ import annotations

from sequela.cohort.bounds import Bound, Window
from sequela.cohort.build import build_cohort, parse_declaration
from sequela.cohort.codes import CodeSet
from sequela.cohort.conditions import Condition, Episodes, Index, Matching
from sequela.cohort.declaration import IndexRule, OnsetDeclaration
from sequela.cohort.engine import Cohort, left_out
from sequela.cohort.given import windows_of
from sequela.cohort.grammar import CohortDeclaration
from sequela.cohort.observations import Observations, observation_events, observations
from sequela.cohort.subgroups import subgroups
from sequela.cohort.write import write_cohort

__all__ = [
    "Bound",
    "CodeSet",
    "Cohort",
    "CohortDeclaration",
    "Condition",
    "Episodes",
    "Index",
    "IndexRule",
    "Matching",
    "Observations",
    "OnsetDeclaration",
    "Window",
    "build_cohort",
    "left_out",
    "observation_events",
    "observations",
    "parse_declaration",
    "subgroups",
    "windows_of",
    "write_cohort",
]
