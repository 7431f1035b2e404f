"""Keras on TensorFlow: its layer inside a ``tf.function``, lengths as a mask."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
import tensorflow as tf

from engine_parts.players import Unsupported
from engine_parts.problem import Problem, checksum, gate_blocks, valid


def start(threads: int) -> None:
    """Sets the number of threads."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def versions() -> dict[str, str]:
    """The versions that ran."""
    return {"keras": keras.__version__, "tensorflow": tf.__version__}


def _layer(problem: Problem) -> Any:
    case = problem.case
    common = {
        "return_sequences": True,
        "zero_output_for_mask": case.lengths != "dense",
        "dtype": case.dtype,
        # Its own start, orthogonal, has no bfloat16; the values are replaced anyway.
        "recurrent_initializer": "glorot_uniform",
    }
    if case.cell == "rnn_tanh":
        return keras.layers.SimpleRNN(case.H, **common)
    if case.cell == "lstm":
        return keras.layers.LSTM(case.H, **common)
    return keras.layers.GRU(case.H, reset_after=case.cell == "gru_after", **common)


def _weights(problem: Problem) -> list[np.ndarray]:
    """Columns are outputs; GRU z r n; two biases only in the reset-after GRU."""
    order = {"gru_after": [1, 0, 2], "gru_before": [1, 0, 2]}.get(problem.case.cell)
    w_ih, w_hh, b_ih, b_hh = (
        part if order is None else gate_blocks(part, order)
        for part in (problem.w_ih, problem.w_hh, problem.b_ih, problem.b_hh)
    )
    bias = np.stack([b_ih, b_hh]) if problem.case.cell == "gru_after" else b_ih + b_hh
    return [w_ih.T, w_hh.T, bias]


def prepare(problem: Problem, threads: int) -> Any:
    """The traced function and its arguments."""
    case = problem.case
    if case.is_step:
        raise Unsupported("its cells are made for its layers")
    keras.backend.clear_session()
    layer = _layer(problem)
    layer.build(problem.x.shape)
    layer.set_weights(_weights(problem))
    x = tf.cast(tf.constant(problem.x), case.dtype)
    mask = None if case.lengths == "dense" else tf.constant(valid(problem))

    @tf.function
    def forward(x: Any) -> Any:
        return layer(x, mask=mask)

    @tf.function
    def training(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x, mask=mask, training=True)
            total = tf.reduce_sum(output)
        return output, tape.gradient(total, [*layer.trainable_variables, x])

    function = training if case.mode == "training" else forward

    def work() -> Any:
        return function(x)

    def result() -> list[float]:
        if case.mode != "training":
            return checksum(tf.cast(work(), tf.float32).numpy())
        output, gradients = work()
        return checksum(
            tf.cast(output, tf.float32).numpy(), tf.cast(gradients[1], tf.float32).numpy()
        )

    return work, result
