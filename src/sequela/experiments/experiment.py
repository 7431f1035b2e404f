"""What an experiment file may say, and finding it by name or path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sequela.errors import ConfigError
from sequela.settings import checked, nearest, override, read_yaml

__all__ = [
    "ENCODING_KEYS",
    "EvaluationSettings",
    "Experiment",
    "InteractionSettings",
    "SplitSettings",
    "load",
    "names",
]

_FOLDER = Path(__file__).parent
_PATHS = ("data", "labels", "out")
#: Keys by which a file is known for a task, of ACES or our own; an experiment has none of them.
_OF_A_TASK = frozenset({"predicates", "trigger", "index", "episodes", "prediction", "groupings"})
#: Keys of an encoding that every kind has.
ENCODING_KEYS = ("min_subjects", "grid", "parents", "map", "online")
#: Tables whose keys are those of what one key names: the table, that key, what it is by default,
#: and the keys that all have.
_CHOICES = (("model", "recipe", None, ()), ("encoding", "kind", "codes", ENCODING_KEYS))


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
        held_out: names of the recordings or subjects that are held out, in place of a share of
            them; for signals. Each in turn is leaving one out.
        tuning: "groups" of its own, or the "ends" of the training recordings, each of which gives
            its last part. Where recordings are few, none can be spared; the tuning part chooses the
            epoch alone, and the held-out recordings stay unseen. For signals.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    source: Literal["auto", "assign"] = "auto"
    by: Literal["subject", "site", "time", "origin"] = "subject"
    site: str = ""
    held_out: tuple[str, ...] = ()
    tuning: Literal["groups", "ends"] = "groups"

    @field_validator("held_out", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        # The record 208 is a number to YAML.
        return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)

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


class InteractionSettings(BaseModel):
    """Pairs of codes that do not go together, for an outcome of sets.

    With a list, the sets of a model that searches are judged as the search names them; no threshold
    is chosen for it, which could name what was forbidden.

    Args:
        pairs: a CSV file with the columns ``first`` and ``second``.
        cost: of a pair in the search of a model that has one, in units of log probability: the
            default forbids, 0 counts interactions and changes nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pairs: str
    cost: float = Field(1e6, ge=0, le=1e6)


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
        interactions: pairs of codes that do not go together; none by default.
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
    interactions: InteractionSettings | None = None
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
            recipe (``model.recipe=retain``) begins with its own arguments in place of the file's,
            and so does another encoding (``encoding.kind=codes``). Epochs named here are as many,
            whatever ``training.least_steps`` the file has.

    Raises:
        ConfigError: no such experiment or file, an unknown key, a wrong type.
    """
    is_path = name.endswith((".yaml", ".yml")) or "/" in name
    if not is_path and name not in names():
        raise ConfigError(
            f"experiment '{name}'", got="no built-in experiment", todo=nearest(name, names())
        )
    path = Path(name) if is_path else _FOLDER / f"{name}.yaml"
    found = read_yaml(path)
    _refuse_task(path, found)
    content = _begun_anew({"name": path.stem, **found}, assignments)
    content = _epochs_named(content, assignments)
    values = override(content, assignments, _PATHS)
    return checked(Experiment, values, f"experiment {path.stem}")


def _refuse_task(path: Path, found: dict[str, Any]) -> None:
    """A task says what is asked; training has to know more."""
    if "task" in found or not _OF_A_TASK & set(found):
        return
    raise ConfigError(
        f"file {path}",
        got="a task: it says what is asked, and neither which model learns it nor from which data",
        wanted="an experiment file",
        todo=f"Write one such as {{title: Mine, source: meds, task: {{name: {path}}}, encoding: "
        "{kind: values}, model: {recipe: values_gru}} and train that (docs/guides/tasks.md).",
    )


def _begun_anew(values: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Another recipe or kind of encoding, named by a word, begins without the file's arguments.

    It may lack what the file's own takes, and what suits one need not suit the other.
    """
    words = [word.partition("=") for word in assignments]
    for table, key, usual, shared in _CHOICES:
        chosen = [text.strip() for name, _, text in words if name == f"{table}.{key}"]
        own = values.get(table, {})
        if chosen and chosen[-1] and isinstance(own, dict) and own.get(key, usual) != chosen[-1]:
            kept = {name: own[name] for name in shared if name in own}
            values = {**values, table: {key: chosen[-1], **kept}}
    return values


def _epochs_named(values: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Without the file's ``training.least_steps`` where a word names the epochs."""
    own = values.get("training")
    named = any(word.startswith("training.epochs=") for word in assignments)
    if not named or not isinstance(own, dict):
        return values
    return {**values, "training": {key: own[key] for key in own if key != "least_steps"}}
