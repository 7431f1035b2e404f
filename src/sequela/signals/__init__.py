"""Sampled waveforms: records, hand-made features, and what a task on them declares."""

from __future__ import annotations

from sequela.signals.declaration import SignalClass, SignalDeclaration
from sequela.signals.features import BANDS, QUANTILES, features, standard_deviation
from sequela.signals.records import SignalSet

__all__ = [
    "BANDS",
    "QUANTILES",
    "SignalClass",
    "SignalDeclaration",
    "SignalSet",
    "features",
    "standard_deviation",
]
