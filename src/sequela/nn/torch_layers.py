"""torch's recurrent layers turned into ours inside any model, and back.

A layer is turned in place: the object stays, and so do its ``Parameter`` objects, hooks, training
mode, device, types and whatever the user hung on it; only its class and what that class computes
with change. So optimizers, tied weights, shared layers and references from anywhere keep working.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from sequela.errors import ConfigError
from sequela.nn.cells import GRUCell, LSTMCell, RNNCell
from sequela.nn.recurrent import GRU, LSTM, RNN

__all__ = ["accelerate", "from_torch", "to_torch"]

_Model = TypeVar("_Model", bound=nn.Module)
_Twins = Mapping[type[nn.Module], type[nn.Module]]

_OURS: _Twins = {
    nn.RNN: RNN,
    nn.LSTM: LSTM,
    nn.GRU: GRU,
    nn.RNNCell: RNNCell,
    nn.LSTMCell: LSTMCell,
    nn.GRUCell: GRUCell,
}
_TORCHS: _Twins = {ours: torchs for torchs, ours in _OURS.items()}
_TORCH_BASES = (nn.RNNBase, nn.RNNCellBase)
_OUR_BASES = (*_TORCHS,)

# Arguments that torch's constructors and ours share; a class takes those that it has.
_ARGUMENTS = (
    "input_size",
    "hidden_size",
    "num_layers",
    "nonlinearity",
    "bias",
    "batch_first",
    "dropout",
    "bidirectional",
    "proj_size",
)
# What torch's layers do; where one of ours does anything else, torch cannot take it over.
_TORCH_OPTIONS = {
    "return_sequences": True,
    "return_all_states": False,
    "go_backwards": False,
    "recurrent_dropout": 0.0,
    "layer_norm": False,
    "peephole": False,
    "reset_after": True,
}
# What every module holds: parameters, hooks, training mode. It is never touched.
_MODULE_STATE = frozenset(vars(nn.Module()))


def accelerate(model: _Model) -> _Model:
    """Turns torch's recurrent layers and cells, at any depth of a model, into ours, in place.

    Kept: the ``Parameter`` objects themselves (optimizers, ``requires_grad``, ``grad``, tied
    weights), shared layers, names, the ``state_dict``, hooks (so also ``weight_norm`` and pruning
    by hooks), training mode, device and type. ``isinstance(layer, torch.nn.LSTM)`` is false then.

    Left as they are, with one warning that names them and says why: subclasses of torch's layers
    (their ``forward`` may do anything), layers with a parametrization (accelerate first, then
    parametrize), layers whose ``forward`` was replaced, and scripted ones.

    Args:
        model: any module; it may be a recurrent layer itself.

    Returns:
        The same object.

    Raises:
        ConfigError: it is no module.
    """
    found, left = _find(model, "accelerate", _OURS, _TORCH_BASES)
    for layer in found.values():
        _turn(layer, _OURS[type(layer)])
    _say("accelerate", left)
    return model


def to_torch(model: _Model) -> _Model:
    """Turns our recurrent layers, at any depth of a model, into torch's, in place.

    The inverse of :func:`accelerate`, with the same objects kept. Nothing is changed when one layer
    has an option that torch lacks. ``masked_output`` and ``initialisation`` are no obstacle: the
    one is about calls that torch does not have, the other is done.

    Args:
        model: any module; it may be a recurrent layer itself.

    Returns:
        The same object.

    Raises:
        ConfigError: it is no module, or a layer has options that torch lacks, by name.
    """
    found, left = _find(model, "to_torch", _TORCHS, _OUR_BASES)
    for name, layer in found.items():
        beyond = _beyond_torch(layer)
        if beyond:
            raise ConfigError(
                f"to_torch: {name}",
                got=f"{type(layer).__name__} with {', '.join(beyond)}",
                wanted="only what torch.nn has",
            )
    for layer in found.values():
        _turn(layer, _TORCHS[type(layer)])
    _say("to_torch", left)
    return model


def from_torch(layer: nn.Module) -> Any:
    """One of torch's recurrent layers or cells as a new one of ours, with copied weights.

    Args:
        layer: ``torch.nn.RNN``, ``LSTM``, ``GRU``, or one of their cells. It is not changed.

    Raises:
        ConfigError: it is something else, or one that :func:`accelerate` leaves as it is.
    """
    reason = "" if type(layer) in _OURS else "another class"
    reason = reason or _obstacle(layer)
    if reason:
        raise ConfigError(
            "from_torch",
            got=f"{type(layer).__name__}: {reason}",
            wanted="torch.nn.RNN, LSTM, GRU or one of their cells",
            todo="For a whole model there is accelerate.",
        )
    result = copy.deepcopy(layer)
    _turn(result, _OURS[type(layer)])
    return result


def _find(
    model: nn.Module, verb: str, twins: _Twins, bases: tuple[type, ...]
) -> tuple[dict[str, nn.Module], dict[str, str]]:
    """Layers to turn, by name, and reasons of those that are left."""
    if not isinstance(model, nn.Module):
        raise ConfigError(verb, got=type(model).__name__, wanted="a torch.nn.Module")
    found: dict[str, nn.Module] = {}
    left: dict[str, str] = {}
    for name, module in model.named_modules():
        name = name or "the model itself"
        if type(module) in twins:
            reason = _obstacle(module)
        elif is_parametrized(module) and isinstance(module, bases):
            reason = "it is parametrized; parametrize afterwards"
        elif isinstance(module, bases):
            reason = f"{type(module).__name__} is a class of its own"
        elif getattr(module, "original_name", None) in {kind.__name__ for kind in twins}:
            reason = "it is scripted"
        else:
            continue
        if reason:
            left[name] = reason
        else:
            found[name] = module
    return found, left


def _obstacle(layer: nn.Module) -> str:
    return "its forward was replaced" if "forward" in vars(layer) else ""


def _say(verb: str, left: dict[str, str]) -> None:
    if left:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left.items())
        warnings.warn(f"{verb} left as they are: {reasons}", stacklevel=3)


def _beyond_torch(layer: nn.Module) -> list[str]:
    """Options of one of our layers that torch lacks, as they would be written."""
    beyond = [
        f"{name}={getattr(layer, name)!r}"
        for name, wanted in _TORCH_OPTIONS.items()
        if getattr(layer, name, wanted) != wanted
    ]
    if getattr(layer, "bidirectional", False) and layer.merge != "concat":
        beyond.append(f"merge={layer.merge!r}")
    if any(getattr(layer, "zoneout", ())):
        beyond.append(f"zoneout={layer.zoneout}")
    if getattr(layer, "nonlinearity", None) == "sigmoid":
        beyond.append("nonlinearity='sigmoid'")
    return beyond


def _blank(layer: nn.Module, kind: Callable[..., nn.Module]) -> nn.Module:
    """A module of a class with the arguments of a layer and without memory for weights."""
    arguments = {name: getattr(layer, name) for name in _ARGUMENTS if hasattr(layer, name)}
    if not isinstance(layer, (nn.LSTM, LSTM)):
        arguments.pop("proj_size", None)
    with warnings.catch_warnings():
        # The layer has been warned about when it was made.
        warnings.simplefilter("ignore")
        return kind(**arguments, device=torch.device("meta"))


def _turn(layer: nn.Module, kind: type[nn.Module]) -> None:
    stale, fresh = vars(_blank(layer, type(layer))), vars(_blank(layer, kind))
    state = vars(layer)
    for name in stale.keys() - _MODULE_STATE:
        state.pop(name, None)
    # As torch.nn.utils.parametrize does; every reference to the object sees the new class.
    layer.__class__ = kind
    state.update({name: value for name, value in fresh.items() if name not in _MODULE_STATE})
    if isinstance(layer, nn.RNNBase):
        layer._init_flat_weights()
