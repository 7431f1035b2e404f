"""The options of `sequela deid`, and what its help says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "DayFirst",
    "Form",
    "KeepIds",
    "KeepOriginals",
    "Key",
    "Mode",
    "Model",
    "NameList",
    "Notes",
    "Out",
    "Processes",
    "RecallTarget",
    "Review",
    "SafeHarbor",
    "Source",
    "Tuning",
    "TuningSource",
]

Notes = Annotated[Path, typer.Argument(help="Notes: a folder of .txt, CSV, Parquet, jsonl.")]
Out = Annotated[Path, typer.Option(help="The new folder.")]
Mode = Annotated[str, typer.Option(help="tag, mask, remove, surrogate, hash or shift-dates.")]
SafeHarbor = Annotated[
    bool, typer.Option("--safe-harbor", help="Of dates keep the year alone; pool ages.")
]
NameList = Annotated[
    Path | None, typer.Option(help="A text file of patients' names, one on each line.")
]
Source = Annotated[
    str | None, typer.Option(help="Which reader; by default the files' endings say.")
]
Form = Annotated[
    str | None,
    typer.Option(
        "--format", help="txt, csv, parquet, jsonl, meds, brat, i2b2, conll; as it was read."
    ),
]
Key = Annotated[
    Path | None, typer.Option(help="A file with a secret, for the same codes in several runs.")
]
DayFirst = Annotated[bool, typer.Option("--day-first", help="3/4/2012 is 3 April.")]
KeepIds = Annotated[
    bool, typer.Option("--keep-ids", help="Notes keep their names instead of numbers.")
]
KeepOriginals = Annotated[
    bool, typer.Option("--keep-originals", help="The account holds the words found, too.")
]
Model = Annotated[
    str | None, typer.Option(help="builtin, none (rules alone) or the folder of a tagger.")
]
RecallTarget = Annotated[
    float | None, typer.Option(help="The recall that the model's threshold has to reach.")
]
Tuning = Annotated[Path | None, typer.Option(help="Marked notes that decide on the threshold.")]
TuningSource = Annotated[str | None, typer.Option(help="Their reader; notes_jsonl by default.")]
Review = Annotated[
    bool,
    typer.Option(
        "--review", help="Also a page with the notes as they were, to correct what was found."
    ),
]
Processes = Annotated[int, typer.Option(min=1, help="How many work at once.")]
