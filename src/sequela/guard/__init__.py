"""Leakage: whether anything that a model is shown tells what it is asked."""

from __future__ import annotations

from sequela.guard.check import check, quick_check, time_machine
from sequela.guard.finding import Finding, refuse
from sequela.guard.fitted import fitted_on_training

__all__ = ["Finding", "check", "fitted_on_training", "quick_check", "refuse", "time_machine"]
