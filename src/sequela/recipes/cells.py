"""Recurrent layers by the name that a settings file gives their cell."""

from __future__ import annotations

from typing import Any, Literal

from sequela.nn import GRU, LSTM, RNN

__all__ = ["CellName", "recurrent"]

#: "gru" resets after the product (torch's form), "gru_before" before it (the textbook's).
CellName = Literal["gru", "gru_before", "lstm", "rnn"]

_LAYERS: dict[str, Any] = {"gru": GRU, "gru_before": GRU, "lstm": LSTM, "rnn": RNN}


def recurrent(
    cell: CellName,
    input_size: int,
    hidden_size: int,
    layers: int,
    dropout: float,
    *,
    bidirectional: bool = False,
) -> Any:
    """Stacked layers of a cell.

    Args:
        cell: its name.
        input_size: D.
        hidden_size: H.
        layers: on top of each other.
        dropout: in training, between them.
        bidirectional: in both directions, side by side.
    """
    extra = {"reset_after": False} if cell == "gru_before" else {}
    # torch warns about dropout between layers where there is only one.
    between = dropout if layers > 1 else 0.0
    extra |= {"bidirectional": bidirectional, "dropout": between}
    return _LAYERS[cell](input_size, hidden_size, num_layers=layers, **extra)
