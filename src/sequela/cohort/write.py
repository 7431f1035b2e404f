"""A cohort on disk: MEDS labels, what they hold beyond that, and the account of exclusions."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from sequela.cohort.engine import Cohort
from sequela.events import write_labels
from sequela.files import publish_directory

__all__ = ["write_cohort"]


def write_cohort(folder: Path | str, cohort: Cohort, *, replace: bool = False) -> Path:
    """Writes a cohort as a folder that appears whole or not at all.

    Args:
        folder: the new folder. ``labels/labels.parquet`` holds MEDS labels, and ``labels`` is what
            other tools are given. Beside it lie ``beside.parquet``, ``windows.parquet``,
            ``subgroups.parquet`` and ``balance.csv``, where the cohort has them, ``attrition.csv``
            and ``cohort.json`` (description and notes).
        cohort: with labels.
        replace: take the place of an existing folder.

    Returns:
        The folder.

    Raises:
        LabelError: the cohort has no labels.
        OutputError: the folder exists, or cannot be written.
    """
    folder = Path(folder)
    with publish_directory(folder, replace=replace) as part:
        (part / "labels").mkdir()
        write_labels(part / "labels" / "labels.parquet", cohort.labels)
        for name in ("beside", "windows", "subgroups"):
            table = getattr(cohort, name)
            if table is not None:
                table.write_parquet(part / f"{name}.parquet")
        if cohort.balance is not None:
            cohort.balance.write_csv(part / "balance.csv")
        pl.DataFrame(cohort.attrition).write_csv(part / "attrition.csv")
        facts = {"description": cohort.description, "notes": list(cohort.notes)}
        text = json.dumps(facts, indent=2, ensure_ascii=False)
        (part / "cohort.json").write_text(text + "\n", encoding="utf-8")
    return folder
