"""Where gradients go over 200 steps, what is learned there, and an explosion clipped and not.

    python benchmarks/gradients.py

One thread. Writes benchmarks/results/gradients.json and the figures of docs/guides/gradients.md;
`make docs` writes the guide's tables from the JSON.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from sequela import diagnostics
from sequela.diagnostics import Learned, gradient_flow, hold_for, recurrent_weights, verdict
from sequela.files import atomic_write
from sequela.nn import GRU, LSTM, RNN
from sequela.train.provenance import commit, machine, versions

ROOT = Path(__file__).resolve().parent.parent
T, H = 200, 32
NAMES = {"rnn": "RNN (tanh)", "gru": "GRU", "lstm": "LSTM"}
ADDING = {"steps": 1000, "hidden_size": 32}
COPY = {"length": 1, "symbols": 4, "steps": 1500, "hidden_size": 64}
CELLS = {"rnn": RNN, "gru": GRU, "lstm": LSTM}
CLIPS = {
    "not clipped": None,
    "by norm, 0.3": lambda weights: clip_grad_norm_(weights, 0.3),
    "by value, 0.003": lambda weights: clip_grad_value_(weights, 0.003),
}


def flows(layers: dict[str, torch.nn.Module], x: torch.Tensor) -> dict[str, Any]:
    """The flow of each layer by its name in the figure."""
    return {NAMES[cell]: gradient_flow(layer, x) for cell, layer in layers.items()}


def fresh(hold: float | None) -> dict[str, torch.nn.Module]:
    """The three layers before training: torch's weights, or orthogonal with gates that hold."""
    torch.manual_seed(0)
    options = {} if hold is None else {"initialisation": "orthogonal"}
    layers = {cell: kind(2, H, **options) for cell, kind in CELLS.items()}
    for layer in layers.values():
        if hold is not None:
            hold_for(layer, hold)
    return layers


def holding(layer: torch.nn.Module) -> None:
    """Gates that hold for up to twice the distance; nothing for an RNN."""
    hold_for(layer, 2 * T)


def holding_longer(layer: torch.nn.Module) -> None:
    """For the LSTM and the copy memory: up to five times, with input gates open a little."""
    hold_for(layer, 5 * T, input_bias=-2.0)


def learned(task: str, function: Any, **sizes: Any) -> tuple[dict[str, Any], dict[str, Learned]]:
    """One task with every cell: what goes into the JSON, and the results themselves."""
    rows, results = {}, {}
    for cell in NAMES:
        start = time.process_time()
        prepare = holding_longer if (task, cell) == ("copy", "lstm") else holding
        found = results[cell] = function(cell, delay=T, prepare=prepare, **sizes)
        rows[cell] = {
            "loss": found.loss,
            "without_memory": found.without_memory,
            "right": found.right,
            "seconds": round(time.process_time() - start, 1),
        }
        print(task, cell, rows[cell], flush=True)
    return {"sizes": sizes, "cells": rows}, results


def described(found: dict[str, Any], layers: dict[str, torch.nn.Module]) -> dict[str, Any]:
    """The verdict in words and the spectral radius of every gate."""
    return {
        cell: {
            "verdict": verdict(found[NAMES[cell]]),
            "radius": {row.gate: round(row.radius, 3) for row in recurrent_weights(layer)},
        }
        for cell, layer in layers.items()
    }


def explosion() -> tuple[dict[str, Any], dict[str, list[float]]]:
    """The planted explosion without and with clipping."""
    rows, lines = {}, {}
    for name, clip in CLIPS.items():
        found = diagnostics.exploding_training(clip)
        finite = [loss for loss in found.losses if math.isfinite(loss)]
        lines[name] = finite
        rows[name] = {
            "steps": len(found.losses),
            "finite": math.isfinite(found.norms[-1]),
            "first_loss": found.losses[0],
            "first_norm": found.norms[0],
            "last_loss": statistics.median(finite[-100:]) if len(finite) > 100 else None,
        }
        print("explosion", name, rows[name], flush=True)
    return rows, lines


def main() -> None:
    """Measures everything and writes the JSON and the figures."""
    torch.set_num_threads(1)
    source = commit()  # before the figures, which change the checkout
    adding, results = learned("adding", diagnostics.learn_adding, **ADDING)
    copy, copies = learned("copy", diagnostics.learn_copy, **COPY)
    x = diagnostics.adding_problem(32, T, seed=1).x
    stages = {
        "torch's initial weights": fresh(None),
        "gates that hold 400 steps": fresh(2 * T),
        "after learning to add": {cell: found.layer for cell, found in results.items()},
    }
    measured = {stage: flows(layers, x) for stage, layers in stages.items()}
    exploded, lines = explosion()
    images = ROOT / "docs" / "images"
    diagnostics.save(diagnostics.flow_figure(measured), images / "gradient_flow.png")
    curves = {
        "adding problem, T = 200": smoothed(results),
        "copy memory, T = 200": smoothed(copies),
    }
    figure = diagnostics.training_figure(curves, "loss (squared error; nats a step)")
    diagnostics.save(figure, images / "long_memory.png")
    figure = diagnostics.training_figure({"planted explosion": lines}, "loss (squared error)")
    diagnostics.save(figure, images / "explosion.png")
    result = {
        "flow": {stage: described(measured[stage], stages[stage]) for stage in stages},
        "adding": adding,
        "copy": copy,
        "explosion": exploded,
        "threads": 1,
        "machine": machine(),
        "versions": versions(),
        "commit": source,
    }
    place = ROOT / "benchmarks" / "results" / "gradients.json"
    atomic_write(place, json.dumps(result, indent=2) + "\n")


def smoothed(results: dict[str, Learned]) -> dict[str, list[float]]:
    """Means over 20 steps, so that three lines in one panel can be told apart."""
    return {
        NAMES[cell]: [
            statistics.fmean(found.losses[max(0, k - 19) : k + 1]) for k in range(len(found.losses))
        ]
        for cell, found in results.items()
    }


if __name__ == "__main__":
    main()
