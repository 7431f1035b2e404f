"""Our recurrent layers as an ONNX model that computes what they compute in evaluation."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sequela.errors import ConfigError
from sequela.files import atomic_write
from sequela.nn.base import RecurrentLayer
from sequela.nn.onnx.nodes import OPERATORS, library, reorder
from sequela.nn.recurrent import GRU, LSTM, RNN

__all__ = ["to_onnx"]

# The oldest operator set with today's recurrent operators, and the file format of its time: so the
# oldest runtimes read it too.
_OPSET, _FORMAT = 14, 7
_LARGEST = 2**31 - 1
_TYPES = {torch.float16: 10, torch.float32: 1, torch.float64: 11}
_NAMES = {RNN: "RNN", GRU: "GRU", LSTM: "LSTM"}
# What layers may do that ONNX's operators do not, and the value that leaves it undone.
_BEYOND = {"return_all_states": False, "layer_norm": False, "proj_size": 0}


def to_onnx(
    layers: RecurrentLayer | Iterable[nn.Module],
    path: str | os.PathLike[str] | None = None,
    *,
    lengths: bool = False,
    initial: bool = False,
) -> Any:
    """Writes recurrent layers as an ONNX model (operator set 14, batch and time open).

    The model computes what the layers compute in evaluation, so dropout and recurrent dropout are
    absent. Inputs: ``input`` as the first layer takes it; ``lengths`` int64 ``[B]``; ``h_0`` and
    ``c_0`` ``[layers * directions, B, H]``. Outputs: ``output`` (``output_forward`` and
    ``output_backward`` with ``merge=None``), ``h_n`` and ``c_n``, as ours. Of several layers one
    after the other, each has states of its own: ``h_0_0``, ``h_0_1`` ..., ``h_n_0`` ...

    Args:
        layers: an RNN, LSTM or GRU of ours with any number of layers and directions; or several of
            them (a list, ``nn.Sequential``, ``nn.ModuleList``), each reading the output of the one
            before it.
        path: where to write the model; None writes nothing.
        lengths: whether the model has the input ``lengths``. Rows may have length 0.
        initial: whether it has the inputs ``h_0`` (and ``c_0``); else they are zero.

    Returns:
        The ``ModelProto``.

    Raises:
        ConfigError: something else than our layers, layers that do not fit each other, or options
            that ONNX's operators lack, by name.
        OutputError: the file cannot be written.
        MissingDependencyError: the package ``onnx`` is not installed.
    """
    onnx = library()
    chain = [layers] if isinstance(layers, RecurrentLayer) else _several(layers)
    _check(chain)
    model = _Writer(onnx, chain, lengths, initial).model()
    size = model.ByteSize()
    if size > _LARGEST:
        raise ConfigError("to_onnx", got=f"{size} bytes", wanted=f"at most {_LARGEST}")
    if path is not None:
        atomic_write(os.fspath(path), model.SerializeToString(deterministic=True))
    return model


def _several(layers: object) -> list[Any]:
    chain = list(layers) if isinstance(layers, Iterable) else [layers]
    if not chain:
        raise ConfigError("to_onnx", got="no layer", wanted="RNN, LSTM or GRU of sequela.nn")
    return chain


def _check(chain: list[Any]) -> None:
    for number, layer in enumerate(chain):
        if type(layer) not in _NAMES:
            ours = isinstance(layer, (nn.RNN, nn.LSTM, nn.GRU))
            raise ConfigError(
                f"to_onnx, layer {number}",
                got=type(layer).__name__,
                wanted="RNN, LSTM or GRU of sequela.nn",
                todo="Turn torch's layers into ours with accelerate." if ours else None,
            )
        beyond = [f"{name}={getattr(layer, name)}" for name in _BEYOND if getattr(layer, name)]
        beyond += [f"zoneout={layer.zoneout}"] if any(layer.zoneout) else []
        if beyond:
            raise ConfigError(
                f"to_onnx, layer {number}",
                got=", ".join(beyond),
                wanted="what ONNX's operators compute",
            )
        if layer.weight_hh_l0.dtype not in _TYPES:
            raise ConfigError(
                f"to_onnx, layer {number}",
                got=layer.weight_hh_l0.dtype,
                wanted="float16, float32 or float64",
                todo="Convert it: layer.float().",
            )
    for number, (layer, following) in enumerate(pairwise(chain)):
        _check_pair(f"to_onnx, layers {number} and {number + 1}", layer, following)


def _check_pair(where: str, layer: Any, following: Any) -> None:
    if not layer.return_sequences or (layer.bidirectional and layer.merge is None):
        raise ConfigError(where, got="one that gives no sequence", wanted="one sequence between")
    pairs = (
        (layer.output_size, following.input_size, "features"),
        (layer.batch_first, following.batch_first, "for batch_first"),
        (layer.weight_hh_l0.dtype, following.weight_hh_l0.dtype, "as types"),
    )
    for given, taken, what in pairs:
        if given != taken:
            raise ConfigError(where, got=f"{given} and {taken} {what}", wanted="the same")


class _Writer:
    """The graph under construction; names of tensors are unique by a count."""

    def __init__(self, onnx: Any, chain: list[Any], lengths: bool, initial: bool):
        self._onnx, self._chain = onnx, chain
        self._lengths, self._initial = lengths, initial
        self._type = _TYPES[chain[0].weight_hh_l0.dtype]
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._count = 0

    # Pieces -------------------------------------------------------------------------------------

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"

    def _constant(self, value: Any, kind: str = "constant") -> str:
        name = self._new(kind)
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        self._tensors.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _add(self, operator: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> Any:
        names = [self._new(operator.lower()) for _ in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, names, **attributes))
        return names if outputs > 1 else names[0]

    def _input(self, name: str, shape: list[Any], kind: int | None = None) -> str:
        value = self._onnx.helper.make_tensor_value_info(name, kind or self._type, shape)
        self._inputs.append(value)
        return name

    def _output(self, tensor: str, name: str, shape: list[Any]) -> None:
        self._nodes.append(self._onnx.helper.make_node("Identity", [tensor], [name]))
        self._outputs.append(self._onnx.helper.make_tensor_value_info(name, self._type, shape))

    def _split(self, tensor: str, axis: int, sizes: list[int]) -> list[str]:
        if len(sizes) == 1:
            return [tensor]
        return self._add("Split", [tensor, self._constant(sizes)], len(sizes), axis=axis)

    def _squeeze(self, tensor: str, axis: int) -> str:
        return self._add("Squeeze", [tensor, self._constant([axis])])

    # The whole ----------------------------------------------------------------------------------

    def model(self) -> Any:
        helper, first = self._onnx.helper, self._chain[0]
        axes = ["B", "T"] if first.batch_first else ["T", "B"]
        x = self._input("input", [*axes, first.input_size])
        lengths, empty = "", ""
        if self._lengths:
            given = self._input("lengths", ["B"], self._onnx.TensorProto.INT64)
            lengths = self._add("Cast", [given], to=self._onnx.TensorProto.INT32)
            zero = self._add("Equal", [given, self._constant(np.int64(0))])
            empty = self._add("Unsqueeze", [zero, self._constant([0, 2])])
        if first.batch_first:
            x = self._add("Transpose", [x], perm=[1, 0, 2])
        for number, layer in enumerate(self._chain):
            suffix = f"_{number}" if len(self._chain) > 1 else ""
            x = self._stack(layer, x, lengths, empty, suffix)
        states, self._outputs = self._outputs, []
        self._finish(self._chain[-1], x)
        self._outputs += states
        graph = helper.make_graph(
            self._nodes, "sequela", self._inputs, self._outputs, self._tensors
        )
        return helper.make_model(
            graph,
            ir_version=_FORMAT,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            producer_name="sequela",
        )

    def _finish(self, last: Any, merged: list[str] | str) -> None:
        pair = isinstance(merged, list)
        names = ["output_forward", "output_backward"] if pair else ["output"]
        for tensor, name in zip(merged if pair else [merged], names, strict=True):
            shape: list[Any] = ["B", last.output_size]
            if last.return_sequences:
                shape.insert(1 if last.batch_first else 0, "T")
                if last.batch_first:
                    tensor = self._add("Transpose", [tensor], perm=[1, 0, 2])
            self._output(tensor, name, shape)

    def _stack(self, layer: Any, x: str, lengths: str, empty: str, suffix: str) -> Any:
        """One of our layers: a node for each of its own layers. The output is time-major."""
        directions = 2 if layer.bidirectional else 1
        parts = ("h", "c") if isinstance(layer, LSTM) else ("h",)
        count, shape = layer.num_layers, [layer.num_layers * directions, "B", layer.hidden_size]
        starts: dict[str, list[str]] = {part: [""] * count for part in parts}
        if self._initial:
            for part in parts:
                given = self._input(f"{part}_0{suffix}", shape)
                starts[part] = self._split(given, 0, [directions] * count)
        ends: dict[str, list[str]] = {part: [] for part in parts}
        merged: Any = x
        for level in range(count):
            start = [starts[part][level] for part in parts]
            steps, *final = self._node(layer, level, merged, lengths, start)
            if empty and self._initial:
                # onnxruntime leaves zeros in rows of length 0; ours keep their initial state.
                final = [
                    self._add("Where", [empty, first, last])
                    for first, last in zip(start, final, strict=True)
                ]
            for part, end in zip(parts, final, strict=True):
                ends[part].append(end)
            # Within a stack a pair meets side by side.
            inner = level + 1 < count
            merge = "concat" if inner and layer.merge is None else layer.merge
            sequence = inner or layer.return_sequences
            merged = self._merge(layer, steps if sequence else final[0], sequence, merge)
        for part in parts:
            whole = ends[part][0] if count == 1 else self._add("Concat", ends[part], axis=0)
            self._output(whole, f"{part}_n{suffix}", shape)
        return merged

    def _node(self, layer: Any, level: int, x: str, lengths: str, start: list[str]) -> list[str]:
        name = _NAMES[type(layer)]
        operator = OPERATORS[name]
        suffixes = [f"_l{level}", f"_l{level}_reverse"][: 2 if layer.bidirectional else 1]
        weights = [_weights(layer, operator.ours, operator.gates, suffix) for suffix in suffixes]
        inputs = [x, *("" if rows[0] is None else self._constant(torch.stack(rows), "weight")
                       for rows in zip(*weights, strict=True))]  # fmt: skip
        peephole = inputs.pop()
        inputs += [lengths, *start]
        if name == "LSTM":
            inputs.append(peephole)
        while not inputs[-1]:
            inputs.pop()
        return self._add(
            name, inputs, len(operator.outputs), hidden_size=layer.hidden_size, **_kind(layer)
        )

    def _merge(self, layer: Any, tensor: str, sequence: bool, merge: str | None) -> Any:
        """Takes the axis of directions away: of ``[T, K, B, H]``, or ``[K, B, H]``."""
        axis = 1 if sequence else 0
        if not layer.bidirectional:
            return self._squeeze(tensor, axis)
        if merge == "concat":
            turned = self._add("Transpose", [tensor], perm=[0, 2, 1, 3] if sequence else [1, 0, 2])
            width = 2 * layer.hidden_size
            shape = self._constant([0, 0, width] if sequence else [0, width])
            return self._add("Reshape", [turned, shape])
        pair = [self._squeeze(half, axis) for half in self._split(tensor, axis, [1, 1])]
        if merge is None:
            return pair
        if merge == "mul":
            return self._add("Mul", pair)
        total = self._add("Add", pair)
        if merge == "sum":
            return total
        return self._add("Mul", [total, self._constant(layer.weight_hh_l0.new_tensor(0.5))])


def _kind(layer: Any) -> dict[str, Any]:
    """Attributes of a layer's nodes; what is ONNX's default is left out."""
    kind: dict[str, Any] = {}
    if layer.bidirectional:
        kind["direction"] = "bidirectional"
    elif layer.go_backwards:
        kind["direction"] = "reverse"
    if isinstance(layer, GRU) and layer.reset_after:
        kind["linear_before_reset"] = 1
    if isinstance(layer, RNN) and layer.nonlinearity != "tanh":
        kind["activations"] = [layer.nonlinearity.capitalize()] * (2 if layer.bidirectional else 1)
    return kind


def _weights(layer: Any, ours: str, theirs: str, suffix: str) -> list[Tensor | None]:
    """W, R, B and P of one direction; None where absent."""
    w, r = (
        reorder(getattr(layer, f"{name}{suffix}").detach(), ours, theirs)
        for name in ("weight_ih", "weight_hh")
    )
    b = p = None
    if layer.bias:
        b = torch.cat(
            [
                reorder(getattr(layer, f"{name}{suffix}").detach(), ours, theirs)
                for name in ("bias_ih", "bias_hh")
            ]
        )
    if layer.peephole:
        peephole = getattr(layer, f"weight_peephole{suffix}").detach()
        p = reorder(peephole.flatten(), "ifo", "iof")
    return [w, r, b, p]
