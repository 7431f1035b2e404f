"""Bytes of ONNX files as models and tensors, with nothing taken on trust.

A size is compared with the bytes that are there before memory is taken for it, and external data
are read only from the folder of the model.
"""

from __future__ import annotations

import math
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sequela.errors import BundleError, ConfigError
from sequela.nn.onnx.nodes import library, short

__all__ = ["load", "tensor"]

# Protocol buffers end here; larger models keep their weights in external files.
_LARGEST = 2**31 - 1

# ONNX's number of a type: its name, torch's type, and numpy's for the bytes in a file.
_TYPES = {
    1: ("float_data", torch.float32, "<f4"),
    10: ("int32_data", torch.float16, "<f2"),
    11: ("double_data", torch.float64, "<f8"),
    16: ("int32_data", torch.bfloat16, "<i2"),
}


def load(source: Any) -> tuple[Any, Path | None]:
    """A model and the folder of its file (None for a model in memory).

    Args:
        source: a path, the bytes of a file, or a ``ModelProto``.

    Raises:
        BundleError: there is no such file, or it is no ONNX model.
        MissingDependencyError: the package ``onnx`` is not installed.
    """
    onnx = library()
    if isinstance(source, onnx.ModelProto):
        return source, None
    if isinstance(source, bytes):
        return _parse(source, "ONNX model"), None
    path = Path(source)
    return _parse(_read(path, 0, None, f"ONNX file {path}"), f"ONNX file {path}"), path.parent


def _parse(data: bytes, where: str) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return library().ModelProto.FromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise BundleError(where, got=f"{len(data)} bytes that are no ONNX model") from error


def _read(path: Path, offset: int, count: int | None, where: str) -> bytes:
    """``count`` bytes of a regular file, or all of it."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(where, got="no regular file")
        size = status.st_size if count is None else count
        if size > _LARGEST and count is None:
            raise BundleError(where, got=f"{size} bytes", wanted=f"at most {_LARGEST}")
        if offset + size > status.st_size:
            raise BundleError(
                where, got=f"{status.st_size} bytes", wanted=f"at least {offset + size}"
            )
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
    except (OSError, ValueError) as error:
        if isinstance(error, BundleError):
            raise
        reason = getattr(error, "strerror", None) or "a path that cannot be"
        raise BundleError(where, got=reason.lower()) from error


def tensor(proto: Any, folder: Path | None) -> Tensor:
    """The tensor that a ``TensorProto`` holds, in memory of its own.

    Args:
        proto: of type float16, bfloat16, float or double.
        folder: where the model lies; None refuses external data.

    Raises:
        BundleError: it is damaged, or its data lie outside the folder.
        ConfigError: it is of another type, or external without a folder.
    """
    where = f"ONNX tensor {short(proto.name)}"
    if proto.data_type not in _TYPES:
        raise ConfigError(
            where,
            got=f"type number {proto.data_type}",
            wanted="float16, bfloat16, float or double",
        )
    field, kind, stored = _TYPES[proto.data_type]
    shape = list(proto.dims)
    if min(shape, default=0) < 0 or proto.HasField("segment"):
        raise BundleError(where, got=f"shape {shape}", wanted="a whole tensor, no size below 0")
    count = math.prod(shape)
    width = np.dtype(stored).itemsize
    if proto.data_location == proto.EXTERNAL:
        data = _external(proto, folder, count * width, where)
    elif proto.HasField("raw_data"):
        data = proto.raw_data
    else:
        data = _numbers(getattr(proto, field), field, stored, count, where)
    if len(data) != count * width:
        raise BundleError(
            where, got=f"{len(data)} bytes", wanted=f"{count * width} for shape {shape}"
        )
    array = np.frombuffer(data, dtype=stored).astype(stored[1:], copy=True).reshape(shape)
    whole = torch.from_numpy(array)
    return whole.view(torch.bfloat16) if kind == torch.bfloat16 else whole


def _numbers(values: Any, field: str, stored: str, count: int, where: str) -> bytes:
    """A list of numbers as the bytes that they would be."""
    if len(values) != count:
        raise BundleError(where, got=f"{len(values)} numbers", wanted=count)
    if field != "int32_data":
        return np.asarray(values, dtype=stored).tobytes()
    # Sixteen bits each, written as whole numbers.
    bits = np.asarray(values, dtype=np.int64)
    if bits.size and not 0 <= bits.min() <= bits.max() < 1 << 16:
        raise BundleError(where, got="a number of more than 16 bits")
    return bits.astype("<u2").tobytes()


def _external(proto: Any, folder: Path | None, count: int, where: str) -> bytes:
    if folder is None:
        raise ConfigError(
            where, got="external data of a model in memory", todo="Give the path of the file."
        )
    entries = _entries(proto.external_data, where)
    place = entries.get("location", "")
    try:
        path = Path(folder, place).resolve()
        inside = bool(place) and path.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        path, inside = folder, False
    if not inside or Path(place).is_absolute():
        raise BundleError(
            where, got=f"data in {short(place)}", wanted="a file in the folder of the model"
        )
    numbers = [entries.get("offset", "0"), entries.get("length", str(count))]
    if not all(text.isascii() and text.isdigit() and len(text) < 20 for text in numbers):
        raise BundleError(where, got="an offset or length that is no number")
    offset, length = map(int, numbers)
    if length != count:
        raise BundleError(where, got=f"{length} bytes", wanted=count)
    return _read(path, offset, count, f"{where} in {short(place)}")


def _entries(pairs: Iterable[Any], where: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    for pair in pairs:
        # protobuf gives damaged text as bytes.
        if pair.key in entries or not isinstance(pair.value, str):
            raise BundleError(where, got=f"a damaged {short(pair.key)} in its external data")
        entries[pair.key] = pair.value
    return entries
