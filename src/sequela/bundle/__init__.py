"""The model on disk: safetensors, JSON and a checksum of every file; no pickle."""

from __future__ import annotations

from sequela.bundle.bundle import FORMAT, Bundle, load, save
from sequela.bundle.card import card_text
from sequela.bundle.manifest import (
    MANIFEST,
    DamagedError,
    parse_json,
    read_verified,
    write_verified,
)

__all__ = [
    "FORMAT",
    "MANIFEST",
    "Bundle",
    "DamagedError",
    "card_text",
    "load",
    "parse_json",
    "read_verified",
    "save",
    "write_verified",
]
