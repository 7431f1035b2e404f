"""What ours and torch's have in common: both are modules of PyTorch with the same arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from engine_parts.problem import Problem, checksum, valid

KINDS = {"rnn_tanh": "RNN", "lstm": "LSTM", "gru_after": "GRU", "gru_before": "GRU"}
Prepared = tuple[Callable[[], Any], Callable[[], list[float]]]


def start(threads: int) -> None:
    """Sets the number of threads."""
    torch.set_num_threads(threads)


def load(layer: torch.nn.Module, problem: Problem, suffix: str = "_l0") -> None:
    """Gives a layer or cell the problem's weights, in the layer's own type."""
    names = {"weight_ih": "w_ih", "weight_hh": "w_hh", "bias_ih": "b_ih", "bias_hh": "b_hh"}
    given = {f"{key}{suffix}": torch.from_numpy(getattr(problem, n)) for key, n in names.items()}
    layer.load_state_dict(given)


def prepare_step(cell: torch.nn.Module, problem: Problem) -> Prepared:
    """One call of a cell on one row, from a state that is not zero."""
    load(cell, problem, "")
    cell.requires_grad_(False)  # as a model that is served, and no context to enter at each step
    x = torch.from_numpy(problem.x[:, 0])
    state = torch.full((1, problem.case.H), 0.1)
    given = (state, state) if problem.case.cell == "lstm" else state

    def work() -> Any:
        return cell(x, given)

    def result() -> list[float]:
        output = work()
        return checksum((output[0] if problem.case.cell == "lstm" else output).numpy())

    return work, result


def prepare_stepper(layer: Any, problem: Problem) -> Prepared:
    """One call of a layer's stepper, which keeps the state; the first is that of a cell."""
    load(layer, problem)
    stepper = layer.stepper()
    x = torch.from_numpy(problem.x[:, 0])
    state = torch.full((1, 1, problem.case.H), 0.1)

    def work() -> Any:
        return stepper(x)

    def result() -> list[float]:
        stepper.state = (state, state) if problem.case.cell == "lstm" else state
        return checksum(work().numpy())

    return work, result


def prepare_layer(
    layer: torch.nn.Module, problem: Problem, takes_lengths: bool, dtype: torch.dtype
) -> Prepared:
    """A whole layer; ``takes_lengths`` when it has ``lengths=``, otherwise data are packed."""
    load(layer, problem)
    x = torch.from_numpy(problem.x).to(dtype)
    lengths = torch.from_numpy(problem.lengths)
    ragged = problem.case.lengths not in ("dense", "packed")
    data: Any = x
    if problem.case.lengths == "packed":
        data = pack_padded_sequence(x, lengths, batch_first=True)
    values = data.data if isinstance(data, PackedSequence) else data
    if problem.case.mode == "training":
        values.requires_grad_()

    def call() -> Any:
        if not ragged:
            return layer(data)[0]
        if takes_lengths:
            return layer(data, lengths=lengths)[0]
        packed = pack_padded_sequence(data, lengths, batch_first=True)
        return pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=x.shape[1])[0]

    def forward() -> Any:
        with torch.no_grad():
            return call()

    def training() -> Any:
        for part in (values, *layer.parameters()):
            part.grad = None
        output = call()
        output = output[0] if isinstance(output, PackedSequence) else output
        output.sum().backward()
        return output

    work = training if problem.case.mode == "training" else forward

    def result() -> list[float]:
        output = work()
        if isinstance(output, PackedSequence):
            output = output.data
        output = output.detach().float().numpy()
        if output.ndim == 3:
            output = np.where(valid(problem)[..., None], output, 0)
        gradient = layer.weight_hh_l0.grad
        return checksum(output, None if gradient is None else gradient.float().numpy())

    return work, result
