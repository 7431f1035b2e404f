"""The settings of a training run, with their defaults and why."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

__all__ = ["TrainingSettings"]


class TrainingSettings(BaseModel):
    """How a model is trained. Make one from a user's table with ``sequela.settings.checked``.

    Args:
        seed: the run's seed; order, dropout and everything else are derived from it.
        epochs: passes over the training part at most.
        least_steps: a training part too small to give so many steps in these epochs is passed more
            often, with as much more patience: what a network learns it learns in steps, and the
            epochs that suit 50,000 patients leave it close to where it began with 500. 0 for never.
        batch_size: samples of one step, over all devices together.
        start: where the bias of the output layer begins: "built", as the model has it, which for a
            new one is near even odds; "shares", at the log odds of the classes as the loss counts
            them. Of a rare outcome the first epochs are spent on that otherwise, and in a short
            training samples that say little (a history without visits) keep the even odds. Other
            kinds of target begin there by themselves. Not for a model that goes on learning.
        bucket: batches that are sorted by length together (see ``batches.EpochSampler``).
        optimiser: "adam", "adamw" (decoupled weight decay) or "sgd" (with ``momentum``).
        learning_rate: the largest one of the schedule. .001 is Adam's customary default.
        weight_decay: for all weights.
        momentum: of "sgd" only; Nesterov's form when above 0.
        schedule: "constant"; "cosine" (falls to 0 over all epochs); "warmup_cosine" (rises
            linearly over ``warmup_fraction`` of all steps first); "step" (times ``step_factor``
            every ``step_epochs`` epochs).
        warmup_fraction: part of all steps, for "warmup_cosine".
        step_epochs: for "step".
        step_factor: for "step".
        clip_norm: the largest norm of the gradient, or None. 1 tames the rare huge gradients of
            recurrent networks and leaves the others alone.
        clip_value: the largest absolute value of an entry of the gradient, or None; applied first.
        patience: epochs without a better tuning metric before training stops, or None: never.
        metric: what is better on the tuning part. "auto" is the AUROC for yes/no (the loss where
            the tuning part has one class only) and the loss otherwise.
        balance: "none"; "weights" (each class gets the same share of the loss), "roots" (a share
            that grows with the root of its size: half-way, for classes of very few) or "sampler"
            (each class is drawn equally often).
        recalibrate: with a balance, bring probabilities back to the true prevalence.
        label_smoothing: for classes: the share of the target that is spread over all of them.
        k1: steps of a sequence between two changes of the weights; None for whole sequences. For
            sequences longer than memory, and recipes with a loss at each step: the state of each
            subject is carried on, the gradient is cut (:mod:`sequela.train.truncated`).
        k2: steps that a gradient passes, a multiple of k1; k1 by default.
        kind: what the target is: yes/no, classes or a number. "auto" reads it from the type of the
            target: bool is yes/no, integers are classes, floats are yes/no when they are only 0
            and 1 and numbers otherwise; of two dimensions bool is labels, floats are quantiles. A
            count, a time to event and a likelihood have to be named.
        quantiles: the levels of the kind "quantile", rising, the median among them: it is the
            forecast, the others its interval.
        checkpoint_every_steps: a checkpoint each so many steps, beside the one of every epoch.
        accelerator: "auto" takes a GPU when there is one.
        devices: processes, one per device.
        strategy: "ddp" for more than one device; "auto" chooses it by itself.
        precision: "32-true", or "bf16-mixed" (products in bfloat16). Half precision with a loss
            scale is left out: its scale would be one more state to keep.
        threads: of torch on the CPU; None leaves torch's own number. The small products of most
            clinical models gain little from a second thread (1.15 times at 256 rows and 48 units),
            and lose a factor of four where other work wants the cores: threads wait for each other
            by spinning. With a number here the bits do not depend on the machine's cores either.
        progress: a progress bar on a terminal, plain lines elsewhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    seed: int = Field(0, ge=0)
    epochs: int = Field(20, ge=1, le=100_000)
    least_steps: int = Field(0, ge=0, le=10_000_000)
    start: Literal["built", "shares"] = "built"
    batch_size: int = Field(128, ge=1, le=1_000_000)
    bucket: int = Field(16, ge=1)
    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(1e-3, gt=0, le=100)
    weight_decay: float = Field(0.0, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    schedule: Literal["constant", "cosine", "warmup_cosine", "step"] = "constant"
    warmup_fraction: float = Field(0.05, ge=0, le=1)
    step_epochs: int = Field(10, ge=1)
    step_factor: float = Field(0.1, gt=0, le=1)
    clip_norm: float | None = Field(1.0, gt=0)
    clip_value: float | None = Field(None, gt=0)
    patience: int | None = Field(5, ge=1)
    metric: Literal["auto", "loss", "auroc", "macro_f1"] = "auto"
    balance: Literal["none", "weights", "roots", "sampler"] = "none"
    recalibrate: bool = True
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    k1: int | None = Field(None, ge=1)
    k2: int | None = Field(None, ge=1)
    kind: Literal[
        "auto",
        "binary",
        "multiclass",
        "regression",
        "multilabel",
        "count",
        "time_to_event",
        "quantile",
        "likelihood",
    ] = "auto"
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    checkpoint_every_steps: int | None = Field(None, ge=1)
    accelerator: Literal["auto", "cpu", "cuda", "gpu", "mps"] = "auto"
    devices: int = Field(1, ge=1)
    strategy: Literal["auto", "ddp"] = "auto"
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    threads: int | None = Field(None, ge=1, le=1024)
    progress: bool = True

    @model_validator(mode="after")
    def _whole_pieces(self) -> TrainingSettings:
        if self.k2 is not None and (self.k1 is None or self.k2 % self.k1):
            raise ValueError("a k2 that is a multiple of k1, or none")
        return self

    def for_samples(self, count: int) -> TrainingSettings:
        """The settings with epochs and patience raised to ``least_steps`` for so many samples."""
        steps = math.ceil(max(count, 1) / self.batch_size)
        epochs = max(self.epochs, math.ceil(self.least_steps / steps))
        if epochs == self.epochs:
            return self
        patience = None if self.patience is None else self.patience * epochs // self.epochs
        return self.model_copy(update={"epochs": epochs, "patience": patience})

    @field_validator("quantiles")
    @classmethod
    def _rising_with_the_median(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if (
            list(value) != sorted(set(value))
            or 0.5 not in value
            or not 0 < value[0] < value[-1] < 1
        ):
            raise ValueError("two or more rising levels between 0 and 1, 0.5 among them")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _a_number_is_no_truth(cls, value: Any, info: ValidationInfo) -> Any:
        # To Python true is 1; nobody who writes epochs=true means one epoch.
        annotation = cls.model_fields[info.field_name or ""].annotation
        kinds = get_args(annotation) or (annotation,)
        if isinstance(value, bool) and (int in kinds or float in kinds):
            raise ValueError("a whole number" if int in kinds else "a number")
        if bool in kinds and isinstance(value, int | float) and not isinstance(value, bool):
            raise ValueError("true or false")
        return value
