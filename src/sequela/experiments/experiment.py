"""What an experiment file may say, and finding it by name or path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sequela.errors import ConfigError
from sequela.settings import checked, nearest, override, read_yaml

__all__ = ["EvaluationSettings", "Experiment", "SplitSettings", "load", "names"]

_FOLDER = Path(__file__).parent
_PATHS = ("data", "labels", "out")


class SplitSettings(BaseModel):
    """How groups (patients or recordings) are dealt to the parts.

    Args:
        fractions: shares of training, tuning and held-out groups; .7/.15/.15 leaves enough held-out
            patients for an interval of a few hundredths at the usual cohort sizes.
        source: "auto" takes the data set's own ``subject_splits`` when it has them; "assign" always
            deals anew.
        by: "subject"; "site" (no site is in two parts) or "time" (the earliest predictions train,
            the latest are held out). No patient is ever in two parts, whichever of them it is.
            "origin" is for forecasts of a series alone: the earliest origins train and the latest
            are held out, of the same patients, and none whose window reaches into the next part.
        site: what the codes of sites begin with, such as "SITE//", for "site".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    source: Literal["auto", "assign"] = "auto"
    by: Literal["subject", "site", "time", "origin"] = "subject"
    site: str = ""

    @model_validator(mode="after")
    def _named_sites(self) -> SplitSettings:
        if (self.by == "site") != bool(self.site):
            raise ValueError("'by: site' and what the codes of sites begin with in 'site', or none")
        return self

    @field_validator("fractions")
    @classmethod
    def _sum_to_one(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(value) <= 0 or abs(sum(value) - 1) > 1e-6:
            raise ValueError("three positive shares that sum to 1")
        return value


class EvaluationSettings(BaseModel):
    """How the held-out part is judged.

    Args:
        replicates: bootstrap resamples of patients or recordings; 1000 gives a stable interval.
        threshold: how the operating point is chosen on the tuning part: "youden" (largest
            sensitivity + specificity), "sensitivity=0.9" or "specificity=0.95".
        baselines: fit the honest rivals beside the model.
        predictions: write ``predictions.parquet`` of the held-out part for MEDS evaluation tools.
            Off by default: it is the one file of a run that names subjects and dates.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    replicates: int = Field(1000, ge=100, le=100_000)
    threshold: str = Field(
        "youden", pattern=r"^(youden|(sensitivity|specificity)=0?\.\d*[1-9]\d*)$"
    )
    baselines: bool = True
    predictions: bool = False


class Experiment(BaseModel):
    """One application: what is read, what is predicted, by which model, trained and judged how.

    Args:
        name: the built-in experiment's name, or the stem of the user's file.
        title: the heading of the report.
        source: which reader turns the data into events or signals.
        reading: what that reader takes beside the path (``subject``, ``value_column``).
        task: the task room and its overrides (``name``, and what its ``task.yaml`` declares).
        model: the recipe and its arguments (``recipe``, and what its constructor takes).
        encoding: what the encoder of the samples takes.
        training: what ``sequela.train.TrainingSettings`` takes.
        split: how groups are dealt to the parts.
        evaluation: how the held-out part is judged.
        seed: the one seed everything else is derived from.
        data: the data set; given by the user, never by a built-in experiment.
        labels: a folder of MEDS labels that takes the place of the task's own.
        out: the run folder; ``runs/NAME`` with a number by default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    source: str
    reading: dict[str, Any] = {}
    task: dict[str, Any]
    model: dict[str, Any]
    encoding: dict[str, Any] = {}
    training: dict[str, Any] = {}
    split: SplitSettings = SplitSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    seed: int = Field(0, ge=0)
    data: Path | None = None
    labels: Path | None = None
    out: Path | None = None

    @field_validator("task", "model")
    @classmethod
    def _named(cls, value: dict[str, Any], info: Any) -> dict[str, Any]:
        key = "name" if info.field_name == "task" else "recipe"
        if not isinstance(value.get(key), str):
            raise ValueError(f"a table with the key '{key}'")
        title = value.get("title", "model")
        if key == "recipe" and not (isinstance(title, str) and title.strip()):
            raise ValueError("a title that is a text with something in it")
        return value


def names() -> list[str]:
    """The built-in experiments."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load(name: str, assignments: Sequence[str] = ()) -> Experiment:
    """A built-in experiment or a YAML file, with ``key=value`` words applied.

    Args:
        name: a built-in name, or the path of a YAML file (told by its ending or a slash).
        assignments: words such as ``data=records``, ``training.epochs=3``, ``seed=1``. Another
            recipe (``model.recipe=retain``) begins with its own arguments in place of the file's.

    Raises:
        ConfigError: no such experiment or file, an unknown key, a wrong type.
    """
    is_path = name.endswith((".yaml", ".yml")) or "/" in name
    if not is_path and name not in names():
        raise ConfigError(
            f"experiment '{name}'", got="no built-in experiment", todo=nearest(name, names())
        )
    path = Path(name) if is_path else _FOLDER / f"{name}.yaml"
    content = _with_recipe({"name": path.stem, **read_yaml(path)}, assignments)
    values = override(content, assignments, _PATHS)
    return checked(Experiment, values, f"experiment {path.stem}")


def _with_recipe(values: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Another recipe, named by a word, begins anew: the file's arguments and title are of its own.

    A recipe may lack what another one takes, and what suits one need not suit the other.
    """
    words = [word.partition("=") for word in assignments]
    chosen = [text.strip() for key, _, text in words if key == "model.recipe"]
    model = values.get("model")
    if chosen and isinstance(model, dict) and model.get("recipe") != chosen[-1]:
        return {**values, "model": {"recipe": chosen[-1]}}
    return values
