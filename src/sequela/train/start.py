"""Where training begins: the output layer of a new model at the shares of the classes."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from sequela.errors import ConfigError
from sequela.nn.heads import Classify
from sequela.train.losses import CLASSES, Objective, balanced_shares

__all__ = ["begin_at_shares"]


def begin_at_shares(model: nn.Module, aim: Objective, balance: str) -> None:
    """Sets the biases of the output layer so that a model without a say answers with the shares.

    The shares are those of the loss: of balanced classes there is nothing to set but even odds.
    Kinds of target that are no classes are left alone, see ``Objective.offset``.

    Args:
        model: with one :class:`~sequela.nn.Classify` or more, all of which are set.
        aim: the objective.
        balance: see ``TrainingSettings.balance``.

    Raises:
        ConfigError: the model has no such layer.
    """
    if aim.kind not in CLASSES:
        return
    layers = [layer for layer in model.modules() if isinstance(layer, Classify)]
    if not layers:
        raise ConfigError(
            "setting 'start' of training",
            got="'shares' for a model without a layer nn.Classify",
            wanted="'built'",
        )
    shares = np.asarray(aim.shares)
    logarithms = np.log(shares if balance == "none" else balanced_shares(shares, balance))
    if len(logarithms) == 2:
        logarithms = logarithms[1:] - logarithms[:1]
    with torch.no_grad():
        for layer in layers:
            assert layer.linear.bias is not None
            layer.linear.bias.copy_(torch.from_numpy(logarithms))
