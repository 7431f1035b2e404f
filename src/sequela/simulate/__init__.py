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

__all__ = [
    "INTERACTIONS_FILE",
    "MAP_FILE",
    "TRUTH_FILE",
    "cohort",
    "expected_auroc",
    "true_risk",
]
