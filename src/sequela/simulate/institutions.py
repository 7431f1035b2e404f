"""Two simulated institutions: the same disease, other patients, other words.

What a history means is the law of :mod:`sequela.simulate.disease` in both. The second treats sicker
patients (more of them carry the chronic conditions, and the hazard is higher), and it writes a part
of the codes in another system, as a hospital does that never left ICD-9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["INSTITUTIONS", "Institution"]

_ICD9 = {
    "I10": "401.9",
    "I25.10": "414.01",
    "E11.9": "250.00",
    "E11.65": "250.02",
    "N18.30": "585.3",
    "I20.0": "411.1",
    "J06.9": "465.9",
    "M54.50": "724.2",
    "K21.9": "530.81",
    "E78.5": "272.4",
    "F41.9": "300.00",
    "M19.90": "715.90",
    "R51.9": "784.0",
    "E03.9": "244.9",
    "N39.0": "599.0",
    "G47.00": "780.52",
    "F32.A": "311",
    "L30.9": "692.9",
    "R10.9": "789.00",
}
_LOCAL = {
    "CPT//99213": "LOCAL//VISIT20",
    "CPT//99214": "LOCAL//VISIT30",
    "CPT//36415": "LOCAL//DRAW",
}


@dataclass(frozen=True)
class Institution:
    """How an institution differs from the first.

    Args:
        title: added to the data set's name; "" for the first.
        coding: its own word for a code of :mod:`sequela.simulate.codes`; the others are shared.
        hazard: times that of the first.
        carriers: times the share of patients with each chronic condition.
    """

    title: str = ""
    coding: Mapping[str, str] = field(default_factory=dict)
    hazard: float = 1.0
    carriers: float = 1.0

    def local(self, code: str) -> str:
        """The institution's own word for a code."""
        return self.coding.get(code, code)


INSTITUTIONS = {
    "first": Institution(),
    "second": Institution(
        title=", second institution",
        coding={f"ICD10CM//{ten}": f"ICD9CM//{nine}" for ten, nine in _ICD9.items()} | _LOCAL,
        hazard=1.6,
        carriers=1.2,
    ),
}
