"""What a transfer is told: where, with which map of codes, what stays frozen, which curve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sequela.errors import ConfigError
from sequela.experiments import EvaluationSettings, SplitSettings
from sequela.settings import checked, override

__all__ = ["CurveSettings", "TransferSettings", "load_settings"]

_PATHS = ("data", "labels", "map", "out")

# Few patients, many passes: small batches, and the loss, which is known of every tuning part, where
# the AUROC of twenty patients is mostly chance.
_TRAINING = {"epochs": 15, "batch_size": 32, "patience": 3, "metric": "loss", "threads": 1}


class CurveSettings(BaseModel):
    """The learning curve of the warm start beside the same model from scratch.

    Args:
        sizes: patients of the new institution, a fifth of them for tuning; sizes beyond those there
            are left out. Empty for no curve.
        draws: how often the patients of each size are drawn anew. One draw of 100 patients says
            little of 100 patients in general.
        rates: learning rates. Each start takes the one that is better on its own tuning patients:
            what suits a trained model is too slow for a fresh one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sizes: tuple[int, ...] = (100, 300, 1000)
    draws: int = Field(5, ge=1, le=1000)
    rates: tuple[float, ...] = Field((0.001, 0.005), min_length=1)

    @field_validator("sizes")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)) or (value and value[0] < 10):
            raise ValueError("rising numbers of patients, 10 or more each")
        return value

    @field_validator("rates")
    @classmethod
    def _positive(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if min(value) <= 0 or max(value) > 1:
            raise ValueError("learning rates above 0, 1 at most")
        return value


class TransferSettings(BaseModel):
    """A transfer; what stands nowhere here is as the model was trained.

    Args:
        data: the data set of the new institution.
        labels: a folder of MEDS labels that takes the place of the task's own.
        out: the run folder; ``runs/transfer`` with a number by default.
        source: which reader turns the data into events; the model's own by default.
        reading: what that reader takes; the model's own by default.
        map: a CSV file with ``code`` (of the new institution) and ``group`` (the model's word).
        rows: what a code begins with that the model has never seen: "first", as at the start of any
            training, or "mean", the mean of the codes it knows.
        freeze: parts of the model that stay as they are, by name: "embedding", "recurrent", "head"
            ...; new codes in a frozen embedding keep what they begin with.
        min_subjects: codes of fewer training patients are not learnt; the model's own by default.
        curve: the learning curve.
        training: what ``sequela.train.TrainingSettings`` takes, over defaults for few patients.
        split: how patients are dealt to the parts.
        evaluation: how the held-out part is judged.
        seed: the one seed everything else is derived from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path
    labels: Path | None = None
    out: Path | None = None
    source: str | None = None
    reading: dict[str, Any] | None = None
    map: Path | None = None
    rows: Literal["first", "mean"] = "first"
    freeze: tuple[str, ...] = ()
    min_subjects: int | None = Field(None, ge=1)
    curve: CurveSettings = CurveSettings()
    training: dict[str, Any] = {}
    split: SplitSettings = SplitSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    seed: int = Field(0, ge=0)

    @property
    def trained(self) -> dict[str, Any]:
        """The settings of training, defaults included."""
        return {**_TRAINING, **self.training}


def load_settings(assignments: Sequence[str]) -> TransferSettings:
    """Settings from ``key=value`` words.

    Raises:
        ConfigError: an unknown key, a wrong type, or no data.
    """
    values = override({}, assignments, _PATHS)
    if values.get("data") is None:
        raise ConfigError("setting 'data'", got="nothing", todo="Write data=PATH.")
    return checked(TransferSettings, values, "transfer")
