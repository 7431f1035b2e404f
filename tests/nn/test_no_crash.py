"""Public calls that end the process in torch are errors here.

Torch 2.13 sizes the LSTM's work by one argument and reads the others without looking at their
shapes: ``nn.LSTM`` with a replaced weight (functional weights, a hypernetwork, a damaged file), and
``torch.lstm`` with weights, states or batch sizes that do not fit, read beyond the end of an array.
``nn.LSTMCell`` now compares shapes, but takes a weight on the meta device and returns what lay in
memory. The deaths are shown in child processes, so that the day torch mends one, this file says so.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

import sequela.nn
from sequela.cells import CellWeights
from sequela.ops import force, run

# Large enough that what lies behind the end of the array is no memory of the process.
H = 4096
PACKED = (
    "torch.{kind}(torch.zeros(0, 4), torch.tensor([], dtype=torch.int64), {state}, "
    "[torch.zeros({rows}, 4), torch.zeros({rows}, 4), torch.zeros({rows}), torch.zeros({rows})], "
    "True, 1, 0.0, False, False)"
)
PRELUDE = f"""
import torch
H = {H}
x = torch.zeros(3, 8, 4)
def weights(rows=4 * H): return [torch.zeros(rows, 4), torch.zeros(rows, H), *torch.zeros(2, rows)]
def states(rows=8, width=H): return torch.zeros(1, rows, width), torch.zeros(1, rows, width)
def lstm(w, hx): return torch.lstm(x, hx, w, True, 1, 0.0, False, False, False)
torch.set_grad_enabled(False)
"""
# What is called, as it stands in a program.
DEATHS = {
    "nn.LSTM with another weight_hh": (
        "m = torch.nn.LSTM(4, H); m.weight_hh_l0 = torch.nn.Parameter(torch.zeros(4, H)); m(x)"
    ),
    "nn.LSTM with another weight_ih": (
        "m = torch.nn.LSTM(100000, 512)\n"
        "m.weight_ih_l0 = torch.nn.Parameter(torch.zeros(1, 100000)); m(torch.zeros(3, 8, 100000))"
    ),
    "torch.lstm with small weights": "lstm(weights(4), states())",
    "torch.lstm without steps": PACKED.format(
        kind="lstm", state="(torch.zeros(1, 0, 4), torch.zeros(1, 0, 4))", rows=16
    ),
    "torch.rnn_tanh without steps": PACKED.format(
        kind="rnn_tanh", state="torch.zeros(1, 0, 4)", rows=4
    ),
}
# One child, which forks for each call: importing torch costs more than all of them.
SCRIPT = """
import os, sys
for call in {calls!r}:
    child = os.fork()
    if not child:
        try:
            exec(call)
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status), flush=True)
"""


@pytest.fixture(scope="module")
def signals() -> dict[str, int]:
    """The signal that ended each call of torch; 0 when it returned, -1 when it raised."""
    code = PRELUDE + SCRIPT.format(calls=list(DEATHS.values()))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return dict(zip(DEATHS, map(int, done.stdout.split()), strict=True))


@pytest.mark.skipif(not torch.__version__.startswith("2.13"), reason="found in torch 2.13")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="found on Linux")
@pytest.mark.parametrize("name", DEATHS)
def test_torch_dies(signals, name):
    assert signals[name] in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT), signals


def replaced(kind, name, shape, **options):
    layer = kind(4, 8, **options)
    setattr(layer, name, nn.Parameter(torch.zeros(shape)))
    return layer


LAYERS = {"RNN": 1, "GRU": 3, "LSTM": 4}
SHAPES = {
    "weight_ih": lambda g: [
        (1, 4),
        (8 * g, 3),
        (8 * g - 1, 4),
        (0, 4),
        (8 * g,),
        (),
        (8 * g, 4, 1),
    ],
    "weight_hh": lambda g: [(4, 8), (8 * g, 7), (8 * g + 1, 8), (8 * g, 0), (8 * g,), ()],
    "bias_ih": lambda g: [(1,), (), (8 * g - 1,), (8 * g + 1,), (0,), (8 * g, 1)],
    "bias_hh": lambda g: [(1,), (), (8 * g - 1,), (8 * g + 1,), (0,), (1, 8 * g)],
}


@pytest.mark.parametrize("backend", [None, "reference", "aten", "native"])
@pytest.mark.parametrize("kind", LAYERS)
def test_our_layers_raise(kind, backend):
    for name, shapes in SHAPES.items():
        for shape in shapes(LAYERS[kind]):
            layer = replaced(getattr(sequela.nn, kind), f"{name}_l0", shape)
            with force(backend), pytest.raises((RuntimeError, ValueError)):
                layer(torch.zeros(3, 2, 4))


@pytest.mark.parametrize("kind", LAYERS)
def test_our_cells_raise(kind):
    for name, shapes in SHAPES.items():
        for shape in shapes(LAYERS[kind]):
            cell = replaced(getattr(sequela.nn, f"{kind}Cell"), name, shape)
            with pytest.raises((RuntimeError, ValueError)):
                cell(torch.zeros(2, 4))


@pytest.mark.parametrize("kind", LAYERS)
def test_weights_without_memory_are_refused(kind):
    # torch's LSTMCell leaves its result uninitialised: other numbers at each call.
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    for name in names:
        cell = getattr(sequela.nn, f"{kind}Cell")(4, 8)
        setattr(cell, name, nn.Parameter(getattr(cell, name).detach().to("meta")))
        with pytest.raises(RuntimeError, match=r"meta|cpu"):
            cell(torch.zeros(2, 4))
        layer = getattr(sequela.nn, kind)(4, 8)
        weight = getattr(layer, f"{name}_l0").detach().to("meta")
        setattr(layer, f"{name}_l0", nn.Parameter(weight))
        with pytest.raises(RuntimeError, match=r"meta|cpu"):
            layer(torch.zeros(3, 2, 4))


@pytest.mark.parametrize("cell", ["rnn_tanh", "lstm", "gru_after", "gru_before"])
def test_sequences_without_steps_return_their_initial_state(cell):
    gates = {"rnn_tanh": 1, "lstm": 4}.get(cell, 3)
    weights = CellWeights(torch.zeros(4 * gates, 4), torch.zeros(4 * gates, 4))
    initial = (torch.randn(2, 4), torch.randn(2, 4))[: 2 if cell == "lstm" else 1]
    sizes = torch.tensor([], dtype=torch.int64)
    result = run(cell, torch.zeros(0, 4), sizes, initial, weights)
    assert result.output.shape == (0, 4)
    assert all(torch.equal(*pair) for pair in zip(result.final, initial, strict=True))


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("sizes", [[1 << 20], [2, -1], [1, 2], [3, 1], [2, 0], [1 << 62, 1 << 62]])
def test_batch_sizes_that_do_not_fit_are_refused(kind, sizes):
    packed = PackedSequence(torch.zeros(3, 4), torch.tensor(sizes))
    with pytest.raises(RuntimeError):
        getattr(sequela.nn, kind)(4, 8)(packed)
