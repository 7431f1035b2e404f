"""De-identification: finding what identifies a patient in notes, and taking it out."""

from __future__ import annotations

from sequela.deid.found import Finder, Found, united
from sequela.deid.replace import MODES, WITHHELD, Cleaned, Replacer, clean
from sequela.deid.rules import RULES, Names, by_rules, find
from sequela.deid.run import Settings, Summary, deidentify

__all__ = [
    "MODES",
    "RULES",
    "WITHHELD",
    "Cleaned",
    "Finder",
    "Found",
    "Names",
    "Replacer",
    "Settings",
    "Summary",
    "by_rules",
    "clean",
    "deidentify",
    "find",
    "united",
]
