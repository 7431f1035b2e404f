"""ONNX's recurrent nodes as layers of ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from sequela.errors import BundleError, ConfigError
from sequela.nn.onnx.nodes import OPERATORS, library, options_of, reorder, short
from sequela.nn.onnx.tensors import load, tensor
from sequela.nn.recurrent import GRU, LSTM, RNN

__all__ = ["from_onnx", "from_onnx_node"]

_LAYERS = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}
_DOMAINS = ("", "ai.onnx")
# A small file may name the same weights again and again.
_MOST_NODES = 1000
# The operator's definitions that are understood, by the operator set that brought them.
_DEFINITIONS = (7, 14, 22)
# Inputs that hold weights, and those that belong to a call.
_WEIGHTS = ("W", "R", "B", "P")
_CALLS = ("sequence_lens", "initial_h", "initial_c")

# Finds the tensor of a name: None where the caller of the model gives it.
_Find = Callable[[str], Tensor | None]


def from_onnx(source: str | os.PathLike[str] | bytes | Any) -> dict[str, RNN | LSTM | GRU]:
    """Every recurrent node of an ONNX model as a layer with copied weights.

    A node is one layer of one or two directions: a stack is several nodes. ``batch_first`` follows
    ``layout``. What ONNX gives a node at each call is given to the layer's call: ``sequence_lens``
    as ``lengths``, ``initial_h`` and ``initial_c`` as ``hx``. Two directions are side by side in
    our output where ONNX has an axis of their own.

    Args:
        source: the path of a file, its bytes, or a ``ModelProto``. Weights may lie in initializers,
            ``Constant`` nodes, or files in the folder of the model.

    Returns:
        Layers by the names of the nodes (where a name is absent or taken: of the first output), in
        the order of the graph.

    Raises:
        BundleError: the file is missing, damaged, or points outside its folder.
        ConfigError: no recurrent node in it; or a node does what our layers do not (clipping,
            coupled gates, other activations), has computed weights, or constants other than zero
            as its initial state; by name.
        MissingDependencyError: the package ``onnx`` is not installed.
    """
    model, folder = load(source)
    opset = _opset(model)
    nodes = [node for node in model.graph.node if _is_recurrent(node)]
    inner = next(_recurrent_inside(model.graph), None)
    if inner is not None:
        raise ConfigError(
            f"ONNX node {short(inner.name)}",
            got="a recurrent node in the body of another node",
            wanted="recurrent nodes in the main graph",
        )
    if not nodes:
        kinds = sorted({str(node.op_type) for node in model.graph.node})[:8]
        raise ConfigError(
            "ONNX model",
            got=f"no recurrent node; operators are {', '.join(map(short, kinds)) or 'none'}",
            wanted="RNN, GRU or LSTM",
        )
    if len(nodes) > _MOST_NODES:
        raise BundleError(
            "ONNX model", got=f"{len(nodes)} recurrent nodes", wanted=f"at most {_MOST_NODES}"
        )
    find = _constants(model.graph, folder)
    layers: dict[str, RNN | LSTM | GRU] = {}
    for number, node in enumerate(nodes):
        name = node.name
        if not name or name in layers:
            name = next((output for output in node.output if output), "") or f"node {number}"
        if name in layers or not isinstance(name, str):  # protobuf gives damaged text as bytes
            raise BundleError(
                f"ONNX node {short(name)}", got="a name twice, or one that is no text"
            )
        layers[name] = _layer(node, find, opset)
    return layers


def from_onnx_node(
    node: Any, tensors: Mapping[str, ArrayLike | Tensor | Any], *, opset: int = 14
) -> RNN | LSTM | GRU:
    """One recurrent node as a layer with copied weights; see :func:`from_onnx`.

    Args:
        node: a ``NodeProto`` of RNN, GRU or LSTM.
        tensors: arrays, tensors or ``TensorProto`` by the names of the node's inputs. Inputs that
            belong to a call (``sequence_lens``, ``initial_h``, ``initial_c``) are left out.
        opset: the operator set of the model that the node comes from.

    Raises:
        BundleError: something is damaged or does not fit.
        ConfigError: the node does what our layers do not, or a weight is missing.
        MissingDependencyError: the package ``onnx`` is not installed.
    """
    onnx = library()
    if not isinstance(node, onnx.NodeProto) or not _is_recurrent(node):
        raise ConfigError(
            "from_onnx_node",
            got=getattr(node, "op_type", "") or type(node).__name__,
            wanted="a node of RNN, GRU or LSTM",
        )

    def find(name: str) -> Tensor | None:
        value = tensors.get(name)
        if value is None:
            return None
        if isinstance(value, onnx.TensorProto):
            return tensor(value, None)
        return value.detach().clone() if isinstance(value, Tensor) else torch.tensor(value)

    return _layer(node, find, opset)


def _is_recurrent(node: Any) -> bool:
    return node.op_type in OPERATORS and node.domain in _DOMAINS


def _opset(model: Any) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in _DOMAINS]
    if len({*versions}) != 1:
        raise BundleError(
            "ONNX model", got=f"operator sets {versions[:8]}", wanted="one of the default domain"
        )
    return versions[0]


def _recurrent_inside(graph: Any) -> Iterator[Any]:
    """Recurrent nodes in the bodies of loops and branches."""
    for node in graph.node:
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                yield from filter(_is_recurrent, body.node)
                yield from _recurrent_inside(body)


def _constants(graph: Any, folder: Path | None) -> _Find:
    """Looks a name up among initializers, Constant nodes and what Identity nodes make of them."""
    given = {entry.name: entry for entry in graph.initializer}
    inputs = {entry.name for entry in graph.input} - given.keys()
    makers = {output: node for node in graph.node for output in node.output if output}

    def find(name: str) -> Tensor | None:
        seen: set[str] = set()
        while name not in given:
            maker = makers.get(name)
            if maker is None and name in inputs:
                return None
            if maker is None or name in seen:
                raise BundleError(f"ONNX tensor {short(name)}", got="nothing that gives it")
            seen.add(name)
            if maker.op_type == "Constant" and maker.domain in _DOMAINS:
                for attribute in maker.attribute:
                    if attribute.name == "value":
                        return tensor(attribute.t, folder)
            if maker.op_type != "Identity" or maker.domain not in _DOMAINS or not maker.input:
                return None
            name = maker.input[0]
        return tensor(given[name], folder)

    return find


def _layer(node: Any, find: _Find, opset: int) -> RNN | LSTM | GRU:
    operator = OPERATORS[node.op_type]
    where = f"ONNX node {short(node.name or node.op_type)}"
    _check_definition(node.op_type, opset, where)
    options = options_of(node.op_type, attributes := _attributes(node, where), where)
    if len(node.input) > len(operator.inputs):
        raise BundleError(where, got=f"{len(node.input)} inputs", wanted=len(operator.inputs))
    names = {name: given for name, given in zip(operator.inputs, node.input, strict=False) if given}
    for name in _CALLS:
        if name in names:
            _check_call(name, names[name], find, where)
    weights = {name: _weight(name, names[name], find, where) for name in _WEIGHTS if name in names}
    directions = 2 if options.get("bidirectional") else 1
    size, hidden = _check_shapes(weights, len(operator.gates), directions, where)
    if attributes.get("hidden_size", hidden) != hidden:
        raise BundleError(
            f"{where}, hidden_size", got=attributes["hidden_size"], wanted=f"{hidden}, as R has"
        )
    if "P" in weights:
        options["peephole"] = True
    layer = _LAYERS[node.op_type](
        size, hidden, bias="B" in weights, dtype=weights["W"].dtype, **options
    )
    state: dict[str, Tensor] = {}
    for direction, suffix in enumerate(("_l0", "_l0_reverse")[:directions]):
        parts = {name: value[direction] for name, value in weights.items()}
        state |= _state(parts, operator.gates, operator.ours, suffix)
    layer.load_state_dict(state)
    return layer


def _check_definition(operator: str, opset: int, where: str) -> None:
    defs = library().defs
    newest = defs.onnx_opset_version()
    known = 1 <= opset <= newest
    if not known or defs.get_schema(operator, opset).since_version not in _DEFINITIONS:
        raise ConfigError(
            where,
            got=f"operator set {opset}",
            wanted=f"at least {_DEFINITIONS[0]}, at most {newest} with this version of onnx",
        )


def _attributes(node: Any, where: str) -> dict[str, Any]:
    known = OPERATORS[node.op_type].attributes
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        name = attribute.name
        if name not in known:
            raise ConfigError(
                where, got=f"attribute {short(name)}", wanted=f"one of {', '.join(known)}"
            )
        if attribute.type != known[name] or attribute.ref_attr_name or name in found:
            raise BundleError(f"{where}, {name}", got="a damaged attribute")
        found[name] = library().helper.get_attribute_value(attribute)
    for name in ("direction", "activations"):
        if name in found:
            found[name] = _text(found[name])
    return found


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return [_text(part) for part in value]


def _check_call(name: str, given: str, find: _Find, where: str) -> None:
    """Refuses what a file fixes and our layers are given at each call."""
    if name == "sequence_lens":
        try:
            fixed = find(given) is not None
        except ConfigError:  # whole numbers are no weights, and are there
            fixed = True
    else:
        value = find(given)
        fixed = value is not None and bool(value.count_nonzero())
    if fixed:
        raise ConfigError(
            f"{where}, {name}",
            got="constants in the file",
            wanted="an input of the model",
            todo="The layer takes them at each call, as lengths= or hx.",
        )


def _weight(name: str, given: str, find: _Find, where: str) -> Tensor:
    value = find(given)
    if value is None:
        raise ConfigError(
            f"{where}, {name}",
            got=f"{short(given)}, computed or given at each call",
            wanted="a constant of the file",
            todo="Fold the constants of the model first.",
        )
    return value


def _check_shapes(
    weights: Mapping[str, Tensor], gates: int, directions: int, where: str
) -> tuple[int, int]:
    """Makes sure that the weights fit each other; returns D and H."""
    for name in ("W", "R"):
        if name not in weights or weights[name].dim() != 3:
            got = list(weights[name].shape) if name in weights else "nothing"
            raise BundleError(f"{where}, {name}", got=got, wanted="three axes")
    size, hidden = weights["W"].shape[2], weights["R"].shape[2]
    wanted = {
        "W": [directions, gates * hidden, size],
        "R": [directions, gates * hidden, hidden],
        "B": [directions, 2 * gates * hidden],
        "P": [directions, 3 * hidden],
    }
    for name, value in weights.items():
        if list(value.shape) != wanted[name] or not value.numel():
            raise BundleError(
                f"{where}, {name}",
                got=f"shape {list(value.shape)}",
                wanted=f"{wanted[name]}, nothing empty",
            )
        if value.dtype != weights["W"].dtype:
            raise BundleError(
                f"{where}, {name}", got=value.dtype, wanted=f"{weights['W'].dtype} as W"
            )
    if not weights["W"].dtype.is_floating_point:
        raise BundleError(f"{where}, W", got=weights["W"].dtype, wanted="floating point")
    return size, hidden


def _state(parts: Mapping[str, Tensor], given: str, ours: str, suffix: str) -> dict[str, Tensor]:
    state = {
        f"weight_ih{suffix}": reorder(parts["W"], given, ours),
        f"weight_hh{suffix}": reorder(parts["R"], given, ours),
    }
    if "B" in parts:
        first, second = parts["B"].chunk(2)
        state[f"bias_ih{suffix}"] = reorder(first, given, ours)
        state[f"bias_hh{suffix}"] = reorder(second, given, ours)
    if "P" in parts:
        state[f"weight_peephole{suffix}"] = reorder(parts["P"], "iof", "ifo").view(3, -1)
    return state
