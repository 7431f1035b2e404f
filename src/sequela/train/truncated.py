"""Truncated back-propagation as a way to train: a batch piece by piece, the state carried over.

Every ``k1`` steps the weights change, by a gradient that passes the last ``k2`` steps (Williams and
Peng, Neural Computation 2 (1990) 490: "BPTT(h; h')" with h = k2 and h' = k1). The state of each
subject goes on from piece to piece, so that the forward pass is that of the whole sequence, and the
memory is that of ``k2`` steps however long it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from sequela.batches import Batch
from sequela.errors import ConfigError
from sequela.train.each import Opaque, Span

__all__ = ["check_truncation", "piece_losses"]


def check_truncation(model: nn.Module, k1: int | None, devices: int) -> None:
    """Refuses what cannot be trained in pieces.

    Args:
        model: needs ``piece(batch, state, loss, start=, begin=, lengths=)``.
        k1: of the settings; None for whole sequences.
        devices: of the settings.

    Raises:
        ConfigError: the model has no such pieces, or there is more than one device.
    """
    if k1 is None:
        return
    if not callable(getattr(model, "piece", None)):
        raise ConfigError(
            "setting 'k1' of training",
            got=f"a model of the kind {type(model).__name__}",
            wanted="one that reads forward and has a loss at each step",
            todo="Leave k1 out, or take recipe lstm_deep_supervision.",
        )
    if devices > 1:
        # Each process would have another number of pieces, and they would wait for ever.
        raise ConfigError("setting 'k1' of training", got=f"{devices} devices", wanted="one")


def _detached(state: Any) -> Any:
    return state.detach() if isinstance(state, Tensor) else tuple(map(_detached, state))


def piece_losses(
    forward: Callable[..., Any], batch: Batch, k1: int, k2: int | None
) -> Iterator[Tensor]:
    """The losses ``[B]`` of each piece, in order of time; their sum is the loss of each sequence.

    The steps before a piece that its gradient passes are computed again with the weights of now,
    from the state that was reached back then.

    Args:
        forward: :class:`~sequela.train.each.Losses`.
        batch: whole sequences.
        k1: steps of a piece.
        k2: steps that a gradient passes, a multiple of k1; k1 by default.
    """
    before = (k2 or k1) - k1
    lengths = batch.lengths.to(batch.target.device)
    states: dict[int, Any] = {0: None}
    for begin in range(0, max(1, len(batch.steps.batch_sizes)), k1):
        start = max(0, begin - before)
        states = {place: state for place, state in states.items() if place >= start}
        cut = batch.cut(start, begin + k1)
        losses, state = forward(Opaque(cut), Span(states[start], start, begin, lengths))
        states[begin + k1] = _detached(state)
        yield losses
