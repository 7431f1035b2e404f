"""The model on disk: weights, how to build it, how to prepare its input, and its card.

A bundle is a folder of ``model.safetensors``, ``config.json``, ``MODEL_CARD.md`` and
``manifest.json``. It holds data only: no pickle, no code, no path. The configuration can name
models that are built in, nothing else. It loads without the data set it was made from.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sequela.bundle.card import card_text
from sequela.bundle.manifest import parse_json, read_verified, write_verified
from sequela.errors import BundleError, ConfigError
from sequela.files import publish_directory

__all__ = ["FORMAT", "Bundle", "load", "save"]

FORMAT = 1
_WEIGHTS, _CONFIG, _CARD = "model.safetensors", "config.json", "MODEL_CARD.md"
_KEYS = {
    "format": int,
    "model": dict,
    "kind": str,
    "classes": list,
    "logit_shift": list,
    "preparation": dict,
    "card": dict,
}
_BAD_WEIGHT, _GOOD_WEIGHT = "NaN or an infinite value", "finite weights"
# In-place functions that only set values; `orthogonal_` would compute for nothing.
_SETS = {"normal_", "uniform_", "trunc_normal_", "orthogonal_", "eye_", "constant_", "zeros_"}
_KINDS = (
    "binary",
    "multiclass",
    "regression",
    "multilabel",
    "count",
    "time_to_event",
    "quantile",
    "likelihood",
    "tags",
)


@dataclass(frozen=True)
class Bundle:
    """A model that was loaded, with all that its use needs.

    Args:
        model: in evaluation mode, on the CPU; ``forward(batch)`` gives logits.
        preparation: what turns records into batches (vocabulary, scaling), as the encoder's
            ``from_dict`` takes it.
        card: the model card.
        kind: "binary", "multiclass", "regression", "multilabel", "count", "time_to_event",
            "quantile", "likelihood" (of what is read) or "tags" (of the tokens of notes).
        classes: names of the classes, labels, intervals or numbers, in the order of the outputs.
        logit_shift: what ``predict`` adds to the outputs (see ``train.recalibrate``); empty: none.
        name: the recipe's name.
        arguments: what the recipe was built with.
    """

    model: nn.Module
    preparation: dict[str, Any]
    card: dict[str, Any]
    kind: str = "binary"
    classes: list[str] = field(default_factory=list)
    logit_shift: list[float] = field(default_factory=list)
    name: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)


def _json_bytes(config: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(config, indent=1, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            "the configuration of the bundle",
            got=type(error).__name__,
            wanted="plain texts, finite numbers, lists and tables",
        ) from error
    return (text + "\n").encode()


def save(
    path: Path | str,
    model_name: str,
    model_arguments: Mapping[str, Any],
    state_dict: Mapping[str, Tensor],
    preparation: Mapping[str, Any],
    card: Mapping[str, Any],
    *,
    kind: str = "binary",
    classes: Sequence[str] = (),
    logit_shift: Sequence[float] = (),
) -> Path:
    """Writes a bundle, whole or not at all.

    Args:
        path: the new folder; must not exist.
        model_name: the recipe, as ``sequela.recipes.build`` knows it.
        model_arguments: plain numbers and texts for its constructor.
        state_dict: the weights; parts that share memory are stored each on its own.
        preparation: what the encoder's ``to_dict`` gave.
        card: texts, numbers, lists and tables for the model card; ``title`` is its heading.
        kind: see :class:`Bundle`.
        classes: names of the classes, labels, intervals or numbers.
        logit_shift: what is added to the outputs; none by default.

    Returns:
        The folder.

    Raises:
        ConfigError: something is not plain data, the kind is unknown, the shift does not fit the
            classes, or a weight is not finite.
        OutputError: the folder exists, the disk is full, or the place cannot be written.
    """
    config = {
        "format": FORMAT,
        "model": {"name": model_name, "arguments": dict(model_arguments)},
        "kind": kind,
        "classes": [str(name) for name in classes],
        "logit_shift": [float(value) for value in logit_shift],
        "preparation": dict(preparation),
        "card": dict(card),
    }
    if wrong := _wrong_entry(config):
        raise ConfigError("the configuration of the bundle", got=f"a wrong '{wrong}'")
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in state_dict.items()
    }
    if name := _not_finite(tensors):
        raise ConfigError(f"tensor '{name}' of the bundle", got=_BAD_WEIGHT, wanted=_GOOD_WEIGHT)
    contents = {
        _WEIGHTS: tensor_bytes(tensors),
        _CONFIG: _json_bytes(config),
        _CARD: card_text(config, sum(tensor.numel() for tensor in tensors.values())).encode(),
    }
    path = Path(path)
    with publish_directory(path) as folder:
        write_verified(folder, contents)
    return path


def _built_in(name: str, **arguments: Any) -> nn.Module:
    from sequela import recipes

    return recipes.build(name, **arguments)


def _checked_config(raw: bytes, path: Path) -> dict[str, Any]:
    config = parse_json(raw, path)
    if not isinstance(config, dict):
        raise BundleError(f"file {path}", got=type(config).__name__, wanted="keys and values")
    if config.get("format") != FORMAT:
        raise BundleError(
            f"file {path}",
            got=f"format {config.get('format')!r}"[:60],
            wanted=f"format {FORMAT}",
            todo="Use the version of Sequela that wrote it, or a newer one.",
        )
    if wrong := _wrong_entry(config):
        raise BundleError(f"file {path}", got=f"a wrong or missing '{wrong}'"[:80])
    return config


def _wrong_entry(config: Mapping[str, Any]) -> str | None:
    """The first entry of a configuration that is not what it should be."""
    for key, kind in _KEYS.items():
        if type(config.get(key)) is not kind:
            return key
    for key in sorted(set(config) - set(_KEYS)):
        return key
    model = config["model"]
    if not isinstance(model.get("name"), str) or not isinstance(model.get("arguments"), dict):
        return "model"
    if config["kind"] not in _KINDS:
        return "kind"
    if not all(isinstance(name, str) for name in config["classes"]):
        return "classes"
    return None if _shift_fits(config) else "logit_shift"


def _shift_fits(config: Mapping[str, Any]) -> bool:
    """Finite numbers: none, one that moves class 1 of two, or one for each class."""
    shift, classes = config["logit_shift"], len(config["classes"])
    if not all(type(value) in (int, float) and abs(value) <= sys.float_info.max for value in shift):
        return False
    allowed = {0}
    if config["kind"] == "binary":
        allowed |= {1}
    elif config["kind"] == "multiclass":
        # The names of the classes may be left out; then the model's outputs are not known here.
        allowed |= {classes or len(shift)} | ({1} if classes <= 2 else set())
    elif config["kind"] in ("multilabel", "time_to_event"):
        allowed |= {classes or len(shift)}
    elif config["kind"] == "count":
        allowed |= {1}
    return len(shift) in allowed


def _not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The first tensor that holds NaN or an infinite value."""
    for name, tensor in sorted(tensors.items()):
        if not bool(torch.isfinite(tensor).all()):
            return name
    return None


class _Unset(TorchFunctionMode):
    """First values are left out: on "meta" their functions load torch's compiler, a second."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Calls a function, or gives its tensor back as it is."""
        given = kwargs or {}
        if getattr(func, "__name__", "") in _SETS:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def _check_weights(
    make: Callable[[], nn.Module], tensors: Mapping[str, Tensor], path: Path
) -> None:
    """Compares the weights with those of the model, without the memory that these would take.

    A configuration can claim any size; what is built after this is as large as the weights are.
    """
    try:
        with torch.device("meta"), _Unset():
            wanted = make().state_dict()
    except (RuntimeError, TypeError, OverflowError, MemoryError) as error:
        raise BundleError(
            f"the model of {path.parent}", got="a size that cannot be built", todo="Make it again."
        ) from error
    for name in [*sorted(set(wanted) - set(tensors)), *sorted(set(tensors) - set(wanted))]:
        got = "no such tensor" if name in wanted else "a tensor that the model does not have"
        raise BundleError(f"tensor '{name}' of {path}", got=got)
    for name, tensor in tensors.items():
        found, needed = (
            f"{str(item.dtype).removeprefix('torch.')} {list(item.shape)}"
            for item in (tensor, wanted[name])
        )
        if found != needed:
            raise BundleError(f"tensor '{name}' of {path}", got=found, wanted=needed)
    if name := _not_finite(tensors):
        raise BundleError(f"tensor '{name}' of {path}", got=_BAD_WEIGHT, wanted=_GOOD_WEIGHT)


def load(path: Path | str, builder: Callable[..., nn.Module] | None = None) -> Bundle:
    """Reads a bundle; every file's checksum is verified before anything in it is used.

    Args:
        path: the folder that :func:`save` wrote.
        builder: makes the model of a name and arguments; ``sequela.recipes.build`` by default, so
            that a bundle can name built-in models only. It is called twice, the first time on
            torch's device "meta", to compare sizes before memory is taken.

    Raises:
        BundleError: a file is missing, damaged or of another format, or the weights do not fit.
        ConfigError: the model's name or arguments are unknown.
    """
    folder = Path(path)
    contents = read_verified(folder, (_WEIGHTS, _CONFIG))
    config = _checked_config(contents[_CONFIG], folder / _CONFIG)
    try:
        tensors = parse_tensors(contents[_WEIGHTS])
    except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a type torch lacks
        raise BundleError(f"file {folder / _WEIGHTS}", got="damaged tensors") from error
    make = partial(builder or _built_in, config["model"]["name"], **config["model"]["arguments"])
    # The first values of the weights are thrown away: the caller's generator must not move.
    with torch.random.fork_rng(devices=[]):
        _check_weights(make, tensors, folder / _WEIGHTS)
        model = make()
    model.load_state_dict(tensors)
    return Bundle(
        model=model.eval(),
        preparation=config["preparation"],
        card=config["card"],
        kind=config["kind"],
        classes=config["classes"],
        logit_shift=config["logit_shift"],
        name=config["model"]["name"],
        arguments=config["model"]["arguments"],
    )
