"""ONNX Runtime: one recurrent node behind a transposition, inputs and outputs bound.

The output stays as the node writes it, time first, as ours does behind its view.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from engine_parts.players import Unsupported
from engine_parts.problem import Problem, checksum, gate_blocks, valid

_NODES: dict[str, tuple[str, list[int], dict[str, Any]]] = {
    "rnn_tanh": ("RNN", [0], {"activations": ["Tanh"]}),
    "lstm": ("LSTM", [0, 3, 1, 2], {}),
    "gru_after": ("GRU", [1, 0, 2], {"linear_before_reset": 1}),
    "gru_before": ("GRU", [1, 0, 2], {"linear_before_reset": 0}),
}
# The youngest that every release of the last years reads.
OPSET, IR_VERSION = 17, 8


def start(threads: int) -> None:
    """Nothing: threads belong to a session."""
    onnxruntime.set_default_logger_severity(4)


def versions() -> dict[str, str]:
    """The versions that ran."""
    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}


def _shape(problem: Problem) -> tuple[int, ...]:
    rows, steps, _ = problem.x.shape
    return steps, 1, rows, problem.case.H


def model(problem: Problem) -> bytes:
    """The graph: ``x [B, T, D]`` to ``y [T, 1, B, H]``."""
    case = problem.case
    node, order, options = _NODES[case.cell]
    bias = np.concatenate([gate_blocks(b, order) for b in (problem.b_ih, problem.b_hh)])
    constants = {
        "w": gate_blocks(problem.w_ih, order)[None],
        "r": gate_blocks(problem.w_hh, order)[None],
        "b": bias[None],
    }
    names = ["steps", "w", "r", "b"]
    if case.lengths != "dense":
        constants["lengths"] = problem.lengths.astype(np.int32)
        names.append("lengths")
    if case.is_step:
        constants["state"] = np.full((1, 1, case.H), 0.1, np.float32)
        names += ["", "state"] + ["state"] * (case.cell == "lstm")
    nodes = [
        helper.make_node("Transpose", ["x"], ["steps"], perm=[1, 0, 2]),
        helper.make_node(node, names, ["y"], hidden_size=case.H, **options),
    ]
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, problem.x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, _shape(problem))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION).SerializeToString()


def prepare(problem: Problem, threads: int) -> Any:
    """A session whose input and output stay where they are."""
    case = problem.case
    if case.mode == "training":
        raise Unsupported("ONNX Runtime has no training here")
    if case.dtype != "float32":
        raise Unsupported(f"its recurrent nodes have no {case.dtype} on the CPU")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model(problem), options, ["CPUExecutionProvider"])
    binding = session.io_binding()
    given = onnxruntime.OrtValue.ortvalue_from_numpy(problem.x)
    output = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(_shape(problem), np.float32))
    binding.bind_ortvalue_input("x", given)
    binding.bind_ortvalue_output("y", output)

    def work() -> None:
        session.run_with_iobinding(binding)

    def result() -> list[float]:
        work()
        return checksum(np.where(valid(problem).T[:, None, :, None], output.numpy(), 0))

    return work, result
