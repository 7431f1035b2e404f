"""A stack of layers fed step by step: what arrives now is computed now, as the whole call would.

For streams that must not wait for their end, and may have none. Where the native library computes
(:func:`sequela.ops.explain`), the outputs have the bits of one call over the whole sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sequela.errors import ConfigError
from sequela.nn.checks import dtype_phrase
from sequela.ops.recurrent import run
from sequela.ops.step import quick_stack

__all__ = ["Stepper"]

_FIELDS = ("w_ih", "w_hh", "b_ih", "b_hh")


class Stepper:
    """Carries the state of ``batch`` streams through a recurrent layer, one step at each call.

    Made by ``layer.stepper(batch)``. Steppers of one layer share its packed weights, so that many
    streams cost a state each. They follow the layer's weights: a change counts from the next step
    on (a write past torch's operators, through ``.data`` or NumPy: see :mod:`sequela.ops.step`).
    One stepper is for one thread at a time; several may step at once.

    Args:
        layer: a :class:`sequela.nn.RNN`, ``LSTM`` or ``GRU`` with one direction. Its options hold
            as in a call; only the output is returned, whatever ``return_all_states`` says.
        batch: B.

    Raises:
        ConfigError: the layer has two directions or runs backwards, which a stream cannot; or
            ``batch`` is not a positive whole number.
    """

    def __init__(self, layer: Any, batch: int = 1):
        if layer.bidirectional or layer.go_backwards:
            got = "two directions" if layer.bidirectional else "go_backwards=True"
            raise ConfigError(
                "stepper", got=got, wanted="one direction, forward", todo="A stream has no end."
            )
        if not isinstance(batch, int) or isinstance(batch, bool) or batch < 1:
            raise ConfigError("batch of the stepper", got=repr(batch), wanted="1 or more")
        self.layer, self.batch = layer, batch
        self._shape = (batch, layer.input_size)
        self._names = [tuple(names.get(field, "") for field in _FIELDS) for names in layer._names]
        weight = getattr(layer, layer._names[0]["w_hh"])
        self._dtype = weight.dtype
        with torch.inference_mode(False):  # what is made in it could be written in it alone
            self._state = [
                [weight.new_zeros(batch, width).detach() for width in layer._state_widths()]
                for _ in range(layer.num_layers)
            ]

    @property
    def state(self) -> Any:
        """A copy of the state as the layer's ``hx``: ``[layers, B, H]``, for the LSTM (h, c).

        It can be set likewise.
        """
        parts = tuple(torch.stack(part) for part in zip(*self._state, strict=True))
        return parts if len(parts) > 1 else parts[0]

    @state.setter
    def state(self, hx: Tensor | Sequence[Tensor]) -> None:
        parts = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        wanted = [[len(self._state), *part.shape] for part in self._state[0]]
        got = [list(part.shape) for part in parts]
        if got != wanted:
            raise RuntimeError(f"Expected state sizes {wanted}, got {got}")
        for part in parts:
            if part.dtype != self._dtype:
                raise RuntimeError(dtype_phrase("state", part.dtype, self._dtype))
        for index, layer in enumerate(self._state):
            for to, part in zip(layer, parts, strict=True):
                to.copy_(part[index].detach())

    def reset(self, rows: Any = None) -> None:
        """Sets the state to zero before the next step.

        Args:
            rows: which streams: a bool tensor ``[B]``, indices or a slice; None for all.
        """
        for layer in self._state:
            for part in layer:
                part[slice(None) if rows is None else rows] = 0

    def __call__(self, x: Tensor) -> Tensor:
        """The output ``[B, H]`` (with a projection ``[B, P]``) of one step, without gradients.

        Args:
            x: ``[B, D]``.

        Raises:
            RuntimeError: the input does not fit, or wants a gradient.
            ConfigError: the layer is in training and would draw random numbers.
        """
        layer = self.layer
        if (
            x.shape != self._shape
            or x.dtype is not self._dtype
            or x.requires_grad
            or layer.training
        ):
            self._check(x)
        if layer._is_plain_cell:
            own = layer._parameters
            try:
                weights = [[own[name] if name else None for name in row] for row in self._names]
            except KeyError:  # parametrized: each is computed anew when it is asked for
                return self._slowly(x)
            output = quick_stack(layer._cell, x, self._state, weights, layer._packings)
            if output is not None:
                return output
        return self._slowly(x)

    def _check(self, x: Tensor) -> None:
        layer = self.layer
        if x.shape != self._shape:
            raise RuntimeError(
                f"Expected input size [{self.batch}, {layer.input_size}] of one step, "
                f"got {list(x.shape)}"
            )
        if x.dtype != self._dtype and not torch._C._is_any_autocast_enabled():
            raise RuntimeError(dtype_phrase("input", x.dtype, self._dtype))
        if x.requires_grad and torch.is_grad_enabled():
            raise RuntimeError("a stepper computes without gradients, and the input wants one")
        if layer.training and (layer.dropout or layer.recurrent_dropout or any(layer.zoneout)):
            raise ConfigError(
                "stepper",
                got="a layer in training that draws random numbers",
                todo="Call layer.eval().",
            )

    @torch.no_grad()
    def _slowly(self, x: Tensor) -> Tensor:
        """The same through the operator of whole layers, which has every option."""
        layer = self.layer
        finals = []
        for index in range(layer.num_layers):
            start = tuple(self._state[index])
            keep = tuple(rate or None for rate in layer.zoneout)
            weights = layer._weights(index)
            result = run(layer._cell, x, [self.batch], start, weights, keep=keep)
            finals.append(result.final)
            x = result.output
        # Only now, so that a layer that refuses leaves no layer below it a step ahead.
        for layer_state, final in zip(self._state, finals, strict=True):
            for to, part in zip(layer_state, final, strict=True):
                to.copy_(part)
        return x
