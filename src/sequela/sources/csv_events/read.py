"""Reading long tables by a YAML file that names their columns."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator

from sequela.errors import ConfigError, DataError
from sequela.events import Delimited, Drops, Extract, existing, subject_ids
from sequela.events.cells import ISO_FORMATS, as_integers
from sequela.events.rows import Rule, described, rows_table
from sequela.settings import checked, read_yaml

__all__ = ["EventRule", "Mapping", "TableMapping", "read"]

_MAPPING = "events.yaml"


def _lower(names: Any) -> Any:
    # Columns are found whatever the case of their letters.
    if isinstance(names, str):
        return names.lower()
    return [_lower(name) for name in names] if isinstance(names, list) else names


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EventRule(_Strict):
    """What a row says; see :class:`sequela.events.rows.Rule` for the words.

    Args:
        code: a template such as ``LAB//{test}//{unit?}``.
        time: a column or several, of which the first filled one counts; none for a static fact.
        available: the same, for when the event became known.
        number: the column of the value.
        text: the column of the text.
        optional: a row without a time holds no such event, and that is no loss.
    """

    code: str = Field(min_length=1)
    time: tuple[str, ...] = ()
    available: tuple[str, ...] = ()
    number: str | None = None
    text: str | None = None
    optional: bool = False

    @field_validator("time", "available", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return _lower([value] if isinstance(value, str) else value)

    @field_validator("code", "number", "text", mode="before")
    @classmethod
    def _one(cls, value: Any, info: Any) -> Any:
        if info.field_name != "code":
            return _lower(value)
        return _lower_places(value) if isinstance(value, str) else value


def _lower_places(template: str) -> str:
    # Only what stands in braces names a column.
    pieces = template.split("{")
    return pieces[0] + "".join(
        "{" + name.lower() + brace + rest
        for name, brace, rest in (piece.partition("}") for piece in pieces[1:])
    )


class TableMapping(_Strict):
    """One file.

    Args:
        file: its path, from the folder of the YAML file.
        subject: the column that tells subjects apart.
        ids: ``number``, or ``text`` for ids that get a number
            (:mod:`sequela.events.subjects` says which).
        events: what each row says.
        times: the forms of its times, in the letters of strftime; ISO 8601 by default.
        separator: between cells; a comma by default, a tab for ``.tsv``.
        descriptions: from a template of codes to one of their words: ``LAB//{test}: "{name}"``.
    """

    file: str = Field(min_length=1)
    subject: str = Field(min_length=1)
    ids: Literal["number", "text"] = "number"
    events: tuple[EventRule, ...] = Field(min_length=1)
    times: tuple[str, ...] = Field(default=ISO_FORMATS, min_length=1)
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    descriptions: dict[str, str] = Field(default_factory=dict)

    @field_validator("subject", mode="before")
    @classmethod
    def _subject(cls, value: Any) -> Any:
        return _lower(value)


class Mapping(_Strict):
    """The whole file.

    Args:
        tables: in the order in which events of one moment stand.
        dataset: keys of MEDS ``dataset.json``, such as ``dataset_name`` and ``license``.
    """

    tables: tuple[TableMapping, ...] = Field(min_length=1)
    dataset: dict[str, str] = Field(default_factory=dict)


def read(path: Path | str) -> Extract:
    """Reads the YAML file and the headers of its tables.

    Args:
        path: the YAML file, or a folder with ``events.yaml``.

    Returns:
        Events as the mapping says.

    Raises:
        ConfigError: the YAML file is missing or says something that is not known.
        DataError: a table is missing or cannot be read; SchemaError where a column is missing.
    """
    path = Path(path)
    mapping_file = path / _MAPPING if path.is_dir() else path
    if mapping_file.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(
            f"data {path.name}",
            got="no YAML file",
            wanted=f"a YAML file that names tables and columns, or a folder with {_MAPPING}",
            todo="The README of the source csv_events shows one.",
        )
    mapping = checked(Mapping, read_yaml(mapping_file), f"file {mapping_file.name}")
    files = [_opened(mapping_file.parent, table) for table in mapping.tables]
    drops, numbers = Drops(), _Numbers()
    tables = tuple(
        rows_table(
            file,
            table.file,
            [Rule(**event.model_dump()) for event in table.events],
            drops,
            subjects=partial(_subjects, table, numbers),
            columns=(table.subject,),
            formats=table.times,
            shared=table.ids == "number",
        )
        for file, table in zip(files, mapping.tables, strict=True)
    )
    text = [pair for pair in zip(files, mapping.tables, strict=True) if pair[1].ids == "text"]
    return Extract(
        tables=tables,
        codes=partial(_codes, files, mapping)
        if any(table.descriptions for table in mapping.tables)
        else None,
        dataset=mapping.dataset,
        drops=drops,
        subjects=partial(_source_ids, text) if text else None,
        files=(mapping_file, *(file.path for file in files)),
    )


def _opened(folder: Path, table: TableMapping) -> Delimited:
    named = [name for event in table.events for name in Rule(**event.model_dump()).columns()]
    return Delimited.open(
        existing(folder / table.file, "table"),
        required=dict.fromkeys([table.subject, *named]),
        separator=table.separator,
    )


class _Numbers:
    """Numbers of ids that are texts, as they turn up."""

    def __init__(self) -> None:
        self._known = subject_ids(pl.Series([], dtype=pl.String()), "")

    def __call__(self, ids: pl.Series, where: str) -> pl.Series:
        frame = ids.alias("source_id").to_frame()
        new = frame.join(self._known, on="source_id", how="anti")["source_id"]
        if new.drop_nulls().len():
            found = pl.concat([self._known, subject_ids(new, where)])
            if found["subject_id"].n_unique() < found.height:
                raise DataError(f"the subjects of {where}", got="two ids whose SHA-256 begin alike")
            self._known = found
        return frame.join(self._known, on="source_id", how="left", maintain_order="left")[
            "subject_id"
        ]


def _text_ids(table: TableMapping, rows: pl.DataFrame) -> pl.Series:
    text = pl.col(table.subject).str.strip_chars()
    return rows.select(pl.when(text != "").then(text).alias("source_id")).to_series()


def _subjects(table: TableMapping, numbers: _Numbers, rows: pl.DataFrame) -> pl.Series:
    if table.ids == "number":
        return as_integers(rows[table.subject])
    return numbers(_text_ids(table, rows), table.file)


def _source_ids(pairs: list[tuple[Delimited, TableMapping]]) -> pl.DataFrame:
    found = [
        _text_ids(table, rows).unique()
        for file, table in pairs
        for rows in file.frames((table.subject,))
    ]
    return subject_ids(pl.concat(found), "the tables").select("subject_id", "source_id")


def _codes(files: list[Delimited], mapping: Mapping) -> pl.DataFrame:
    return pl.concat(
        described(file, _lower_places(code), _lower_places(words))
        for file, table in zip(files, mapping.tables, strict=True)
        for code, words in table.descriptions.items()
    )
