"""The aten backend: torch's own kernels, where they compute the same thing.

Every block of constant batch size is one dense call. Measured for training with 256 rows of 5 to
40 steps and H = 64 on one core: 21 ms for a GRU and 28 ms for an LSTM, against 30 and 38 ms with
torch's packed kernels (whose backward is quadratic in the steps) and 31 and 45 ms padded; with
lengths of a heavy tail up to 400 steps the LSTM takes 29 ms against 99 and 248.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import _VF, Tensor
from torch.autograd import forward_ad

from sequela.ops.call import Call, Facts, Result
from sequela.ops.walk import walk

__all__ = ["objection", "run"]

_KERNELS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "rnn_tanh": _VF.rnn_tanh,
    "rnn_relu": _VF.rnn_relu,
    "lstm": _VF.lstm,
    "gru_after": _VF.gru,
}


def objection(facts: Facts) -> str | None:
    """Why torch's kernels do not compute this call, or None when they do."""
    if facts.cell not in _KERNELS:
        return f"torch has no {facts.cell} kernel"
    for name in ("peephole", "layer_norm", "recurrent_dropout", "zoneout"):
        if getattr(facts, name):
            return f"torch's kernels have no {name.replace('_', ' ')}"
    if facts.cell == "lstm" and forward_ad._current_level >= 0:
        return "torch's LSTM kernel has no forward-mode derivative"
    if facts.given:
        return "torch's kernels multiply the input themselves"
    if facts.everything:
        return "torch's kernels return only h at every step"
    return None


def run(call: Call) -> Result:
    """Computes a call with at least one step; see :func:`sequela.ops.recurrent.run`."""
    kernel = _KERNELS[call.cell.name]
    weights = call.weights
    given = (weights.w_ih, weights.w_hh, weights.b_ih, weights.b_hh, weights.w_hr)
    flat = [weight for weight in given if weight is not None]
    is_lstm = call.cell.name == "lstm"

    def block(streams, state, mask):
        state = [part.unsqueeze(0) for part in state]
        # layers, dropout, train (keeps what the backward needs), bidirectional, batch_first
        options = (weights.b_ih is not None, 1, 0.0, torch.is_grad_enabled(), False, False)
        output, *final = kernel(streams[0], state if is_lstm else state[0], flat, *options)
        return (output,), tuple(part.squeeze(0) for part in final)

    (output,), final = walk(call, (call.data,), block)
    return Result(output, final, {})
