"""Layers: recurrent ones that replace ``torch.nn``'s, with what torch lacks."""

from __future__ import annotations

from sequela.nn.recurrent import GRU, LSTM, RNN, GRUStates, LSTMStates, RNNStates

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "GRUStates",
    "LSTMStates",
    "RNNStates",
]
