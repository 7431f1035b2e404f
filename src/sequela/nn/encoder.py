"""An encoder: recurrent layers on top of each other, both ways and around each other if wanted."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.errors import ConfigError
from sequela.nn.ragged import repacked
from sequela.nn.recurrent import GRU

__all__ = ["Encoded", "Encoder"]


class Encoded(NamedTuple):
    """What an encoder makes of a sequence.

    Args:
        states: packed ``[N, directions * H]``, of the top layer.
        final: ``[B, directions * H]``, each direction's last h of the top layer, in batch order; a
            row of length 0 has zeros.
        carried: what each layer returned as its final state, for going on from there.
    """

    states: PackedSequence
    final: Tensor
    carried: tuple[Any, ...]


class Encoder(nn.Module):
    """Layers on top of each other: ``x_(l+1) = drop(layer_l(x_l)) (+ x_l)``.

    The sum is the residual connection of Prakash et al. 2016 (COLING) and Wu et al. 2016 (GNMT);
    it begins above the first layer, where the widths are the same.

    Args:
        input_size: D.
        hidden_size: H of each direction.
        layers: how many.
        kind: ``sequela.nn.GRU``, ``LSTM`` or ``RNN``.
        bidirectional: both directions side by side. Such an encoder sees what comes later.
        residual: add to each layer's output, but the first one's, what it read.
        dropout: in training, of the outputs of all layers but the last.
        options: of the layers, such as ``reset_after`` (no ``batch_first``: input is packed).

    Raises:
        ConfigError: fewer than one layer, or a dropout out of range.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        *,
        kind: type[nn.Module] = GRU,
        bidirectional: bool = False,
        residual: bool = False,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ConfigError("layers of an encoder", got=str(layers), wanted="at least 1")
        if not 0 <= dropout < 1:
            raise ConfigError("dropout of an encoder", got=str(dropout), wanted="from 0, below 1")
        self.residual, self.hidden_size = residual, hidden_size
        self.dropout = nn.Dropout(dropout)
        self.layers, width = nn.ModuleList(), input_size
        for _ in range(layers):
            layer: Any = kind(width, hidden_size, bidirectional=bidirectional, **options)
            self.layers.append(layer)
            width = layer.output_size  # directions may be added up, or projected
        self.output_size = width

    def forward(self, sequence: PackedSequence, hx: tuple[Any, ...] | None = None) -> Encoded:
        """The states of all steps and the last ones of all rows.

        Args:
            sequence: packed ``[N, D]``.
            hx: the initial state of each layer, as ``Encoded.carried`` has it; zeros by default.
        """
        x, carried = sequence, []
        for number, layer in enumerate(self.layers):
            if number:
                x = repacked(x, self.dropout(x.data))
            output, state = layer(x, None if hx is None else hx[number])
            if self.residual and number:
                output = repacked(output, output.data + x.data)
            x = output
            carried.append(state)
        h = carried[-1][0] if isinstance(carried[-1], tuple) else carried[-1]
        return Encoded(x, torch.cat(list(h), dim=1), tuple(carried))
