"""The options beyond torch: what they may be, and how two directions are merged."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sequela.errors import ConfigError

__all__ = ["MERGES", "check_options", "merge_directions", "zoneout_rates"]

MERGES = ("concat", "sum", "mean", "mul", None)


def _rate(name: str, value: object) -> float:
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not 0 <= value < 1:  # pyrefly: ignore
        raise ConfigError(name, got=repr(value), wanted="a probability, at least 0 and below 1")
    return float(value)  # pyrefly: ignore


def zoneout_rates(zoneout: float | Sequence[float], states: Sequence[str]) -> tuple[float, ...]:
    """One probability for each part of the state; one number is meant for all.

    Raises:
        ConfigError: another number of probabilities, or one outside ``[0, 1)``.
    """
    rates = list(zoneout) if isinstance(zoneout, Sequence) else [zoneout] * len(states)
    if len(rates) != len(states):
        raise ConfigError(
            "zoneout",
            got=f"{len(rates)} values",
            wanted=f"one, or one for each of {', '.join(states)}",
        )
    return tuple(_rate("zoneout", rate) for rate in rates)


def check_options(layer: Any) -> None:
    """Refuses options of a wrong kind, and those that contradict each other.

    Raises:
        ConfigError: by name, with what was got and wanted.
    """
    if layer.merge not in MERGES:
        raise ConfigError("merge", got=repr(layer.merge), wanted=f"one of {MERGES}")
    if layer.masked_output not in ("repeat", "zero"):
        raise ConfigError(
            "masked_output", got=repr(layer.masked_output), wanted="'repeat' or 'zero'"
        )
    flags = ("peephole", "return_sequences", "return_all_states", "go_backwards", "layer_norm")
    for name in flags:
        value = getattr(layer, name)
        if not isinstance(value, bool):
            raise ConfigError(name, got=repr(value), wanted="True or False")
    if layer.peephole and layer.mode != "LSTM":
        raise ConfigError("peephole", got=type(layer).__name__, wanted="an LSTM: it looks at c")
    if layer.go_backwards and layer.bidirectional:
        raise ConfigError(
            "go_backwards",
            got="bidirectional=True beside it",
            wanted="one of the two",
            todo="A bidirectional layer already goes both ways.",
        )
    _rate("recurrent_dropout", layer.recurrent_dropout)


def merge_directions(outputs: list[Tensor], merge: str | None) -> Any:
    """The outputs ``[..., P]`` of one or two directions, merged; ``None`` gives the pair."""
    if len(outputs) == 1:
        return outputs[0]
    forward, backward = outputs
    if merge == "concat":
        return torch.cat(outputs, dim=-1)
    if merge == "sum":
        return forward + backward
    if merge == "mean":
        return (forward + backward) / 2
    if merge == "mul":
        return forward * backward
    return forward, backward
