"""What is predicted, and the loss of each sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sequela.errors import ConfigError, DataError, LabelError, TrainingError

__all__ = ["Objective", "objective", "sample_losses", "task_kind"]


@dataclass(frozen=True)
class Objective:
    """What the model is to predict.

    Args:
        kind: "binary", "multiclass" or "regression".
        shares: the share of each class in the training part; empty for regression.
        weights: what the loss of a training sample of each class counts, 1 on average over the
            training part; empty when all count 1.
        label_smoothing: for classes.
        tuning_weights: the same for the tuning part. The sampler balances by what it draws, and
            the tuning part is never drawn from: it is weighted for either balance.
    """

    kind: str
    shares: tuple[float, ...]
    weights: tuple[float, ...]
    label_smoothing: float
    tuning_weights: tuple[float, ...] = ()


def task_kind(target: np.ndarray, kind: str = "auto") -> str:
    """The kind of a target; see ``TrainingSettings.kind``.

    Args:
        target: ``[n]``.
        kind: what the settings say.
    """
    if kind != "auto":
        return kind
    if target.dtype.kind in "iu":
        return "multiclass"
    if target.dtype.kind == "b" or (len(target) and np.isin(target, (0, 1)).all()):
        return "binary"
    return "regression"


def _checked_classes(target: np.ndarray, kind: str, part: str) -> np.ndarray:
    floats = target.dtype.kind == "f"
    bad = ~np.isfinite(target) if floats else np.zeros(len(target), bool)
    if kind == "regression":
        if bad.any():
            raise DataError(
                f"the target of the {part} part, row {np.flatnonzero(bad)[0]}",
                got="NaN or an infinite value",
                wanted="a finite number",
            )
        return target
    wanted = "0 or 1" if kind == "binary" else "a whole number from 0"
    bad |= ~np.isin(target, (0, 1)) if kind == "binary" else (target < 0)
    if floats and kind == "multiclass":
        bad |= target != np.floor(target)
    if bad.any():
        raise LabelError(
            f"the target of the {part} part, row {np.flatnonzero(bad)[0]}",
            got="another value",
            wanted=wanted,
        )
    return target.astype(np.int64)


def objective(
    train: np.ndarray,
    tuning: np.ndarray,
    *,
    kind: str = "auto",
    balance: str = "none",
    label_smoothing: float = 0.0,
) -> Objective:
    """The objective of a run, with both targets checked.

    Args:
        train: the target of the training part.
        tuning: the target of the tuning part.
        kind: see ``TrainingSettings.kind``.
        balance: "weights" gives each class the same share of the loss; "sampler" does so for the
            tuning part, and leaves the training part to the sampler.
        label_smoothing: for classes.

    Raises:
        LabelError: a wrong label, or a class that is missing from the training part.
        DataError: a part is empty, or a number to be predicted is not finite.
        ConfigError: classes are to be balanced, and the target is a number.
    """
    for part, target in (("training", train), ("tuning", tuning)):
        if len(target) == 0:
            raise DataError(f"the {part} part", got="no samples", todo="Check the split.")
    kind = task_kind(train, kind)
    classes = _checked_classes(train, kind, "training")
    others = _checked_classes(tuning, kind, "tuning")
    if kind == "regression":
        if balance != "none":
            raise ConfigError(
                "setting 'balance' of training", got=f"'{balance}'", wanted="'none' for numbers"
            )
        return Objective(kind, (), (), 0.0)
    number = 2 if kind == "binary" else int(max(classes.max(), others.max())) + 1
    if number > 100_000:
        raise LabelError("the target", got="a class number beyond 100000", wanted="0, 1, 2 ...")
    counts = np.bincount(classes, minlength=number)
    if (counts == 0).any() or number < 2:
        absent = int(np.flatnonzero(counts == 0)[0]) if (counts == 0).any() else 1
        raise LabelError(
            "the training part",
            got=f"no sample of class {absent}",
            wanted="samples of every class",
            todo="Check the labels and the split, or use more data.",
        )
    equal = tuple((counts.sum() / (number * counts)).tolist())
    return Objective(
        kind,
        shares=tuple((counts / counts.sum()).tolist()),
        weights=equal if balance == "weights" else (),
        label_smoothing=label_smoothing if kind == "multiclass" else 0.0,
        tuning_weights=equal if balance != "none" else (),
    )


def sample_losses(output: Tensor, target: Tensor, aim: Objective, *, smooth: bool = True) -> Tensor:
    """The weighted loss of each sample ``[B]``, in float32 or wider.

    Args:
        output: logits ``[B]`` for yes/no, ``[B, C]`` for classes; numbers ``[B]`` for regression.
        target: ``[B]``.
        aim: the objective.
        smooth: apply the label smoothing (training) or not (tuning).

    Raises:
        TrainingError: the model's output does not have that shape.
    """
    wanted = (len(target), len(aim.shares)) if aim.kind == "multiclass" else (len(target),)
    if tuple(output.shape) != wanted:
        raise TrainingError(
            "the output of the model",
            got=f"shape {list(output.shape)}",
            wanted=f"{list(wanted)} for a {aim.kind} target",
            todo="Check the model's number of classes and the setting 'kind'.",
        )
    output = output.float() if output.dtype in (torch.float16, torch.bfloat16) else output
    if aim.kind == "regression":
        return functional.mse_loss(output, target.to(output.dtype), reduction="none")
    if aim.kind == "binary":
        losses = functional.binary_cross_entropy_with_logits(
            output, target.to(output.dtype), reduction="none"
        )
    else:
        losses = functional.cross_entropy(
            output,
            target.long(),
            reduction="none",
            label_smoothing=aim.label_smoothing if smooth else 0.0,
        )
    if not aim.weights:
        return losses
    weights = torch.tensor(aim.weights, dtype=losses.dtype, device=losses.device)
    return losses * weights[target.long()]
