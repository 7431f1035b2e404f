"""The specification: every cell in plain PyTorch, one file of equations each.

Kernels are implementations of these files and are tested against them. A new cell is one file here
and one row of :data:`CELLS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sequela.cells import gru_after, gru_before, lstm, rnn
from sequela.cells.gru_after import GRUGates, GRUState
from sequela.cells.lstm import LSTMGates, LSTMState
from sequela.cells.rnn import RNNGates, RNNState
from sequela.cells.weights import CellWeights, input_product, zoneout

__all__ = [
    "CELLS",
    "Cell",
    "CellWeights",
    "GRUGates",
    "GRUState",
    "LSTMGates",
    "LSTMState",
    "RNNGates",
    "RNNState",
    "input_product",
    "zoneout",
]


class Cell(NamedTuple):
    """One row of the table of cells.

    Args:
        name: what backends and error messages call it.
        step: ``step(a_ih, state, weights, mask=None) -> (state, gates)``.
        state: the named tuple of what is carried.
        gates: the named tuple of what a step also computes.
        gate_count: G, the blocks of H rows in ``w_ih`` and ``w_hh``.
    """

    name: str
    step: Callable[..., tuple[Any, Any]]
    state: type
    gates: type
    gate_count: int


CELLS = {
    cell.name: cell
    for cell in (
        Cell("rnn_tanh", rnn.step_tanh, RNNState, RNNGates, 1),
        Cell("rnn_relu", rnn.step_relu, RNNState, RNNGates, 1),
        Cell("rnn_sigmoid", rnn.step_sigmoid, RNNState, RNNGates, 1),
        Cell("lstm", lstm.step, LSTMState, LSTMGates, 4),
        Cell("gru_after", gru_after.step, GRUState, GRUGates, 3),
        Cell("gru_before", gru_before.step, GRUState, GRUGates, 3),
    )
}
