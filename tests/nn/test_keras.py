"""Keras's recurrent layers: its equations in numpy, and Keras itself where it is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from tests.tolerances import REFERENCE

from sequela.errors import ConfigError
from sequela.nn import GRU, LSTM, RNN, from_keras

D, H, B, T = 3, 4, 2, 5
GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}
FORMS = ["SimpleRNN", "SimpleRNN relu", "LSTM", "GRU", "GRU before"]


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def draw(form: str, bias: bool, seed: int = 0) -> list[np.ndarray]:
    """A layer's ``get_weights()``."""
    numbers, gates = np.random.default_rng(seed), GATES[form.split()[0]]
    shapes: list[tuple[int, ...]] = [(D, gates * H), (H, gates * H)]
    if bias:
        shapes.append((2, gates * H) if form == "GRU" else (gates * H,))
    return [numbers.standard_normal(shape) for shape in shapes]


def keras(form: str, weights: list[np.ndarray], x: np.ndarray, backwards: bool = False):
    """Keras's equations over ``x`` ``[B, T, D]``; backwards the steps come as they were read."""
    w, u, *rest = weights
    width = w.shape[1]
    bias = rest[0] if rest else np.zeros(width)
    given, again = bias if bias.ndim == 2 else (bias, np.zeros(width))
    h = c = np.zeros((x.shape[0], H))
    outputs = []
    for step in range(T)[:: -1 if backwards else 1]:
        a = x[:, step] @ w + given
        if form.startswith("SimpleRNN"):
            a = a + h @ u
            h = np.maximum(a, 0) if form.endswith("relu") else np.tanh(a)
        elif form == "LSTM":
            i, f, g, o = np.split(a + h @ u, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            z, r, n = np.split(a, 3, axis=1)
            if form == "GRU":
                hz, hr, hn = np.split(h @ u + again, 3, axis=1)
                z, r = sigmoid(z + hz), sigmoid(r + hr)
                n = np.tanh(n + r * hn)
            else:
                z, r = sigmoid(z + h @ u[:, :H]), sigmoid(r + h @ u[:, H : 2 * H])
                n = np.tanh(n + (r * h) @ u[:, 2 * H :])
            h = z * h + (1 - z) * n
        outputs.append(h)
    return np.stack(outputs, axis=1)


def options_of(form: str, bias: bool) -> dict[str, object]:
    if form == "SimpleRNN relu":
        return {"activation": "relu"}
    return {"reset_after": False} if form == "GRU before" and not bias else {}


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(9).standard_normal((B, T, D))


def run(layer, x: np.ndarray) -> np.ndarray:
    return layer(torch.from_numpy(x))[0].numpy(force=True)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_one_direction(form: str, bias: bool, x: np.ndarray):
    weights = draw(form, bias)
    layer = from_keras(weights, **options_of(form, bias))
    assert type(layer) is {"SimpleRNN": RNN, "LSTM": LSTM, "GRU": GRU}[form.split()[0]]
    assert layer.bias is bias
    np.testing.assert_allclose(run(layer, x), keras(form, weights, x), **REFERENCE)


@pytest.mark.parametrize("form", FORMS)
def test_backwards_keeps_the_order_of_time_where_keras_turns_it(form: str, x: np.ndarray):
    weights = draw(form, True)
    layer = from_keras(weights, go_backwards=True, **options_of(form, True))
    wanted = keras(form, weights, x, backwards=True)
    np.testing.assert_allclose(run(layer, x)[:, ::-1], wanted, **REFERENCE)
    last = from_keras(weights, go_backwards=True, return_sequences=False, **options_of(form, True))
    np.testing.assert_allclose(run(last, x), wanted[:, -1], **REFERENCE)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_two_directions(form: str, bias: bool, x: np.ndarray):
    first, second = draw(form, bias, 1), draw(form, bias, 2)
    forward, backward = keras(form, first, x), keras(form, second, x, backwards=True)[:, ::-1]
    for merge, wanted in {
        "concat": np.concatenate([forward, backward], axis=-1),
        "sum": forward + backward,
        "mean": (forward + backward) / 2,
        "mul": forward * backward,
    }.items():
        layer = from_keras([*first, *second], merge=merge, **options_of(form, bias))
        np.testing.assert_allclose(run(layer, x), wanted, **REFERENCE)


def test_types_and_copies():
    weights = [weight.astype(np.float32) for weight in draw("LSTM", True)]
    layer = from_keras(weights, batch_first=False)
    assert layer.weight_ih_l0.dtype == torch.float32
    assert not layer.batch_first
    before = layer.weight_hh_l0.detach().clone()
    for weight in weights:
        weight[...] = 7.0
    assert torch.equal(layer.weight_hh_l0, before)
    assert from_keras([torch.from_numpy(weight) for weight in weights]).bias


@pytest.mark.parametrize(
    ("weights", "options", "said"),
    [
        (draw("LSTM", True)[:1], {}, "1 arrays"),
        (draw("LSTM", True) + draw("LSTM", True)[:2], {}, "5 arrays"),
        (draw("LSTM", True), {"recurrent_activation": "hard_sigmoid"}, "'hard_sigmoid'"),
        (draw("GRU", True), {"activation": "relu"}, "'relu'"),
        (draw("SimpleRNN", True), {"activation": "selu"}, "'selu'"),
        (draw("GRU", True), {"reset_after": False}, "two rows"),
        (draw("GRU before", True), {"reset_after": True}, "one row"),
        (draw("LSTM", True), {"reset_after": True}, "no GRU"),
        (draw("LSTM", True), {"bias": False}, "leave it out"),
        (draw("LSTM", True), {"num_layers": 2}, "weights that Keras has not"),
        (draw("LSTM", True), {"peephole": True}, "weights that Keras has not"),
        ([np.zeros((D, 2 * H)), np.zeros((H, 2 * H))], {}, "G = 1, 3 or 4"),
        ([np.zeros((D, H)), np.zeros(H)], {}, "shapes"),
        ([np.zeros((0, H)), np.zeros((H, H))], {}, "shapes"),
        ([np.zeros((D, H + 1)), np.zeros((H, H))], {}, "transposed weights"),
        ([np.zeros((D, H)), np.zeros((H, H)), np.zeros(H + 1)], {}, "transposed bias"),
        ([*draw("GRU", True), *draw("GRU before", True)], {}, "alike in each direction"),
        ([np.zeros((D, H), np.float32), np.zeros((H, H))], {}, "types"),
        ([np.zeros((D, H), int), np.zeros((H, H), int)], {}, "floating point"),
        (["kernel", "recurrent"], {}, "got str"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(weights, options, said: str):
    with pytest.raises(ConfigError, match=said):
        from_keras(weights, **options)


REAL = """
import json, sys
import numpy as np
import keras
numbers, answers = np.random.default_rng(0), []
x = numbers.standard_normal((2, 5, 3)).astype("float32")
def answer(layer, **said):
    layer(x)
    shapes = [w.shape for w in layer.get_weights()]
    layer.set_weights([numbers.standard_normal(shape).astype("float32") for shape in shapes])
    weights = [w.tolist() for w in layer.get_weights()]
    output = keras.ops.convert_to_numpy(layer(x)).tolist()
    answers.append({"weights": weights, "output": output, "said": said})
layers = keras.layers
for bias in (True, False):
    for kind, options in (
        (layers.SimpleRNN, {}), (layers.SimpleRNN, {"activation": "relu"}), (layers.LSTM, {}),
        (layers.GRU, {"reset_after": True}), (layers.GRU, {"reset_after": False}),
    ):
        def make(**more):
            return kind(4, use_bias=bias, **options, **more)
        answer(make(return_sequences=True), **options)
        answer(make(), return_sequences=False, **options)
        answer(make(return_sequences=True, go_backwards=True), go_backwards=True, **options)
        for mode, ours in (("concat", "concat"), ("sum", "sum"), ("ave", "mean"), ("mul", "mul")):
            both = layers.Bidirectional(make(return_sequences=True), merge_mode=mode)
            answer(both, merge=ours, **options)
print(json.dumps({"x": x.tolist(), "answers": answers}))
"""


@pytest.mark.skipif(not importlib.util.find_spec("keras"), reason="Keras is not installed")
def test_keras_itself():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", REAL],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    x = np.array(found["x"], np.float32)
    assert len(found["answers"]) == 70
    for case in found["answers"]:
        weights = [np.array(weight, np.float32) for weight in case["weights"]]
        got = run(from_keras(weights, **case["said"]), x)
        got = got[:, ::-1] if case["said"].get("go_backwards") else got
        np.testing.assert_allclose(
            got,
            np.array(case["output"], np.float32),
            rtol=1e-5,
            atol=1e-5,
            err_msg=str(case["said"]),
        )
