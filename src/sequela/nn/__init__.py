"""Layers: recurrent ones that replace ``torch.nn``'s, with what torch lacks."""

from __future__ import annotations

from sequela.nn.cells import GRUCell, LSTMCell, RNNCell
from sequela.nn.convert import flip_update_gate, from_concatenated, from_transposed
from sequela.nn.embed import CodeBag
from sequela.nn.heads import Classify, Head, PerStep, Pool, Regress
from sequela.nn.recurrent import GRU, LSTM, RNN, GRUStates, LSTMStates, RNNStates

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Classify",
    "CodeBag",
    "GRUCell",
    "GRUStates",
    "Head",
    "LSTMCell",
    "LSTMStates",
    "PerStep",
    "Pool",
    "RNNCell",
    "RNNStates",
    "Regress",
    "flip_update_gate",
    "from_concatenated",
    "from_transposed",
]
