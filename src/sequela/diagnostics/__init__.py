"""Instruments that look into recurrent layers and change nothing, and experiments with them."""

from __future__ import annotations

from sequela.diagnostics.experiments import (
    Learned,
    Steps,
    exploding_training,
    hold_for,
    learn_adding,
    learn_copy,
)
from sequela.diagnostics.figure import flow_figure, save, training_figure
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
from sequela.diagnostics.memory_horizon import Horizon, memory_horizon
from sequela.diagnostics.tasks import TaskBatch, adding_problem, copy_memory, score_without_memory

__all__ = [
    "Flow",
    "Horizon",
    "Learned",
    "ParameterNorms",
    "RecurrentWeight",
    "Steps",
    "TaskBatch",
    "adding_problem",
    "copy_memory",
    "direct_path",
    "exploding_training",
    "flow_figure",
    "gradient_flow",
    "hold_for",
    "learn_adding",
    "learn_copy",
    "memory_horizon",
    "parameter_norms",
    "recurrent_weights",
    "save",
    "score_without_memory",
    "training_figure",
    "verdict",
]
