"""Experiments: model, training and evaluation of one application, as data.

A ``task.yaml`` says which patients and which labels; an experiment says what is done with them.
Built-in experiments are the YAML files in this folder; a user's own file is named by its path.
"""

from __future__ import annotations

from sequela.experiments.experiment import (
    EvaluationSettings,
    Experiment,
    InteractionSettings,
    SplitSettings,
    load,
    names,
)

__all__ = [
    "EvaluationSettings",
    "Experiment",
    "InteractionSettings",
    "SplitSettings",
    "load",
    "names",
]
