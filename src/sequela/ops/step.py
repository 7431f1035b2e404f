"""One step of one cell, for the layers that are called step by step."""

from __future__ import annotations

from collections.abc import Callable

from torch import _VF, Tensor

from sequela.cells import CELLS, CellWeights, input_product
from sequela.ops.backends import choose
from sequela.ops.call import Facts
from sequela.ops.recurrent import check_weights

__all__ = ["run_step"]

_KERNELS: dict[str, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    "rnn_tanh": _VF.rnn_tanh_cell,
    "rnn_relu": _VF.rnn_relu_cell,
    "lstm": _VF.lstm_cell,
    "gru_after": _VF.gru_cell,
}


def run_step(
    cell: str, x: Tensor, state: tuple[Tensor, ...], weights: CellWeights
) -> tuple[Tensor, ...]:
    """The state after one step.

    Args:
        cell: a name in :data:`sequela.cells.CELLS`.
        x: ``[B, D]``.
        state: the previous state, ``[B, H]`` each; checked by the caller.
        weights: w_ih, w_hh, b_ih and b_hh only.

    Raises:
        RuntimeError: a weight does not fit.
        ConfigError: a forced backend cannot compute the step.
    """
    row = CELLS[cell]
    size, hidden, _ = check_weights(row, weights)
    if x.shape[1] != size or state[0].shape[1] != hidden:
        raise RuntimeError(
            f"weights are for input size {size} and hidden size {hidden}, "
            f"got {x.shape[1]} and {state[0].shape[1]}"
        )
    name = choose(Facts(cell, x.device.type, x.dtype)).name
    if name == "reference" or cell not in _KERNELS:
        return tuple(row.step(input_product(x, weights), row.state(*state), weights)[0])
    result = _KERNELS[cell](x, state if cell == "lstm" else state[0], *weights[:4])
    return (result,) if isinstance(result, Tensor) else tuple(result)
