"""PyTorch's own layers; sequences of different lengths as a PackedSequence."""

from __future__ import annotations

import torch

from engine_parts.players import Unsupported
from engine_parts.players.torch_layers import KINDS, Prepared, prepare_layer, prepare_step, start
from engine_parts.problem import Problem

__all__ = ["prepare", "start", "versions"]


def versions() -> dict[str, str]:
    """The version that ran."""
    return {"torch": torch.__version__}


def prepare(problem: Problem, threads: int) -> Prepared:
    """The layer or the cell, loaded."""
    case = problem.case
    if case.cell == "gru_before":
        raise Unsupported("torch has no reset-before GRU")
    if case.is_step:
        return prepare_step(getattr(torch.nn, f"{KINDS[case.cell]}Cell")(case.D, case.H), problem)
    dtype = getattr(torch, case.dtype)
    layer = getattr(torch.nn, KINDS[case.cell])(case.D, case.H, batch_first=True).to(dtype)
    return prepare_layer(layer, problem, False, dtype)
