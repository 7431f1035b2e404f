"""RNNCell, LSTMCell and GRUCell: one step, as ``torch.nn``'s.

Input ``[B, D]`` or ``[D]``, state ``[B, H]`` or ``[H]`` (zeros when absent), parameters
``weight_ih``, ``weight_hh``, ``bias_ih`` and ``bias_hh`` with torch's shapes and initial values.
Weights that do not fit are an error; torch's LSTMCell reads beyond their end.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from sequela.cells import CELLS, CellWeights
from sequela.nn.checks import dtype_phrase
from sequela.ops.step import Packing, quick_step, run_step

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _Cell(nn.Module):
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self, cell: str, input_size: int, hidden_size: int, bias: bool, device: Any, dtype: Any
    ):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self._packing = Packing()
        rows = CELLS[cell].gate_count * hidden_size
        factory = {"device": device, "dtype": dtype}
        self.weight_ih = nn.Parameter(torch.empty((rows, input_size), **factory))
        self.weight_hh = nn.Parameter(torch.empty((rows, hidden_size), **factory))
        for name in ("bias_ih", "bias_hh"):
            parameter = nn.Parameter(torch.empty(rows, **factory)) if bias else None
            self.register_parameter(name, parameter)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights, uniform in +-1/sqrt(H) as torch does."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """As torch's."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")

    def _step(
        self, cell: str, input: Tensor, hx: tuple[Tensor, ...] | None, names: tuple[str, ...]
    ) -> tuple[Tensor, ...]:
        own = self._parameters
        try:
            given = own["weight_ih"], own["weight_hh"], own["bias_ih"], own["bias_hh"]
        except KeyError:  # parametrized: each is computed anew when it is asked for
            given = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        quick = quick_step(cell, input, hx, given, self._packing)
        if quick is not None:
            return quick
        kind = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{kind}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for name, part in () if hx is None else zip(names, hx, strict=True):
            if part.dim() not in (1, 2):
                raise ValueError(
                    f"{kind}: Expected {name} to be 1D or 2D, got {part.dim()}D instead"
                )
        batched = input.dim() == 2
        x = input if batched else input[None]
        if hx is None:
            zeros = x.new_zeros(x.shape[0], self.hidden_size)
            state = (zeros,) * len(names)
        else:
            state = hx if batched else tuple(part[None] for part in hx)
        self._check(x, state)
        weights = CellWeights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        result = run_step(cell, x, state, weights, self._packing)
        return result if batched else tuple(part[0] for part in result)

    def _check(self, x: Tensor, state: tuple[Tensor, ...]) -> None:
        if x.shape[1] != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}"
            )
        for index, part in enumerate(state):
            if part.shape[0] != x.shape[0] or part.dim() != 2:
                raise RuntimeError(
                    f"Input batch size {x.shape[0]} doesn't match hidden{index} batch size "
                    f"{part.shape[0]}"
                )
            if part.shape[1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{index} has inconsistent hidden_size: got {part.shape[1]}, "
                    f"expected {self.hidden_size}"
                )
        if torch._C._is_any_autocast_enabled():
            return
        for what, part in (("input", x), *(("hx", part) for part in state)):
            if part.dtype != self.weight_hh.dtype:
                raise RuntimeError(dtype_phrase(what, part.dtype, self.weight_hh.dtype))


class RNNCell(_Cell):
    """One step of the simple cell, as ``torch.nn.RNNCell``; see :mod:`sequela.cells.rnn`.

    Args:
        input_size: D.
        hidden_size: H.
        bias: whether there are ``bias_ih`` and ``bias_hh``.
        nonlinearity: "tanh", "relu" or (beyond torch) "sigmoid".
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        RuntimeError: at a call: the nonlinearity is unknown, or something does not fit.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__("rnn_tanh", input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The new h."""
        if self.nonlinearity not in ("tanh", "relu", "sigmoid"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        state = None if hx is None else (hx,)
        return self._step(f"rnn_{self.nonlinearity}", input, state, ("hidden",))[0]

    def extra_repr(self) -> str:
        """As torch's."""
        shown = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + shown


class LSTMCell(_Cell):
    """One step of the LSTM, as ``torch.nn.LSTMCell``; see :mod:`sequela.cells.lstm`.

    Args:
        input_size: D.
        hidden_size: H.
        bias: whether there are ``bias_ih`` and ``bias_hh``.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        RuntimeError: at a call: something does not fit.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__("lstm", input_size, hidden_size, bias, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """The new h and c; as in torch, ``hx`` may be one tensor only without a batch."""
        state = hx
        if hx is not None and not (type(hx) is tuple and len(hx) == 2):
            if len(hx) != 2:
                raise RuntimeError("lstm_cell expects two hidden states")
            if isinstance(hx, Tensor) and hx.dim() == 3:
                raise TypeError(
                    "lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not Tensor"
                )
            state = (hx[0], hx[1])
        h, c = self._step("lstm", input, state, ("hx[0]", "hx[1]"))
        return h, c


class GRUCell(_Cell):
    """One step of the GRU, as ``torch.nn.GRUCell``.

    Equations in :mod:`sequela.cells.gru_after` and :mod:`sequela.cells.gru_before`.

    Args:
        input_size: D.
        hidden_size: H.
        bias: whether there are ``bias_ih`` and ``bias_hh``.
        device: of the parameters.
        dtype: of the parameters.
        reset_after: True for torch's form, False for the textbook's (Cho 2014 v3).

    Raises:
        RuntimeError: at a call: something does not fit.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        reset_after: bool = True,
    ):
        super().__init__("gru_after", input_size, hidden_size, bias, device, dtype)
        self.reset_after = reset_after

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The new h."""
        cell = "gru_after" if self.reset_after else "gru_before"
        state = None if hx is None else (hx,)
        return self._step(cell, input, state, ("hidden",))[0]

    def extra_repr(self) -> str:
        """As torch's, then what goes beyond torch."""
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")
