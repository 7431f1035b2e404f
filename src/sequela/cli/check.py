"""`sequela check`: whether anything leaks in a task on the user's own data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from sequela import ingest
from sequela.cli.question import declared, settings_of
from sequela.cli.tables import wide_console
from sequela.cohort import parse_declaration
from sequela.errors import LeakageError
from sequela.events import PARTS, EventData, read_labels
from sequela.experiments import SplitSettings
from sequela.files import atomic_write
from sequela.settings import checked, override

if TYPE_CHECKING:
    from sequela.guard import Finding

__all__ = ["CheckSettings", "run"]

_STYLES = {"pass": "green", "suspect": "yellow", "fail": "bold red"}
_TEXTS = ("labels", "data")


class CheckSettings(BaseModel):
    """What ``sequela check`` takes as ``KEY=VALUE``.

    Args:
        source: which reader turns the data into events.
        reading: what that reader takes beside the path.
        task: changes of the task, as for training.
        labels: a folder of MEDS labels that takes the place of the task's own.
        encoding: which encoder is checked for what it learns from, as for training.
        split: how subjects are dealt to the parts, as for training.
        seed: of the split and of all that is drawn by lot.
        pairs: predictions that are taken back in time.
        samples: labels whose features are looked at.
        auroc: from which on a single feature is suspect.
        jaccard: from which on two histories are nearly the same.
        min_subjects: what fewer subjects share is not named.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = "meds"
    reading: dict[str, Any] = {}
    task: dict[str, Any] = {}
    labels: Path | None = None
    encoding: dict[str, Any] = {}
    split: SplitSettings = SplitSettings()
    seed: int = Field(0, ge=0)
    pairs: int = Field(200, ge=1, le=100_000)
    samples: int = Field(10_000, ge=1, le=10_000_000)
    auroc: float = Field(0.95, gt=0.5, le=1)
    jaccard: float = Field(0.9, gt=0.5, le=1)
    min_subjects: int = Field(11, ge=1)


def _settings(task: str, words: Sequence[str]) -> CheckSettings:
    """Those of an experiment, or else of the task of that name, with the words applied."""
    shared = ("source", "reading", "task", "labels", "encoding", "split", "seed")
    values = {key: value for key, value in settings_of(task).items() if key in shared}
    return checked(CheckSettings, override(values, words, _TEXTS), "check")


class _Samples:
    """Deals labels to parts as training would, and fits training's encoder on them."""

    def __init__(self, data: EventData, settings: CheckSettings):
        self._data, self._settings = data, settings
        self._parts: pl.DataFrame | None = None

    def deal(self, labels: pl.DataFrame) -> pl.DataFrame | None:
        from sequela.train.dealing import deal

        # Labels of other kinds are not spread over the parts as evenly as training would.
        target = np.zeros(labels.height)
        if "boolean_value" in labels.columns:
            target = labels["boolean_value"].to_numpy()
        split, seed = self._settings.split, self._settings.seed
        part, _ = deal(self._data, labels, target, split, seed)
        frame = pl.DataFrame({"subject_id": labels["subject_id"], "split": pl.Series(part)})
        self._parts = frame.filter(pl.col("split").is_in(list(PARTS))).unique()
        return self._parts

    def fitted(
        self, events: pl.DataFrame, labels: pl.DataFrame, people: pl.DataFrame
    ) -> list[Finding]:
        from sequela.guard import fitted_on_training
        from sequela.train.encoding import encoding_settings, fit_encoder, parents_of

        settings = encoding_settings(self._settings.encoding)
        parents = parents_of(self._data) if settings.parents else None
        if self._parts is None:
            return []
        joined = labels.select("subject_id").join(
            self._parts, on="subject_id", how="left", maintain_order="left"
        )
        rows = np.flatnonzero((joined["split"] == PARTS[0]).fill_null(False).to_numpy())
        if not len(rows):
            return []

        def fit(
            events: pl.DataFrame, labels: pl.DataFrame, people: pl.DataFrame, rows: np.ndarray
        ) -> Any:
            return fit_encoder(settings, events, labels, people, rows, parents)

        return [fitted_on_training(fit, events, labels, people, rows, seed=self._settings.seed)]


def _show(findings: Sequence[Finding]) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("check", "result", "what was seen", "what to do"):
        table.add_column(heading, no_wrap=heading in ("check", "result"))
    for one in findings:
        # As Text, since a code may hold what rich takes for markup.
        table.add_row(
            one.title, Text(one.status, _STYLES[one.status]), Text(one.found), Text(one.todo)
        )
    console = wide_console()
    console.print(table)
    counts = {status: sum(one.status == status for one in findings) for status in _STYLES}
    console.print(", ".join(f"{count} {status}" for status, count in counts.items()))


def run(
    task: str, path: Path, words: Sequence[str], *, strict: bool = False, out: Path | None = None
) -> int:
    """Checks, prints a table of what was found, and writes it where that is wanted.

    Args:
        task: a task, or an experiment.
        path: where the data lie.
        words: ``key=value`` settings, see :class:`CheckSettings`.
        strict: suspects count as failures.
        out: a JSON file for the findings.

    Returns:
        0 where nothing is wrong, else 1.
    """
    from sequela import guard

    settings = _settings(task, words)
    values = declared(settings.task)
    declaration = parse_declaration(values)
    data = ingest.opened(settings.source, path, **settings.reading)
    samples = _Samples(data, settings)
    labels = None
    if settings.labels is not None:
        labels = read_labels(settings.labels)
        labels = labels.filter(pl.col("subject_id").is_in(data.subject_ids().tolist()))
    findings = guard.check(
        data,
        declaration,
        labels,
        parts=samples.deal,
        fitted=samples.fitted,
        pairs=settings.pairs,
        samples=settings.samples,
        bound=settings.auroc,
        jaccard=settings.jaccard,
        min_subjects=settings.min_subjects,
        seed=settings.seed,
    )
    _show(findings)
    try:
        guard.refuse(findings, strict=strict)
        sound = True
    except LeakageError:
        sound = False
    if out is not None:
        content = {
            "task": values.get("name"),
            "source": settings.source,
            "strict": strict,
            "sound": sound,
            "findings": [one.to_dict() for one in findings],
        }
        atomic_write(out, json.dumps(content, indent=2) + "\n")
    return 0 if sound else 1
