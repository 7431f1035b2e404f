"""Recurrent nodes of ONNX as layers of ours, beside onnxruntime and ONNX's own cases."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from tests.nn.onnx.oracle import CLOSE, compute
from tests.tolerances import EXACT

from sequela.errors import BundleError, ConfigError
from sequela.nn import GRU, LSTM, RNN, from_onnx, from_onnx_node

CONFIGURATIONS = 500
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STATES = {"RNN": ("h",), "GRU": ("h",), "LSTM": ("h", "c")}
WAYS = ("initializer", "constant", "identity")


class Drawn:
    """A random recurrent node, its model, and what a call of it is given."""

    def __init__(self, seed: int):
        rng, numbers = random.Random(seed), np.random.default_rng(seed)
        self.operator = rng.choice(["RNN", "GRU", "LSTM"])
        self.directions = 1
        d, h = rng.choice([1, 2, 3, 7]), rng.choice([1, 2, 3, 4, 9, 16])
        self.batch, self.steps = rng.choice([1, 2, 5]), rng.choice([1, 2, 6, 11])
        attributes: dict[str, Any] = {"hidden_size": h}
        direction = rng.choice(["", "forward", "reverse", "bidirectional", "bidirectional"])
        if direction:
            attributes["direction"] = direction
            self.directions = 2 if direction == "bidirectional" else 1
        self._activations(rng, attributes)
        if self.operator == "GRU" and rng.random() < 0.7:
            attributes["linear_before_reset"] = rng.choice([0, 1])
        k, g = self.directions, GATES[self.operator]

        def array(*shape: int) -> np.ndarray:
            return numbers.standard_normal(shape).astype(np.float32) * 0.7

        # Of wider recurrences no more than the radius of four units: beyond, an RNN is chaotic, and
        # two right float32 computations drift apart (seed 332: ONNX Runtime 1.3e-5, ours 4e-6 from
        # the float64 result).
        calm = np.float32(min(1.0, 2.0 / h**0.5))
        self.weights = {"W": array(k, g * h, d), "R": array(k, g * h, h) * calm}
        self.given = {"X": array(self.steps, self.batch, d)}
        if rng.random() < 0.8:
            self.weights["B"] = array(k, 2 * g * h)
        if rng.random() < 0.6:
            lengths = [rng.randint(1, self.steps) for _ in range(self.batch)]
            self.given["sequence_lens"] = np.array(lengths, np.int32)
        if rng.random() < 0.6:
            for part in STATES[self.operator]:
                self.given[f"initial_{part}"] = array(k, self.batch, h)
        if self.operator == "LSTM" and rng.random() < 0.5:
            self.weights["P"] = array(k, 3 * h)
        self.attributes = attributes
        self.opset = rng.choice([7, 9, 11, 13, 14, 15, 17, 19, 21, 22])
        self.model = self._model(rng)

    def _activations(self, rng: random.Random, attributes: dict[str, Any]) -> None:
        if rng.random() < 0.4:
            return
        names = {
            "RNN": [rng.choice(["Tanh", "Relu", "Sigmoid"])],
            "GRU": ["Sigmoid", "Tanh"],
            "LSTM": ["Sigmoid", "Tanh", "Tanh"],
        }[self.operator]
        attributes["activations"] = names * self.directions

    def _model(self, rng: random.Random) -> onnx.ModelProto:
        order = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
        names = [name if name in self.weights | self.given else "" for name in order]
        while not names[-1]:
            names.pop()
        nodes, tensors = [], []
        for name, value in self.weights.items():
            tensor, way = numpy_helper.from_array(value, name), rng.choice(WAYS)
            if way == "identity":
                tensor.name = f"{name}_origin"
                nodes.append(helper.make_node("Identity", [tensor.name], [name]))
            if way == "constant":
                nodes.append(helper.make_node("Constant", [], [name], value=tensor))
            else:
                tensors.append(tensor)
        outputs = ["Y", *(f"Y_{part}" for part in STATES[self.operator])]
        node = helper.make_node(self.operator, names, outputs, **self.attributes, name="the node")
        inputs = [
            helper.make_tensor_value_info(
                name,
                TensorProto.INT32 if name == "sequence_lens" else TensorProto.FLOAT,
                value.shape,
            )
            for name, value in self.given.items()
        ]
        results = [
            helper.make_tensor_value_info(
                name, TensorProto.FLOAT, [None] * (4 if name == "Y" else 3)
            )
            for name in outputs
        ]
        graph = helper.make_graph([*nodes, node], "drawn", inputs, results, tensors)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def call(layer, operator: str, given: dict[str, Any]) -> list[torch.Tensor]:
    """Runs a layer as its node is run: inputs and outputs in ONNX's shapes."""
    tensors = {name: torch.tensor(np.asarray(value)) for name, value in given.items()}
    states = [tensors.get(f"initial_{part}") for part in STATES[operator]]
    if layer.batch_first:
        states = [None if state is None else state.transpose(0, 1) for state in states]
    hx = tuple(states) if operator == "LSTM" else states[0]
    with torch.no_grad():
        output, final = layer(
            tensors["X"], None if states[0] is None else hx, lengths=tensors.get("sequence_lens")
        )
    directions = 2 if layer.bidirectional else 1
    output = output.unflatten(-1, (directions, layer.hidden_size))
    if not layer.batch_first:
        output = output.transpose(1, 2)
    final = final if isinstance(final, tuple) else (final,)
    if layer.batch_first:
        final = tuple(part.transpose(0, 1) for part in final)
    return [output, *final]


def agree(seed: int) -> None:
    drawn = Drawn(seed)
    wanted = compute(
        drawn.model, {name: torch.from_numpy(value) for name, value in drawn.given.items()}
    )
    (layer,) = from_onnx(drawn.model).values()
    got = call(layer, drawn.operator, drawn.given)
    torch.testing.assert_close(
        got,
        wanted,
        **CLOSE,
        msg=lambda text: f"seed {seed}: {drawn.operator} {drawn.attributes}\n{text}",
    )


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_equal_to_onnxruntime(start: int):
    for seed in range(start, start + 20):
        agree(seed)


@pytest.mark.long
def test_equal_to_onnxruntime_on_all_configurations():
    for seed in range(CONFIGURATIONS):
        agree(seed)


# A process of its own: the list of cases is kept from the first call on. All of them are made to
# get at ours, for the filter by operator saves no time.
COLLECT = """
import json, warnings
warnings.simplefilter("ignore")
from onnx.backend.test.case.node import collect_testcases
for case in collect_testcases():
    if case.model.graph.node[0].op_type not in ("RNN", "GRU", "LSTM"):
        continue
    node, (inputs, outputs) = case.model.graph.node[0], case.data_sets[0]
    print(json.dumps({
        "name": case.name,
        "operator": node.op_type,
        "node": node.SerializeToString().hex(),
        "opset": case.model.opset_import[0].version,
        "inputs": {name: part.tolist() for name, part in zip(filter(None, node.input), inputs)},
        "outputs": {name: part.tolist() for name, part in zip(filter(None, node.output), outputs)},
    }))
"""
CALLS = ("X", "sequence_lens", "initial_h", "initial_c")
PLACES = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")


@pytest.fixture(scope="module")
def own_cases() -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-c", COLLECT], capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("operator", ["RNN", "GRU", "LSTM"])
def test_onnx_s_own_cases(operator: str, own_cases: list[dict[str, Any]]):
    cases = [case for case in own_cases if case["operator"] == operator]
    assert len(cases) == 6
    for case in cases:
        node = onnx.NodeProto.FromString(bytes.fromhex(case["node"]))
        names = {place: name for place, name in zip(PLACES, node.input, strict=False) if name}
        weights, given = {}, {}
        for place, name in names.items():
            kind = np.int32 if place == "sequence_lens" else np.float32
            target, key = (given, place) if place in CALLS else (weights, name)
            target[key] = np.array(case["inputs"][name], kind)
        layer = from_onnx_node(node, weights, opset=case["opset"])
        parts = call(layer, operator, given)
        got = {name: part for name, part in zip(node.output, parts, strict=False) if name}
        wanted = {name: torch.tensor(value) for name, value in case["outputs"].items()}
        assert wanted
        torch.testing.assert_close(
            got, wanted, **CLOSE, msg=lambda text, case=case: f"{case['name']}: {text}"
        )


def node_of(operator: str = "GRU", **attributes: Any) -> onnx.NodeProto:
    names = {"X": "X", "W": "W", "R": "R", "B": "B"} | attributes.pop("inputs", {})
    order = [names.get(place, "") for place in PLACES[: 6 if operator != "LSTM" else 8]]
    return helper.make_node(operator, order, ["Y", "Y_h"], name="n", **attributes)


def weights_of(operator: str = "GRU", k: int = 1, d: int = 2, h: int = 3) -> dict[str, np.ndarray]:
    g, numbers = GATES[operator], np.random.default_rng(0)
    shapes = {"W": (k, g * h, d), "R": (k, g * h, h), "B": (k, 2 * g * h)}
    return {
        name: numbers.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()
    }


def model_of(
    node: onnx.NodeProto, weights: dict[str, np.ndarray], *more: onnx.NodeProto, opset: int = 14
) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, None, None])]
    outputs = [helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, None)]
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph([*more, node], "g", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.mark.parametrize(
    ("operator", "attributes", "said"),
    [
        ("GRU", {"clip": 1.0}, "clip"),
        ("LSTM", {"input_forget": 1}, "input_forget"),
        ("LSTM", {"activations": ["Sigmoid", "Tanh", "Relu"]}, "activations.*'relu'"),
        ("GRU", {"activations": ["HardSigmoid", "Tanh"]}, "activations.*'hardsigmoid'"),
        ("GRU", {"activations": ["Sigmoid"]}, "activations"),
        ("RNN", {"activations": ["Softsign"]}, "activations.*'softsign'"),
        ("RNN", {"output_sequence": 1}, "attribute 'output_sequence'"),
    ],
)
def test_what_our_layers_do_not_compute_is_refused_by_name(operator, attributes, said: str):
    with pytest.raises(ConfigError, match=said):
        from_onnx_node(node_of(operator, **attributes), weights_of(operator))


def test_two_functions_in_two_directions_are_refused():
    node = node_of("RNN", direction="bidirectional", activations=["Tanh", "Relu"])
    with pytest.raises(ConfigError, match="the same in each direction"):
        from_onnx_node(node, weights_of("RNN", k=2))


@pytest.mark.parametrize(
    ("operator", "attributes", "change", "said"),
    [
        ("GRU", {"direction": "sideways"}, {}, "direction.*'sideways'"),
        ("GRU", {"layout": 2}, {}, "layout"),
        ("GRU", {"hidden_size": 4}, {}, "hidden_size: got 4, wanted 3"),
        ("GRU", {"hidden_size": 2**40}, {}, "hidden_size"),
        ("GRU", {"hidden_size": "3"}, {}, "hidden_size: got a damaged attribute"),
        (
            "GRU",
            {"direction": "bidirectional"},
            {},
            r"W: got shape \[1, 9, 2\], wanted \[2, 9, 2\]",
        ),
        ("GRU", {}, {"W": np.zeros((1, 8, 2), np.float32)}, "W: got shape"),
        ("GRU", {}, {"W": np.zeros((9, 2), np.float32)}, "W: got .*three axes"),
        ("GRU", {}, {"R": np.zeros((1, 9, 0), np.float32)}, "R|W"),
        ("GRU", {}, {"W": np.zeros((1, 9, 0), np.float32)}, "nothing empty"),
        ("GRU", {}, {"B": np.zeros((1, 9), np.float32)}, "B: got shape"),
        ("GRU", {}, {"B": np.zeros((1, 18))}, "B: got torch.float64"),
        ("GRU", {"inputs": {"W": ""}}, {}, "W: got nothing"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(operator, attributes, change, said: str):
    with pytest.raises(BundleError, match=said):
        from_onnx_node(node_of(operator, **attributes), weights_of(operator) | change)


def test_whole_numbers_are_no_weights():
    weights = {name: value.astype(np.int64) for name, value in weights_of().items()}
    with pytest.raises(BundleError, match="floating point"):
        from_onnx_node(node_of(), weights)


def test_constants_that_belong_to_a_call():
    node = node_of(inputs={"initial_h": "h"})
    weights, zero = weights_of(), {"h": np.zeros((1, 2, 3), np.float32)}
    assert isinstance(from_onnx(model_of(node, weights | zero))["n"], GRU)
    with pytest.raises(ConfigError, match=r"initial_h: got constants.*hx"):
        from_onnx(model_of(node, weights | {"h": zero["h"] + 1}))
    node = node_of(inputs={"sequence_lens": "l"})
    with pytest.raises(ConfigError, match=r"sequence_lens: got constants.*lengths="):
        from_onnx(model_of(node, weights | {"l": np.array([1, 2], np.int32)}))


def test_computed_weights_are_refused():
    node, weights = node_of(inputs={"W": "doubled"}), weights_of()
    double = helper.make_node("Add", ["W", "W"], ["doubled"])
    with pytest.raises(ConfigError, match=r"W: got 'doubled', computed.*Fold the constants"):
        from_onnx(model_of(node, weights, double))
    with pytest.raises(ConfigError, match="W: got 'X', computed or given"):
        from_onnx(model_of(node_of(inputs={"W": "X"}), weights))


@pytest.mark.parametrize("opset", [-1, 0, 1, 6, 999, 2**62])
def test_other_operator_sets_are_refused(opset: int):
    with pytest.raises(ConfigError, match=f"operator set {opset}"):
        from_onnx(model_of(node_of(), weights_of(), opset=opset))


def test_names_and_order_of_several_nodes():
    first, second = node_of(), node_of()
    second.name = ""
    second.output[0] = "last"
    model = model_of(first, weights_of(), second)
    assert list(from_onnx(model)) == ["last", "n"]
    second.name = "n"
    assert list(from_onnx(model_of(second, weights_of(), first))) == ["n", "last"]


def test_nodes_without_end_are_refused():
    with pytest.raises(BundleError, match="1001 recurrent nodes"):
        from_onnx(model_of(node_of(), weights_of(), *[node_of() for _ in range(1000)]))


def test_models_without_a_recurrent_node():
    add = helper.make_node("Add", ["X", "X"], ["Y_h"])
    with pytest.raises(ConfigError, match="no recurrent node; operators are 'Add'"):
        from_onnx(model_of(add, {}))
    foreign = node_of()
    foreign.domain = "com.example"
    with pytest.raises(ConfigError, match="no recurrent node"):
        from_onnx(model_of(foreign, weights_of()))
    with pytest.raises(ConfigError, match="wanted a node of RNN"):
        from_onnx_node(add, {})


def test_a_recurrent_node_inside_a_branch_is_refused():
    body = helper.make_graph([node_of()], "body", [], [])
    branch = helper.make_node("If", ["X"], ["Z"], then_branch=body, else_branch=body)
    with pytest.raises(ConfigError, match="'n': got a recurrent node in the body"):
        from_onnx(model_of(node_of(), weights_of(), branch))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_types_of_weights_are_kept(dtype):
    weights = {name: value.astype(dtype) for name, value in weights_of("LSTM").items()}
    layer = from_onnx(model_of(node_of("LSTM"), weights))["n"]
    assert isinstance(layer, LSTM)
    assert layer.weight_hh_l0.numpy(force=True).dtype == dtype
    assert layer.weight_hh_l0.requires_grad


def test_bfloat16_both_ways_of_storing():
    bits = torch.randn(1, 3, 3).to(torch.bfloat16)
    raw = numpy_helper.from_array(bits.view(torch.int16).numpy(), "R")
    raw.data_type = TensorProto.BFLOAT16
    listed = helper.make_tensor("W", TensorProto.BFLOAT16, [1, 3, 3], bits.float().numpy().ravel())
    assert listed.int32_data
    layer = from_onnx_node(node_of("RNN", inputs={"B": ""}), {"W": listed, "R": raw}, opset=22)
    assert isinstance(layer, RNN)
    torch.testing.assert_close(layer.weight_ih_l0.detach(), bits[0], **EXACT)
    torch.testing.assert_close(layer.weight_hh_l0.detach(), bits[0], **EXACT)
