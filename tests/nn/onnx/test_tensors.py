"""Damaged and hostile ONNX files are refused, whatever stands in them."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from tests.tolerances import EXACT

from sequela.errors import BundleError, ConfigError, SequelaError
from sequela.nn import LSTM, from_onnx, from_onnx_node, to_onnx
from sequela.nn.onnx.tensors import load, tensor


@pytest.fixture
def proto() -> TensorProto:
    return numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "w")


def layer() -> LSTM:
    torch.manual_seed(0)
    return LSTM(2, 3, bidirectional=True, peephole=True)


def external(folder: Path, **change: str) -> onnx.ModelProto:
    """A model whose weights lie in a file beside it, with one tensor's entry changed."""
    model = to_onnx(layer())
    onnx.save_model(
        model,
        folder / "model.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    weight = next(entry for entry in model.graph.initializer if entry.name.startswith("weight"))
    entries = {entry.key: entry.value for entry in weight.external_data} | change
    del weight.external_data[:]
    for key, value in entries.items():
        weight.external_data.add(key=key, value=value)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return model


def test_external_data_beside_the_model(tmp_path: Path):
    model = external(tmp_path)
    (got,) = from_onnx(tmp_path / "model.onnx").values()
    torch.testing.assert_close(got.state_dict(), layer().state_dict(), **EXACT)
    with pytest.raises(ConfigError, match=r"external data of a model in memory.*path"):
        from_onnx(model)
    with pytest.raises(ConfigError, match="external data of a model in memory"):
        from_onnx((tmp_path / "model.onnx").read_bytes())


def test_external_data_in_a_folder_below_and_through_a_relative_path(tmp_path, monkeypatch):
    external(tmp_path)
    (tmp_path / "below").mkdir()
    (tmp_path / "weights.bin").rename(tmp_path / "below" / "weights.bin")
    model = onnx.load(tmp_path / "model.onnx", load_external_data=False)
    for weight in model.graph.initializer:
        for entry in weight.external_data:
            if entry.key == "location":
                entry.value = "below/weights.bin"
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    monkeypatch.chdir(tmp_path)
    (got,) = from_onnx("model.onnx").values()
    torch.testing.assert_close(got.state_dict(), layer().state_dict(), **EXACT)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"location": "../secret.bin"}, "folder of the model"),
        ({"location": "/etc/hostname"}, "folder of the model"),
        ({"location": "link.bin"}, "folder of the model"),
        ({"location": "a/../../secret.bin"}, "folder of the model"),
        ({"location": ""}, "folder of the model"),
        ({"location": "a\0b"}, "folder of the model|path that cannot be"),
        ({"location": "x" * 5000}, "folder of the model|name too long"),
        ({"location": "."}, "no regular file"),
        ({"location": "pipe"}, "no regular file"),
        ({"location": "absent.bin"}, "no such file"),
        ({"offset": "-4"}, "no number"),
        ({"offset": "9" * 18}, "at least"),
        ({"offset": "9" * 5000}, "no number"),
        ({"length": "4"}, "got 4 bytes"),
        ({"length": "one"}, "no number"),
    ],
)
def test_external_data_elsewhere_are_refused(tmp_path: Path, change: dict[str, str], said: str):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(1000))
    external(folder, **change)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    os.mkfifo(folder / "pipe")
    with pytest.raises(BundleError, match=said):
        from_onnx(folder / "model.onnx")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dims": [2, 4]}, "24 bytes, wanted 32"),
        ({"dims": [2**40, 2**40]}, "24 bytes, wanted"),
        ({"dims": [-2, -3]}, "no size below 0"),
        ({"dims": [0, 2**62]}, "24 bytes, wanted 0"),
        ({"raw_data": b"abc"}, "3 bytes, wanted 24"),
        ({"float_data": [1.0]}, "1 numbers, wanted 6"),
        ({"data_type": TensorProto.DOUBLE}, "24 bytes, wanted 48"),
    ],
)
def test_sizes_that_do_not_fit_their_bytes(proto: TensorProto, change, said: str):
    if "float_data" in change:
        proto.ClearField("raw_data")
    for name, value in change.items():
        if isinstance(value, list):
            del getattr(proto, name)[:]
            getattr(proto, name).extend(value)
        else:
            setattr(proto, name, value)
    with pytest.raises(BundleError, match=f"ONNX tensor 'w'.*{said}"):
        tensor(proto, None)


@pytest.mark.parametrize("kind", [0, TensorProto.STRING, TensorProto.INT64, TensorProto.INT4, 999])
def test_other_types_are_refused(proto: TensorProto, kind: int):
    proto.data_type = kind
    with pytest.raises(ConfigError, match=f"type number {kind}"):
        tensor(proto, None)


def test_parts_and_wide_numbers_are_refused(proto: TensorProto):
    half = TensorProto(name="w", data_type=TensorProto.FLOAT16, dims=[1], int32_data=[1 << 16])
    with pytest.raises(BundleError, match="more than 16 bits"):
        tensor(half, None)
    proto.segment.begin = 1
    with pytest.raises(BundleError, match="a whole tensor"):
        tensor(proto, None)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_lists_of_numbers(dtype):
    value = np.array([[1.5, -2.0], [0.25, 65504.0]], dtype)
    listed = onnx.helper.make_tensor(
        "w", onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape, value.ravel()
    )
    assert not listed.HasField("raw_data")
    torch.testing.assert_close(tensor(listed, None), torch.from_numpy(value), **EXACT)


def test_files_that_are_none(tmp_path: Path):
    with pytest.raises(BundleError, match="no such file"):
        load(tmp_path / "absent.onnx")
    with pytest.raises(BundleError, match="no regular file"):
        load(tmp_path)
    (tmp_path / "text.onnx").write_text("not a model at all")
    with pytest.raises(BundleError, match="18 bytes that are no ONNX model"):
        load(tmp_path / "text.onnx")
    with pytest.raises(BundleError, match="operator sets"):
        from_onnx(b"")


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path):
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(2**31)  # a hole: it takes no space
    with pytest.raises(BundleError, match="at most 2147483647"):
        load(tmp_path / "huge.onnx")


def attack(seed: int, whole: bytes) -> None:
    """One damaged file: it is refused with an error of ours, or read as something that runs."""
    rng = random.Random(seed)
    data = bytearray(whole)
    for _ in range(rng.choice([1, 1, 2, 5, 30])):
        place = rng.randrange(len(data))
        way = rng.randrange(4)
        if way == 0:
            data[place] = rng.randrange(256)
        elif way == 1:
            data[place] ^= 1 << rng.randrange(8)
        elif way == 2:
            del data[place : place + rng.choice([1, 1, 4, 100])]
        else:
            data[place:place] = rng.choice([rng.randbytes(3), b"\xff" * 9, bytes(8)])
        if not data:
            return
    try:
        layers = from_onnx(bytes(data))
    except SequelaError:
        return
    for found in layers.values():
        width = found.input_size
        with torch.no_grad():
            found(torch.zeros(1, 1, width, dtype=found.weight_ih_l0.dtype))


@pytest.mark.parametrize("start", range(0, 1000, 500))
def test_damaged_files(start: int):
    whole = to_onnx(layer(), lengths=True, initial=True).SerializeToString()
    for seed in range(start, start + 500):
        attack(seed, whole)


@pytest.mark.long
def test_many_damaged_files():
    whole = to_onnx(layer(), lengths=True, initial=True).SerializeToString()
    for seed in range(20_000):
        attack(seed, whole)


def test_text_that_is_none():
    """protobuf hands it over as bytes, which do not compare with other names."""
    node = onnx.helper.make_node("GRU", ["X", "W", "R"], ["Y"], name="name")
    add = onnx.helper.make_node("Add", ["X", "X"], ["Z"])
    for nodes, torn in (([node], b"name"), ([add, node], b"GRU"), ([node], b"default")):
        graph = onnx.helper.make_graph(nodes, "g", [], [])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)])
        model.graph.doc_string = "default"
        data = model.SerializeToString()
        assert torn in data
        with pytest.raises(SequelaError):
            from_onnx(data.replace(torn, b"\xff" * len(torn)))


def test_external_data_with_a_place_that_is_no_text(tmp_path: Path):
    external(tmp_path)
    path = tmp_path / "model.onnx"
    path.write_bytes(path.read_bytes().replace(b"weights.bin", b"weights.bi\xff"))
    with pytest.raises(BundleError, match="a damaged 'location'"):
        from_onnx(path)


def test_every_cut_of_a_file():
    whole = to_onnx(layer()).SerializeToString()
    for length in range(0, len(whole), 7):
        with pytest.raises(SequelaError):
            from_onnx(whole[:length])


def test_names_out_of_a_file_are_cut_in_messages():
    node = onnx.helper.make_node("GRU", ["X", "W", "R"], ["Y"], name="n" * 100_000, clip=1.0)
    with pytest.raises(ConfigError) as caught:
        from_onnx_node(node, {})
    assert len(str(caught.value)) < 300
