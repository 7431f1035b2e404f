"""Simulated data with a known truth, in the same shapes as real data."""

from __future__ import annotations

from sequela.simulate.cohort import (
    INTERACTIONS_FILE,
    MAP_FILE,
    TRUTH_FILE,
    cohort,
    expected_auroc,
    true_risk,
)
from sequela.simulate.visits import VISITS_FILE, NextVisits, next_visits, visits
from sequela.simulate.wards import CHANCES_FILE, prescriptions, true_chances

__all__ = [
    "CHANCES_FILE",
    "INTERACTIONS_FILE",
    "MAP_FILE",
    "TRUTH_FILE",
    "VISITS_FILE",
    "NextVisits",
    "cohort",
    "expected_auroc",
    "next_visits",
    "prescriptions",
    "true_chances",
    "true_risk",
    "visits",
]
