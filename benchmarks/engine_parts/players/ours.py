"""Sequela's own layers, on its native kernels and nothing else."""

from __future__ import annotations

from typing import Any

import torch

from engine_parts.players import Unsupported
from engine_parts.players.torch_layers import KINDS, Prepared, prepare_layer, prepare_step, start
from engine_parts.problem import Problem
from sequela import __version__, nn, ops
from sequela.errors import ConfigError

__all__ = ["prepare", "start", "versions"]


def versions() -> dict[str, str]:
    """The version that ran."""
    return {"sequela": __version__}


def prepare(problem: Problem, threads: int) -> Prepared:
    """The layer or the cell, loaded."""
    case = problem.case
    options: dict[str, Any] = {"reset_after": False} if case.cell == "gru_before" else {}
    dtype = getattr(torch, case.dtype)
    if case.mode == "step":
        if case.cell == "gru_before":
            raise Unsupported("GRUCell is torch's, which has no reset-before form")
        return prepare_step(getattr(nn, f"{KINDS[case.cell]}Cell")(case.D, case.H), problem)
    try:
        with ops.force("native"):
            ops.explain(case.cell, dtype=dtype)
    except ConfigError as error:
        raise Unsupported(error.got or "the native kernels cannot compute it") from None
    layer = getattr(nn, KINDS[case.cell])(case.D, case.H, batch_first=True, **options).to(dtype)
    work, result = prepare_layer(layer, problem, True, dtype)

    def native() -> Any:
        with ops.force("native"):
            return work()

    def checked() -> list[float]:
        with ops.force("native"):
            return result()

    return native, checked
