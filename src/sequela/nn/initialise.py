"""Initial weights by name; a layer's ``initialisation=`` takes one name or several.

- ``torch``: uniform in +-1/sqrt(H), what ``torch.nn`` does.
- ``orthogonal``: each gate's recurrent H x H block is orthogonal (Saxe 2014).
- ``forget_gate_bias``: the forget gate of an LSTM starts open, bias 1 (Gers 2000; Jozefowicz 2015).
- ``identity``: the recurrent weights of a relu RNN are the identity and its biases 0 (Le 2015).

Every function works in place on any of our layers and cells, and on torch's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from sequela.errors import ConfigError

__all__ = ["INITIALISATIONS", "forget_gate_bias", "identity", "initialise", "orthogonal"]


def _named(module: nn.Module, prefix: str) -> Iterator[Tensor]:
    for name, parameter in module.named_parameters(recurse=False):
        if name.startswith(prefix):
            yield parameter


@torch.no_grad()
def orthogonal(module: nn.Module) -> None:
    """Makes each gate's block of every recurrent weight orthogonal."""
    for weight in _named(module, "weight_hh"):
        width = module.hidden_size
        for gate in range(weight.shape[0] // width):  # pyrefly: ignore
            nn.init.orthogonal_(weight[gate * width : (gate + 1) * width])  # pyrefly: ignore


@torch.no_grad()
def forget_gate_bias(module: nn.Module, value: float = 1.0) -> None:
    """Sets the bias of the forget gate, the sum of its two parts, to a value.

    Raises:
        ConfigError: the module is no LSTM or has no bias.
    """
    width = module.hidden_size
    parts = [
        (list(_named(module, name)), part) for name, part in (("bias_ih", value), ("bias_hh", 0))
    ]
    if not parts[0][0] or parts[0][0][0].shape[0] != 4 * width:  # pyrefly: ignore
        raise ConfigError(
            "initialisation 'forget_gate_bias'",
            got=f"{type(module).__name__} without a forget gate's bias",
            wanted="an LSTM with bias=True",
        )
    for biases, part in parts:
        for bias in biases:
            bias[width : 2 * width] = part  # pyrefly: ignore


@torch.no_grad()
def identity(module: nn.Module) -> None:
    """Makes the recurrent weights the identity and the biases 0.

    Raises:
        ConfigError: the module is no RNN with relu.
    """
    if getattr(module, "nonlinearity", None) != "relu":
        raise ConfigError(
            "initialisation 'identity'",
            got=type(module).__name__,
            wanted="an RNN with nonlinearity='relu'",
        )
    for weight in _named(module, "weight_hh"):
        nn.init.eye_(weight)
    for bias in _named(module, "bias"):
        nn.init.zeros_(bias)


INITIALISATIONS = {
    "torch": None,
    "orthogonal": orthogonal,
    "forget_gate_bias": forget_gate_bias,
    "identity": identity,
}


def initialise(module: nn.Module, names: str | Sequence[str]) -> None:
    """Applies named initialisations, one after the other, to a module with torch's initial weights.

    Raises:
        ConfigError: a name is unknown or does not suit the module.
    """
    for name in [names] if isinstance(names, str) else names:
        if name not in INITIALISATIONS:
            raise ConfigError(
                "initialisation", got=repr(name), wanted=f"one of {', '.join(INITIALISATIONS)}"
            )
        function = INITIALISATIONS[name]
        if function is not None:
            function(module)
