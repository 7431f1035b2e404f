"""Layers: recurrent ones that replace ``torch.nn``'s, with what torch lacks."""

from __future__ import annotations

from sequela.nn import stream
from sequela.nn.attention import AdditiveAttention, LocationAttention, MultiplicativeAttention
from sequela.nn.cells import GRUCell, LSTMCell, RNNCell
from sequela.nn.convert import flip_update_gate, from_concatenated, from_transposed
from sequela.nn.crf import CRF, legal_tags
from sequela.nn.decoder import Decoder
from sequela.nn.embed import CodeBag, DecayedValues
from sequela.nn.encoder import Encoder
from sequela.nn.heads import Classify, Head, PerStep, Pool, Regress
from sequela.nn.keras import from_keras
from sequela.nn.linear import Linear
from sequela.nn.onnx import from_onnx, from_onnx_node, to_onnx
from sequela.nn.outcomes import Count, Hazards, MultiLabel, Quantiles
from sequela.nn.recurrent import GRU, LSTM, RNN, GRUStates, LSTMStates, RNNStates
from sequela.nn.search import beam_search
from sequela.nn.stepper import Stepper
from sequela.nn.timed import DecayGRU, TimeLSTM
from sequela.nn.torch_layers import accelerate, from_torch, to_torch

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "RNN",
    "AdditiveAttention",
    "Classify",
    "CodeBag",
    "Count",
    "DecayGRU",
    "DecayedValues",
    "Decoder",
    "Encoder",
    "GRUCell",
    "GRUStates",
    "Hazards",
    "Head",
    "LSTMCell",
    "LSTMStates",
    "Linear",
    "LocationAttention",
    "MultiLabel",
    "MultiplicativeAttention",
    "PerStep",
    "Pool",
    "Quantiles",
    "RNNCell",
    "RNNStates",
    "Regress",
    "Stepper",
    "TimeLSTM",
    "accelerate",
    "beam_search",
    "flip_update_gate",
    "from_concatenated",
    "from_keras",
    "from_onnx",
    "from_onnx_node",
    "from_torch",
    "from_transposed",
    "legal_tags",
    "stream",
    "to_onnx",
    "to_torch",
]
