"""Transfer: a model trained at one institution goes on learning at another."""

from __future__ import annotations

from sequela.transfer.run import transfer
from sequela.transfer.settings import CurveSettings, TransferSettings, load_settings
from sequela.transfer.vocabulary import Remapped, map_through, overlap, remapped
from sequela.transfer.weights import freeze, warm_start

__all__ = [
    "CurveSettings",
    "Remapped",
    "TransferSettings",
    "freeze",
    "load_settings",
    "map_through",
    "overlap",
    "remapped",
    "transfer",
    "warm_start",
]
