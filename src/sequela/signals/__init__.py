"""Sampled waveforms: long recordings, records cut from them, features, what a task declares."""

from __future__ import annotations

from sequela.signals.composing import Canvas, Compose, Joined, Moving, composed
from sequela.signals.cutting import Beats, Cut, Windows, cut
from sequela.signals.declaration import SignalClass, SignalDeclaration
from sequela.signals.described import DescribedDeclaration
from sequela.signals.features import (
    BANDS,
    QUANTILES,
    features,
    plain_features,
    standard_deviation,
)
from sequela.signals.recordings import Annotation, Channel, Recording, RecordingSet
from sequela.signals.records import SignalSet

__all__ = [
    "BANDS",
    "QUANTILES",
    "Annotation",
    "Beats",
    "Canvas",
    "Channel",
    "Compose",
    "Cut",
    "DescribedDeclaration",
    "Joined",
    "Moving",
    "Recording",
    "RecordingSet",
    "SignalClass",
    "SignalDeclaration",
    "SignalSet",
    "Windows",
    "composed",
    "cut",
    "features",
    "plain_features",
    "standard_deviation",
]
