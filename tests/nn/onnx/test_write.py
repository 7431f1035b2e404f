"""Our layers as ONNX models, computed by onnxruntime."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.nn.onnx.oracle import CLOSE, compute
from tests.tolerances import EXACT
from torch import nn

from sequela.errors import ConfigError, MissingDependencyError, OutputError
from sequela.nn import GRU, LSTM, RNN, GRUCell, from_onnx, to_onnx

CONFIGURATIONS = 500


def flat(result) -> list[torch.Tensor]:
    if torch.is_tensor(result):
        return [result]
    return [tensor for part in result for tensor in flat(part)]


def draw_layer(rng: random.Random):
    kind = rng.choice(["RNN", "RNN", "LSTM", "LSTM", "GRU", "GRU"])
    options = {
        "num_layers": rng.choice([1, 1, 1, 2, 3]),
        "bias": rng.random() < 0.8,
        "batch_first": rng.random() < 0.5,
        "bidirectional": rng.random() < 0.5,
        "return_sequences": rng.random() < 0.8,
    }
    if options["bidirectional"]:
        options["merge"] = rng.choice(["concat", "concat", "sum", "mean", "mul", None])
    else:
        options["go_backwards"] = rng.random() < 0.4
    if kind == "RNN":
        options["nonlinearity"] = rng.choice(["tanh", "relu", "sigmoid"])
    elif kind == "LSTM":
        options["peephole"] = rng.random() < 0.5
    else:
        options["reset_after"] = rng.random() < 0.5
    sizes = rng.choice([1, 2, 3, 5, 8, 17]), rng.choice([1, 2, 3, 4, 8, 16, 19])
    return {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}[kind](*sizes, **options).eval()


@torch.no_grad()
def agree(seed: int) -> None:
    rng = random.Random(seed)
    torch.manual_seed(seed)
    layer = draw_layer(rng)
    batch, steps = rng.choice([1, 2, 3, 7]), rng.choice([1, 2, 5, 12])
    axes = (batch, steps) if layer.batch_first else (steps, batch)
    feed = {"input": torch.randn(*axes, layer.input_size)}
    lengths = hx = None
    if rng.random() < 0.6:
        least = rng.choice([0, 0, 1])
        lengths = torch.tensor([rng.randint(least, steps) for _ in range(batch)])
        feed["lengths"] = lengths
    if rng.random() < 0.5:
        count = layer.num_layers * (2 if layer.bidirectional else 1)
        parts = ("h_0", "c_0") if isinstance(layer, LSTM) else ("h_0",)
        feed |= {part: torch.randn(count, batch, layer.hidden_size) for part in parts}
        hx = tuple(feed[part] for part in parts)
        hx = hx if len(hx) == 2 else hx[0]
    model = to_onnx(layer, lengths=lengths is not None, initial=hx is not None)
    got = compute(model, feed)
    wanted = flat(layer(feed["input"], hx, lengths=lengths))
    torch.testing.assert_close(
        got, wanted, **CLOSE, msg=lambda text: f"seed {seed}: {layer}\n{text}"
    )


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_onnxruntime_agrees(start: int):
    for seed in range(start, start + 20):
        agree(seed)


@pytest.mark.long
def test_onnxruntime_agrees_on_all_configurations():
    for seed in range(CONFIGURATIONS):
        agree(seed)


def test_every_option_is_drawn():
    layers = [draw_layer(random.Random(seed)) for seed in range(60)]
    for name, values in {
        "mode": {"RNN_TANH", "RNN_RELU", "RNN_SIGMOID", "LSTM", "GRU"},
        "merge": {"concat", "sum", "mean", "mul", None},
        "peephole": {True, False},
        "go_backwards": {True, False},
        "num_layers": {1, 2, 3},
    }.items():
        assert {getattr(layer, name) for layer in layers} == values
    assert {layer.reset_after for layer in layers if isinstance(layer, GRU)} == {True, False}


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_chain_of_layers(batch_first: bool):
    torch.manual_seed(0)
    chain = nn.Sequential(
        LSTM(3, 4, bidirectional=True, merge="sum", num_layers=2, batch_first=batch_first),
        GRU(4, 5, batch_first=batch_first),
        RNN(5, 2, batch_first=batch_first, return_sequences=False),
    )
    x, lengths = torch.randn(3, 6, 3), torch.tensor([6, 0, 2])
    x = x if batch_first else x.transpose(0, 1).contiguous()
    h, c, h_1, h_2 = (torch.randn(*shape) for shape in [(4, 3, 4)] * 2 + [(1, 3, 5), (1, 3, 2)])
    model = to_onnx(chain, lengths=True, initial=True)
    feed = {"input": x, "lengths": lengths, "h_0_0": h, "c_0_0": c, "h_0_1": h_1, "h_0_2": h_2}
    names = [output.name for output in model.graph.output]
    got = dict(zip(names, compute(model, feed), strict=True))
    assert set(got) == {"output", "h_n_0", "c_n_0", "h_n_1", "h_n_2"}
    first, (h_n, c_n) = chain[0](x, (h, c), lengths=lengths)
    second, h_n_1 = chain[1](first, h_1, lengths=lengths)
    third, h_n_2 = chain[2](second, h_2, lengths=lengths)
    wanted = {"output": third, "h_n_0": h_n, "c_n_0": c_n, "h_n_1": h_n_1, "h_n_2": h_n_2}
    torch.testing.assert_close(got, {name: wanted[name] for name in got}, **CLOSE)


def test_dropout_and_training_mode_leave_no_trace():
    layer = GRU(3, 4, num_layers=2, dropout=0.5, recurrent_dropout=0.5)
    x = torch.randn(5, 2, 3)
    got = compute(to_onnx(layer), {"input": x})
    assert layer.training
    torch.testing.assert_close(got, flat(layer.eval()(x)), **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_written_file_gives_the_same_weights(tmp_path: Path, dtype: torch.dtype):
    layer = LSTM(3, 4, bidirectional=True, peephole=True, dtype=dtype)
    path = tmp_path / "folder" / "model.onnx"
    model = to_onnx(layer, path, lengths=True, initial=True)
    assert path.read_bytes() == model.SerializeToString(deterministic=True)
    assert path.read_bytes() == to_onnx(layer, lengths=True, initial=True).SerializeToString()
    (back,) = from_onnx(path).values()
    torch.testing.assert_close(back.state_dict(), layer.state_dict(), **EXACT)


def test_sizes_of_batch_and_time_are_open():
    layer = LSTM(3, 4, batch_first=True)
    model = to_onnx(layer)
    for shape in ((1, 1), (2, 9), (5, 3)):
        x = torch.randn(*shape, 3)
        torch.testing.assert_close(compute(model, {"input": x}), flat(layer(x)), **CLOSE)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (LSTM(3, 4, proj_size=2), "proj_size=2"),
        (GRU(3, 4, zoneout=0.1), "zoneout="),
        (GRU(3, 4, layer_norm=True), "layer_norm=True"),
        (GRU(3, 4, return_all_states=True), "return_all_states=True"),
        (GRU(3, 4, dtype=torch.bfloat16), "bfloat16"),
        (nn.LSTM(3, 4), "accelerate"),
        (GRUCell(3, 4), "GRUCell"),
        ([], "no layer"),
        ([GRU(3, 4), nn.Linear(4, 4)], "layer 1: got Linear"),
        ([GRU(3, 4), GRU(3, 4)], "4 and 3 features"),
        ([GRU(3, 4), GRU(4, 4, batch_first=True)], "batch_first"),
        ([GRU(3, 4), GRU(4, 4).double()], "as types"),
        ([GRU(3, 4, return_sequences=False), GRU(4, 4)], "no sequence"),
        ([GRU(3, 4, bidirectional=True, merge=None), GRU(8, 4)], "no sequence"),
    ],
)
def test_what_onnx_lacks_is_refused_by_name(layers, said: str):
    with pytest.raises(ConfigError, match=said):
        to_onnx(layers)


def test_places_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"writing .*model\.onnx"):
        to_onnx(GRU(3, 4), tmp_path / "file" / "model.onnx")


def test_without_the_package_the_install_line_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'sequela\[onnx\]'"):
        to_onnx(GRU(3, 4))
    with pytest.raises(MissingDependencyError, match=r"pip install 'sequela\[onnx\]'"):
        from_onnx("model.onnx")


def test_the_layers_alone_do_not_import_it():
    code = (
        "import sys, sequela.nn; print(*{'onnx', 'google.protobuf', 'keras'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()
