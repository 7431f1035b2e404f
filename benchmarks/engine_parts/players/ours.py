"""Sequela's own layers, where its native kernels compute them."""

from __future__ import annotations

from typing import Any

import torch

from engine_parts.players import Unsupported
from engine_parts.players.torch_layers import (
    KINDS,
    Prepared,
    prepare_layer,
    prepare_step,
    prepare_stepper,
    start,
)
from engine_parts.problem import Problem
from sequela import __version__, nn, ops

__all__ = ["prepare", "start", "versions"]


def versions() -> dict[str, str]:
    """The version that ran."""
    return {"sequela": __version__}


def prepare(problem: Problem, threads: int) -> Prepared:
    """The layer or the cell, loaded."""
    case = problem.case
    options: dict[str, Any] = {"reset_after": False} if case.cell == "gru_before" else {}
    dtype = getattr(torch, case.dtype)
    chosen = ops.explain(case.cell, dtype=dtype).partition(": ")[2]
    if not chosen.startswith("native"):
        raise Unsupported(chosen.partition("native not: ")[2].partition(";")[0] or chosen)
    if case.mode == "step":
        if case.cell == "gru_before":
            raise Unsupported("GRUCell is torch's, which has no reset-before form")
        return prepare_step(getattr(nn, f"{KINDS[case.cell]}Cell")(case.D, case.H), problem)
    layer = getattr(nn, KINDS[case.cell])(case.D, case.H, batch_first=True, **options).to(dtype)
    if case.mode == "stepper":
        return prepare_stepper(layer, problem)
    return prepare_layer(layer, problem, True, dtype)
