"""What the three recurrent layers share: parameters, options, layouts and the stack of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._compile import _disable_dynamo
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from sequela.cells import CELLS, CellWeights
from sequela.nn.arrange import arrange
from sequela.nn.at_once import at_once
from sequela.nn.checks import (
    check_constructor,
    check_hidden,
    check_hidden_dimensions,
    check_input,
)
from sequela.nn.layout import Layout, PackedLayout, rewrap
from sequela.nn.options import check_options, merge_directions, zoneout_rates
from sequela.nn.parameters import TORCH_FIELDS, draw_parameters, make_parameters
from sequela.nn.stepper import Stepper
from sequela.ops.masks import draw, draw_seed
from sequela.ops.recurrent import Result, run
from sequela.ops.stack import Stack
from sequela.ops.step import Packing

__all__ = ["RecurrentLayer"]


class _Pass(NamedTuple):
    """One layer in one direction: what it computed and the packed rows of its initial state."""

    result: Result
    start: tuple[Tensor, ...]
    reverse: bool


class RecurrentLayer(nn.Module):
    """Base of :class:`RNN`, :class:`LSTM` and :class:`GRU`; not to be used on its own."""

    _states_type: type
    _hidden_names = "hx"

    def __init__(
        self,
        mode: str,
        cell: str,
        sizes: tuple[int, int, int],
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        proj_size: int,
        device: Any,
        dtype: Any,
        **options: Any,
    ):
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = sizes
        check_constructor(*sizes, bias, batch_first, dropout, proj_size)
        self.mode = mode
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._cell = cell
        self._take_options(**options)
        self._packings = [Packing() for _ in range(self.num_layers)]
        self._stack = Stack()
        self._names = make_parameters(self, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def _take_options(
        self,
        *,
        peephole: bool = False,
        merge: str | None = "concat",
        return_sequences: bool = True,
        return_all_states: bool = False,
        go_backwards: bool = False,
        zoneout: float | Sequence[float] = 0.0,
        recurrent_dropout: float = 0.0,
        layer_norm: bool = False,
        masked_output: str = "repeat",
        initialisation: str | Sequence[str] = "torch",
    ) -> None:
        """What goes beyond torch; the docstring of ``nn.recurrent`` says what each option does."""
        self.peephole = peephole
        self.merge = merge
        self.return_sequences = return_sequences
        self.return_all_states = return_all_states
        self.go_backwards = go_backwards
        self.recurrent_dropout = recurrent_dropout
        self.layer_norm = layer_norm
        self.masked_output = masked_output
        self.initialisation = initialisation
        self.zoneout = zoneout_rates(zoneout, CELLS[self._cell].state._fields)
        check_options(self)

    # Parameters ---------------------------------------------------------------------------------

    @property
    def _width(self) -> int:
        return self.proj_size or self.hidden_size

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Features of the output (of each half of the pair with ``merge=None``)."""
        merged = self.bidirectional and self.merge == "concat"
        return self._width * (2 if merged else 1)

    def reset_parameters(self) -> None:
        """Draws new weights: torch's uniform distribution, then the named initialisations."""
        draw_parameters(self)

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """Torch's parameters of each layer and direction."""
        return [
            [getattr(self, name) for field, name in names.items() if field in TORCH_FIELDS]
            for names in self._names
        ]

    def flatten_parameters(self) -> None:
        """Does nothing; there so that code written for torch runs."""

    def _weight(self, name: str) -> Tensor:
        # Where it is registered; what replaced it (a parametrization) is an attribute.
        found = self._parameters.get(name)
        return getattr(self, name) if found is None else found

    def _weights(self, index: int) -> CellWeights:
        names = self._names[index]
        return CellWeights(**{field: self._weight(name) for field, name in names.items()})

    # Forward ------------------------------------------------------------------------------------

    def _forward(
        self,
        input: Tensor | PackedSequence,
        hx: tuple[Tensor, ...] | None,
        lengths: Any,
        mask: Tensor | None,
        reset: Tensor | None,
    ) -> tuple[Any, tuple[Tensor, ...], Any]:
        """Output, final states ``[layers * directions, B, ...]``, named states or None."""
        if reset is not None and torch.compiler.is_compiling():
            # A reset makes as many rows as the data say, which no tracer can know.
            return self._untraced(input, hx, lengths, mask, reset)
        packed, batched = None, True
        if isinstance(input, PackedSequence):
            packed, x = input, input.data
        else:
            x, hx, batched = self._batched(input, hx)
        check_input(x, self._weight(self._names[0]["w_ih"]), self.input_size, packed is not None)
        if packed is None:
            layout = arrange(x, batched, self.batch_first, lengths, mask, reset)
        elif lengths is None and mask is None and reset is None:
            layout = PackedLayout(packed)
        else:
            raise RuntimeError(
                "a PackedSequence carries its own lengths: got lengths=, mask= or reset= "
                "beside it. Give the padded tensor instead"
            )
        initial = self._initial(x, hx, layout)
        hold = mask is not None and self.masked_output == "repeat"
        data, states = layout.pack(x), None
        found = None if hold else at_once(self, data, initial, layout)
        if found is not None:
            output, final = found
        else:
            passes = self._run_layers(data, initial, layout)
            final = self._final(passes, layout)
            output = self._output(passes, layout, hold)
            states = self._states(passes, layout, hold) if self.return_all_states else None
        if packed is not None and self.return_sequences:
            output = rewrap(output, packed)
        elif not batched:
            output, final, states = self._unbatched(output, final, states)
        return output, final, states

    def from_products(self, products: PackedSequence) -> PackedSequence:
        """The output, where the products of the input with the first ``w_ih`` are known already.

        For layers of one direction without ``layer_norm`` that return the sequence alone.

        Args:
            products: ``[N, G*H]``, without ``b_ih``.
        """
        several = self.bidirectional or self.layer_norm or self.return_all_states
        assert not several, "the input has one plain product"
        assert self.return_sequences
        layout = PackedLayout(products)
        passes = self._run_layers(layout.pack(products.data), None, layout, given=True)
        return rewrap(self._output(passes, layout, False), products)

    # As torch.compiler.disable, which would load all of torch's compiler now.
    _untraced: Any = _disable_dynamo(_forward)

    def _batched(self, input: Tensor, hx: tuple[Tensor, ...] | None):
        if input.dim() not in (2, 3):
            kind = type(self).__name__
            tensor = " tensor" if kind == "RNN" else ""
            raise ValueError(
                f"{kind}: Expected input to be 2D or 3D, got {input.dim()}D{tensor} instead"
            )
        batched = input.dim() == 3
        if hx is not None:
            check_hidden_dimensions(self._hidden_names, batched, hx)
        if batched:
            return input, hx, True
        hx = None if hx is None else tuple(part.unsqueeze(1) for part in hx)
        return input.unsqueeze(0 if self.batch_first else 1), hx, False

    def _state_widths(self) -> tuple[int, ...]:
        width = self.proj_size or self.hidden_size
        return (width, self.hidden_size) if self._cell == "lstm" else (width,)

    def _initial(self, x: Tensor, hx: tuple[Tensor, ...] | None, layout: Layout):
        """The given states, checked; None for zeros."""
        if hx is None:
            return None
        count = self.num_layers * self._directions
        widths = self._state_widths()
        names = ("hidden",) if len(widths) == 1 else ("hidden[0]", "hidden[1]")
        for part, width, name in zip(hx, widths, names, strict=True):
            check_hidden(part, (count, layout.batch, width), name, x)
        return hx

    def _weights_of_all(self) -> list[CellWeights]:
        return [self._weights(index) for index in range(len(self._names))]

    def _run_layers(
        self, x: Tensor, initial: tuple[Tensor, ...] | None, layout: Layout, given: bool = False
    ):
        """What every layer and direction computed, in the order of torch's h_n.

        With ``given`` x are the products of the first layer's input.
        """
        passes: list[_Pass] = []
        seed = self._seed()
        zeros = () if initial is not None else self._zeros(x, layout)
        for layer in range(self.num_layers):
            if layer:
                outputs = [done.result.output for done in passes[-self._directions :]]
                x = merge_directions(outputs, self.merge or "concat")
                x = functional.dropout(x, self.dropout, self.training)
            for direction in range(self._directions):
                index = layer * self._directions + direction
                reverse = direction == 1 or self.go_backwards
                start = zeros
                if initial is not None:
                    start = tuple([layout.to_rows(part[index], reverse) for part in initial])
                result = run(
                    self._cell,
                    x,
                    layout.batch_sizes,
                    start,
                    self._weights(index)._replace(w_ih=None)
                    if given and not layer
                    else self._weights(index),
                    reverse=reverse,
                    mask=self._drop_mask(x, layout, seed, index),
                    keep=self._keep(x, layout, seed, index),
                    everything=self.return_all_states,
                )
                passes.append(_Pass(result, start, reverse))
        return passes

    def _zeros(self, x: Tensor, layout: Layout) -> tuple[Tensor, ...]:
        """One state of zeros: every layer and direction begins with it, and none writes to it."""
        widths = self._state_widths()
        h = x.new_zeros(layout.rows, widths[0])
        return tuple(
            [h if width == widths[0] else x.new_zeros(layout.rows, width) for width in widths]
        )

    def _seed(self) -> Tensor | None:
        """One seed for all masks of a call, where any are drawn."""
        drawn = self.recurrent_dropout != 0 or any(self.zoneout)
        return draw_seed() if self.training and drawn else None

    def _drop_mask(
        self, x: Tensor, layout: Layout, seed: Tensor | None, index: int
    ) -> Tensor | None:
        rate = self.recurrent_dropout
        if seed is None or rate == 0:
            return None
        rows = torch.arange(layout.batch, device=x.device)
        values = (0.0, 1 / (1 - rate))
        steps = torch.zeros_like(rows)
        return layout.spread(draw(x, seed, 4 * index, rows, steps, self._width, rate, values))

    def _keep(
        self, x: Tensor, layout: Layout, seed: Tensor | None, index: int
    ) -> tuple[Tensor | float | None, ...]:
        if not any(self.zoneout):
            return ()
        if seed is None:
            return tuple(None if self.training else rate or None for rate in self.zoneout)
        rows, steps = layout.coordinates(x)
        return tuple(
            draw(x, seed, 4 * index + 1 + part, rows, steps, width, rate, (1.0, 0.0))
            if rate
            else None
            for part, (rate, width) in enumerate(
                zip(self.zoneout, self._state_widths(), strict=True)
            )
        )

    @property
    def _is_plain_cell(self) -> bool:
        return not (self.peephole or self.proj_size or self.layer_norm or any(self.zoneout))

    def stepper(self, batch: int = 1) -> Stepper:
        """Feeds ``batch`` streams step by step and carries their state; no gradients."""
        return Stepper(self, batch)

    # What is returned ---------------------------------------------------------------------------

    def _final(self, passes: list[_Pass], layout: Layout) -> tuple[Tensor, ...]:
        ends = [
            [layout.from_rows(part, done.reverse) for part in done.result.final] for done in passes
        ]
        if len(ends) == 1 and self.return_sequences:  # else the output is one of them
            return tuple([part.unsqueeze(0) for part in ends[0]])
        return tuple([torch.stack(parts) for parts in zip(*ends, strict=True)])

    def _output(self, passes: list[_Pass], layout: Layout, hold: bool):
        last = passes[-self._directions :]
        if self.return_sequences:
            outputs = [
                layout.unpack(done.result.output, done.start[0] if hold else None, done.reverse)
                for done in last
            ]
        else:
            outputs = [layout.from_rows(done.result.final[0], done.reverse) for done in last]
        return merge_directions(outputs, self.merge)

    def _states(self, passes: list[_Pass], layout: Layout, hold: bool):
        """Every state (held where masked, if outputs are) and gate (zero where masked)."""
        fields: dict[str, list[Tensor]] = {name: [] for name in self._states_type._fields}
        carried = CELLS[self._cell].state._fields
        for done in passes:
            starts = dict(zip(carried, done.start, strict=True)) if hold else {}
            for name, steps in done.result.everything.items():
                fields[name].append(layout.unpack(steps, starts.get(name), done.reverse))
        return self._states_type(**{name: torch.stack(parts) for name, parts in fields.items()})

    def _unbatched(self, output, final, states):
        axis = 0 if self.batch_first or not self.return_sequences else 1
        final = tuple(part.squeeze(1) for part in final)
        if isinstance(output, tuple):
            output = tuple(part.squeeze(axis) for part in output)
        else:
            output = output.squeeze(axis)
        if states is not None:
            states = type(states)(*(part.squeeze(1 if self.batch_first else 2) for part in states))
        return output, final, states

    def extra_repr(self) -> str:
        """Torch's, then what goes beyond torch."""
        shown = [f"{self.input_size}, {self.hidden_size}"]
        for name, default in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
            ("peephole", False),
            ("merge", "concat"),
            ("return_sequences", True),
            ("return_all_states", False),
            ("go_backwards", False),
            ("recurrent_dropout", 0),
            ("layer_norm", False),
            ("masked_output", "repeat"),
        ):
            value = getattr(self, name)
            if value != default:
                shown.append(f"{name}={value}")
        if any(self.zoneout):
            shown.append(f"zoneout={self.zoneout}")
        return ", ".join(shown)
