"""RNN, LSTM and GRU: ``torch.nn``'s layers, and what torch lacks.

They take torch's arguments in torch's order, keep its ``state_dict`` keys and its initial weights
under the same seed, and return what it returns; so replacing the import is enough. Beyond torch,
everything is keyword-only.

Shapes: input ``[T, B, D]``, or ``[B, T, D]`` with ``batch_first``, ``[T, D]`` without a batch, or a
``PackedSequence`` (also one with rows of length 0: ``sorted_indices`` is then longer than
``batch_sizes[0]``). Output as the input with ``directions * P`` features; final states
``[layers * directions, B, P]`` (c: ``H``), where ``P`` is ``proj_size`` or ``hidden_size``.

Options of the constructors:

- ``merge``: two directions side by side ("concat", the default, as torch), or their "sum", "mean"
  or "mul" (product), after every layer, so that deeper ``weight_ih`` narrow; None returns the pair
  (deeper layers see both side by side). Final states are never merged.
- ``return_sequences``: False returns ``[B, features]``, each direction's last processed valid step;
  a row of length 0 returns its initial state.
- ``return_all_states``: appends a named tuple of every state and gate, each
  ``[layers * directions, <as the input>, width]``; gates are zero at masked steps.
- ``go_backwards``: from the last valid step to the first; the output keeps the input's time order.
- ``zoneout``: the probability that a unit keeps its previous state (Krueger 2017), for the LSTM
  also a pair (h, c); in evaluation the expectation.
- ``recurrent_dropout``: masks h inside the recurrent product only, one mask per sequence, scaled
  by 1/(1-p) (Gal 2016; Semeniuta 2016); in training only.
- ``layer_norm``: normalises the input product, the recurrent product and the cell (Ba 2016).
- ``masked_output``: what ``mask=`` leaves at a masked step, "repeat" the previous output or "zero".
- ``initialisation``: "torch", "orthogonal", "forget_gate_bias", "identity", or several of them.

Options of the calls:

- ``lengths``: ``[B]``, any order, any device, zeros allowed; outputs beyond a length are zero.
- ``mask``: bool, shaped as the input without its features, any holes; a masked step holds the state
  and repeats the output of the step processed before it (before the first: the initial state).
- ``reset``: bool, the same shape; true sets the state to zero before that step. In the reverse
  direction the segments are the same ones.

Under autocast the results have torch's types, with one exception: torch's LSTM on the CPU returns
bfloat16 for a dense input but float32 for a ``PackedSequence``; here it is bfloat16 for both.

``torch.compile(fullgraph=True)`` and ``torch.export`` pass through every call but one with
``reset``, with any number of sequences and steps, where our kernels compute it;
``torch.jit.trace`` passes at its number of steps. ``docs/guides/torch.md`` says more.

Errors are torch's type and begin with torch's phrase; those about our own options are
``ConfigError`` (a ``ValueError``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from sequela.nn.base import RecurrentLayer
from sequela.nn.checks import hidden_pair

__all__ = ["GRU", "LSTM", "RNN", "GRUStates", "LSTMStates", "RNNStates"]


class RNNStates(NamedTuple):
    """Every state of an RNN, ``[layers * directions, <as the input>, H]``."""

    h: Tensor


class LSTMStates(NamedTuple):
    """Every state and gate of an LSTM, ``[layers * directions, <as the input>, H]`` (h: ``P``)."""

    h: Tensor
    c: Tensor
    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor


class GRUStates(NamedTuple):
    """Every state and gate of a GRU, ``[layers * directions, <as the input>, H]``."""

    h: Tensor
    r: Tensor
    z: Tensor
    n: Tensor


def _without_projection(options: dict[str, Any]) -> None:
    if "proj_size" in options:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RecurrentLayer):
    """The simple recurrent layer, as ``torch.nn.RNN``; equations in :mod:`sequela.cells.rnn`.

    Args:
        input_size: D.
        hidden_size: H.
        num_layers: layers on top of each other.
        nonlinearity: "tanh", "relu" or (beyond torch) "sigmoid".
        bias: whether there are ``b_ih`` and ``b_hh``.
        batch_first: input and output ``[B, T, ...]`` instead of ``[T, B, ...]``.
        dropout: on the outputs of every layer but the last, in training.
        bidirectional: a second set of weights reads from the end.
        device: of the parameters.
        dtype: of the parameters.
        options: keyword-only, see the module: merge, return_sequences, return_all_states,
            go_backwards, zoneout, recurrent_dropout, layer_norm, masked_output, initialisation.

    Raises:
        ValueError: an argument is out of range (ConfigError for our own options).
        TypeError: an argument is of the wrong type.
    """

    _states_type = RNNStates

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **options: Any,
    ):
        _without_projection(options)
        if nonlinearity not in ("tanh", "relu", "sigmoid"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. "
                "Select from 'tanh' or 'relu'. Beyond torch there is 'sigmoid'"
            )
        self.nonlinearity = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            f"rnn_{nonlinearity}",
            (input_size, hidden_size, num_layers),
            bias,
            batch_first,
            dropout,
            bidirectional,
            0,
            device,
            dtype,
            **options,
        )

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | None = None,
        *,
        lengths: Any = None,
        mask: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> Any:
        """Returns ``(output, h_n)``; with ``return_all_states`` also :class:`RNNStates`."""
        given = None if hx is None else (hx,)
        output, (h_n,), states = self._forward(input, given, lengths, mask, reset)
        return (output, h_n) if states is None else (output, h_n, states)


class LSTM(RecurrentLayer):
    """Long short-term memory, as ``torch.nn.LSTM``; equations in :mod:`sequela.cells.lstm`.

    Args:
        input_size: D.
        hidden_size: H.
        num_layers: layers on top of each other.
        bias: whether there are ``b_ih`` and ``b_hh``.
        batch_first: input and output ``[B, T, ...]`` instead of ``[T, B, ...]``.
        dropout: on the outputs of every layer but the last, in training.
        bidirectional: a second set of weights reads from the end.
        proj_size: width of the projected h; 0 for no projection (Sak 2014).
        device: of the parameters.
        dtype: of the parameters.
        peephole: gates see the cell state through ``weight_peephole_l0`` ``[3, H]``, rows i f o
            (Gers 2002).
        options: keyword-only, see the module: merge, return_sequences, return_all_states,
            go_backwards, zoneout, recurrent_dropout, layer_norm, masked_output, initialisation.

    Raises:
        ValueError: an argument is out of range (ConfigError for our own options).
        TypeError: an argument is of the wrong type.
    """

    _states_type = LSTMStates
    _hidden_names = "hx and cx"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        peephole: bool = False,
        **options: Any,
    ):
        super().__init__(
            "LSTM",
            "lstm",
            (input_size, hidden_size, num_layers),
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
            peephole=peephole,
            **options,
        )

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: tuple[Tensor, Tensor] | None = None,
        *,
        lengths: Any = None,
        mask: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> Any:
        """Returns ``(output, (h_n, c_n))``; with ``return_all_states`` also :class:`LSTMStates`."""
        given = None if hx is None else hidden_pair(hx, input)
        output, (h_n, c_n), states = self._forward(input, given, lengths, mask, reset)
        return (output, (h_n, c_n)) if states is None else (output, (h_n, c_n), states)


class GRU(RecurrentLayer):
    """Gated recurrent unit, as ``torch.nn.GRU``.

    Equations in :mod:`sequela.cells.gru_after` and :mod:`sequela.cells.gru_before`.

    Args:
        input_size: D.
        hidden_size: H.
        num_layers: layers on top of each other.
        bias: whether there are ``b_ih`` and ``b_hh``.
        batch_first: input and output ``[B, T, ...]`` instead of ``[T, B, ...]``.
        dropout: on the outputs of every layer but the last, in training.
        bidirectional: a second set of weights reads from the end.
        device: of the parameters.
        dtype: of the parameters.
        reset_after: True for torch's form, False for the textbook's (Cho 2014 v3), which torch
            and cuDNN lack. The parameters have the same names and shapes.
        options: keyword-only, see the module: merge, return_sequences, return_all_states,
            go_backwards, zoneout, recurrent_dropout, layer_norm, masked_output, initialisation.

    Raises:
        ValueError: an argument is out of range (ConfigError for our own options).
        TypeError: an argument is of the wrong type.
    """

    _states_type = GRUStates

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        reset_after: bool = True,
        **options: Any,
    ):
        _without_projection(options)
        self.reset_after = reset_after
        super().__init__(
            "GRU",
            "gru_after" if reset_after else "gru_before",
            (input_size, hidden_size, num_layers),
            bias,
            batch_first,
            dropout,
            bidirectional,
            0,
            device,
            dtype,
            **options,
        )

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | None = None,
        *,
        lengths: Any = None,
        mask: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> Any:
        """Returns ``(output, h_n)``; with ``return_all_states`` also :class:`GRUStates`."""
        given = None if hx is None else (hx,)
        output, (h_n,), states = self._forward(input, given, lengths, mask, reset)
        return (output, h_n) if states is None else (output, h_n, states)

    def extra_repr(self) -> str:
        """Torch's, then what goes beyond torch."""
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")
