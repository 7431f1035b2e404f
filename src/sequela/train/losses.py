"""What is predicted, and the loss of each sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sequela.errors import ConfigError, DataError, LabelError, TrainingError
from sequela.nn.outcomes import count_losses, hazard_losses, label_losses, quantile_losses

__all__ = ["CLASSES", "Objective", "balanced_shares", "objective", "sample_losses", "task_kind"]

#: The kinds whose target is one class.
CLASSES = ("binary", "multiclass")


@dataclass(frozen=True)
class Objective:
    """What the model is to predict.

    Args:
        kind: "binary", "multiclass", "regression", "multilabel", "count", "time_to_event",
            "quantile" or "likelihood" (the model's answer is its loss).
        shares: the share of each class in the training part; empty where there are no classes.
        weights: what the loss of a training sample of each class counts, 1 on average over the
            training part; empty when all count 1.
        label_smoothing: for classes.
        tuning_weights: the same for the tuning part. The sampler balances by what it draws, and
            the tuning part is never drawn from: it is weighted for either balance.
        offset: what is added to the model's outputs, so that a model without a say predicts what
            the training part shows: the log odds of each label (multilabel) or of an event in each
            interval (time to event), the logarithm of the mean (count). Rare labels would spend the
            first epochs on it. Empty for other kinds.
        levels: of the quantiles.
    """

    kind: str
    shares: tuple[float, ...]
    weights: tuple[float, ...]
    label_smoothing: float
    tuning_weights: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()


def task_kind(target: np.ndarray, kind: str = "auto") -> str:
    """The kind of a target; see ``TrainingSettings.kind``.

    Args:
        target: ``[n]``, or ``[n, C]``: labels where it is bool, else numbers ahead.
        kind: what the settings say.
    """
    if kind != "auto":
        return kind
    if target.ndim == 2:
        return "multilabel" if target.dtype.kind == "b" else "quantile"
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


def _checked_outcome(target: np.ndarray, kind: str, part: str) -> np.ndarray:
    """The target of a kind without classes, float64; NaN is a label or number not known."""
    found = np.asarray(target, np.float64)
    shapes = {"count": "[n]", "multilabel": "[n, C]", "quantile": "[n, H]"}
    wide = found.ndim == 2 and found.shape[1] > 0
    fits = found.ndim == 1 if kind == "count" else wide
    if kind == "time_to_event":
        fits = wide and found.shape[1] == 2
    if not fits:
        raise DataError(
            f"the target of the {part} part",
            got=f"shape {list(found.shape)}",
            wanted=f"{shapes.get(kind, '[n, 2]')} for the kind '{kind}'",
        )
    rows = found.reshape(len(found), -1)
    if kind == "multilabel":
        bad, wanted = ~(np.isnan(rows) | (rows == 0) | (rows == 1)), "0, 1 or NaN"
    elif kind == "quantile":
        bad, wanted = np.isinf(rows), "a finite number or NaN"
    else:
        bad, wanted = ~(np.isfinite(rows) & (rows >= 0) & (rows == np.floor(rows))), "0, 1, 2 ..."
        if kind == "time_to_event":
            bad[:, 1] |= rows[:, 1] > 1
    if bad.any():
        row = np.flatnonzero(bad.any(axis=1))[0]
        where = f"the target of the {part} part, row {row}"
        raise LabelError(where, got="another value", wanted=wanted)
    return found


def _offset(train: np.ndarray, kind: str) -> tuple[float, ...]:
    if kind == "quantile":
        return ()
    if kind == "count":
        return (float(np.log(max(train.mean(), 1 / len(train)))),)
    if kind == "multilabel":
        known = ~np.isnan(train)
        happened, seen = np.where(known, train, 0.0).sum(axis=0), known.sum(axis=0)
    else:
        # Who came through k intervals was at risk in these, and in the next where the event was.
        through, event = train[:, 0].astype(np.int64), train[:, 1] == 1
        place = np.arange(max(int((through + event).max()), 1))
        happened = np.bincount(through[event], minlength=len(place)).astype(np.float64)
        seen = happened + (through[:, None] > place).sum(axis=0)
    # Half a case more on either side: what never or always happened has no log odds.
    return tuple(np.log((happened + 0.5) / (seen - happened + 0.5)).tolist())


def objective(
    train: np.ndarray,
    tuning: np.ndarray,
    *,
    kind: str = "auto",
    balance: str = "none",
    label_smoothing: float = 0.0,
    levels: Sequence[float] = (),
) -> Objective:
    """The objective of a run, with both targets checked.

    Args:
        train: the target of the training part.
        tuning: the target of the tuning part.
        kind: see ``TrainingSettings.kind``.
        balance: "weights" gives each class the same share of the loss, "roots" one that grows with
            the root of its size; "sampler" does as "weights" for the
            tuning part, and leaves the training part to the sampler.
        label_smoothing: for classes.
        levels: for quantiles.

    Raises:
        LabelError: a wrong label, or a class that is missing from the training part.
        DataError: a part is empty, a target of a wrong shape, or a number that is not finite.
        ConfigError: classes are to be balanced, and the target has none.
    """
    for part, target in (("training", train), ("tuning", tuning)):
        if len(target) == 0:
            raise DataError(f"the {part} part", got="no samples", todo="Check the split.")
    kind = task_kind(train, kind)
    if kind not in CLASSES and balance != "none":
        raise ConfigError(
            "setting 'balance' of training",
            got=f"'{balance}'",
            wanted="'none' for numbers" if kind == "regression" else f"'none' for a {kind} target",
        )
    if kind == "likelihood":
        return Objective(kind, (), (), 0.0)
    if kind in (*CLASSES, "regression"):
        return _of_classes(train, tuning, kind, balance, label_smoothing)
    checked = _checked_outcome(train, kind, "training")
    if _checked_outcome(tuning, kind, "tuning").shape[1:] != checked.shape[1:]:
        raise DataError("the tuning part", got="another width of target than the training part")
    levels = tuple(levels) if kind == "quantile" else ()
    return Objective(kind, (), (), 0.0, offset=_offset(checked, kind), levels=levels)


def balanced_shares(counts: np.ndarray, balance: str) -> np.ndarray:
    """The share that each class gets of a balanced loss, ``[C]``; they sum to 1.

    Args:
        counts: how often each class is there, or its share.
        balance: "roots", or another but "none".
    """
    shares = np.sqrt(counts) if balance == "roots" else np.ones(len(counts))
    return shares / shares.sum()


def _of_classes(
    train: np.ndarray, tuning: np.ndarray, kind: str, balance: str, label_smoothing: float
) -> Objective:
    classes = _checked_classes(train, kind, "training")
    others = _checked_classes(tuning, kind, "tuning")
    if kind == "regression":
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
    wanted = balanced_shares(counts, balance)
    weights = tuple((counts.sum() * wanted / counts).tolist())
    return Objective(
        kind,
        shares=tuple((counts / counts.sum()).tolist()),
        weights=weights if balance in ("weights", "roots") else (),
        label_smoothing=label_smoothing if kind == "multiclass" else 0.0,
        tuning_weights=weights if balance != "none" else (),
    )


def _wanted_shape(target: Tensor, aim: Objective) -> tuple[int, ...]:
    count = len(target)
    return {
        "multiclass": (count, len(aim.shares)),
        "multilabel": tuple(target.shape),
        "count": (count, 2),
        "time_to_event": (count, len(aim.offset)),
        "quantile": (*target.shape, len(aim.levels)),
    }.get(aim.kind, (count,))


def sample_losses(output: Tensor, target: Tensor, aim: Objective, *, smooth: bool = True) -> Tensor:
    """The weighted loss of each sample ``[B]``, in float32 or wider.

    Args:
        output: logits ``[B]`` for yes/no, ``[B, C]`` for classes and labels; numbers ``[B]`` for
            regression; for the others as :mod:`sequela.nn.outcomes` says.
        target: ``[B]``, ``[B, C]`` for labels, ``[B, 2]`` for a time to event, ``[B, H]`` for
            quantiles.
        aim: the objective.
        smooth: apply the label smoothing (training) or not (tuning).

    Raises:
        TrainingError: the model's output does not have that shape.
    """
    wanted = _wanted_shape(target, aim)
    if tuple(output.shape) != wanted:
        raise TrainingError(
            "the output of the model",
            got=f"shape {list(output.shape)}",
            wanted=f"{list(wanted)} for a {aim.kind} target",
            todo="Check the model's number of classes and the setting 'kind'.",
        )
    output = output.float() if output.dtype in (torch.float16, torch.bfloat16) else output
    if aim.kind in CLASSES:
        return _class_losses(output, target, aim, smooth)
    if aim.kind == "likelihood":
        return output
    target = target.to(output.dtype)
    if aim.kind == "regression":
        return functional.mse_loss(output, target, reduction="none")
    if aim.kind == "quantile":
        return quantile_losses(output, target, aim.levels)
    offset = torch.tensor(aim.offset, dtype=output.dtype, device=output.device)
    if aim.kind == "count":
        return count_losses(output + functional.pad(offset, (0, 1)), target)
    losses = label_losses if aim.kind == "multilabel" else hazard_losses
    return losses(output + offset, target)


def _class_losses(output: Tensor, target: Tensor, aim: Objective, smooth: bool) -> Tensor:
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
