"""Instruments that look into recurrent layers and change nothing."""

from __future__ import annotations

from sequela.diagnostics.gradient_flow import (
    Flow,
    ParameterNorms,
    RecurrentWeight,
    direct_path,
    gradient_flow,
    parameter_norms,
    recurrent_weights,
    verdict,
)

__all__ = [
    "Flow",
    "ParameterNorms",
    "RecurrentWeight",
    "direct_path",
    "gradient_flow",
    "parameter_norms",
    "recurrent_weights",
    "verdict",
]
