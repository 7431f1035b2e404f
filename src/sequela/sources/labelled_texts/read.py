"""Reading texts with a label each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sequela.errors import ConfigError, DataError
from sequela.events.delimited import Delimited
from sequela.folders import files_below, text_of
from sequela.notes import LabelledText, TextSet
from sequela.notes.texts import part_of_name

__all__ = ["LAYOUTS", "read"]

#: Endings of the files of each layout.
LAYOUTS = {"lines": (".tsv", ".txt"), "files": (".txt",), "table": (".csv", ".csv.gz", ".tsv")}


def read(
    path: Path | str,
    *,
    layout: str = "lines",
    text: str = "text",
    label: str = "label",
    subject: str | None = None,
) -> TextSet:
    """Reads one file, or all of a folder.

    Args:
        path: the file or the folder.
        layout: "lines", a text, a tab and its label on each line, without a header, or, without any
            tab in the file, texts alone; "files", a file for each label, named by it, with a text
            on each line; "table", with a header.
        text, label, subject: columns of a table; without a column of labels there are none.

    Returns:
        Texts named by file and line (or row); their part where the name of the file tells it.

    Raises:
        ConfigError: no such layout.
        DataError: no such file, a damaged one, or a line of another form; by file and line.
        SchemaError: a table lacks the column of texts or of subjects.
    """
    if layout not in LAYOUTS:
        raise ConfigError("option 'layout' of source labelled_texts", wanted=", ".join(LAYOUTS))
    _, files = files_below(path, LAYOUTS[layout], "texts with labels")
    found: list[LabelledText] = []
    for file in files:
        if layout == "table":
            found += _table(file, text, label, subject)
        else:
            found += _lines(file) if layout == "lines" else _one_label(file)
    if not found:
        raise DataError(f"data {path}", got="no texts", wanted="at least one")
    return TextSet(tuple(found), "texts that differ in case and white space alone are one")


def _rows(file: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text_of(file).removeprefix("\ufeff").split("\n"), 1):
        line = line.removesuffix("\r")
        if line.strip():
            yield number, line


def _lines(file: Path) -> Iterator[LabelledText]:
    part, rows = part_of_name(file.stem), list(_rows(file))
    if not any("\t" in line for _, line in rows):
        yield from (LabelledText(f"{file.stem} {k}", line, None, None, part) for k, line in rows)
        return
    for number, line in rows:
        text, tab, label = line.rpartition("\t")
        if not tab or not label.strip():
            raise DataError(
                f"line {number} of {file}", got="another form", wanted="a text, a tab and its label"
            )
        yield LabelledText(f"{file.stem} {number}", text, label.strip(), None, part)


def _one_label(file: Path) -> Iterator[LabelledText]:
    for number, line in _rows(file):
        yield LabelledText(f"{file.stem} {number}", line, file.stem)


def _table(file: Path, text: str, label: str, subject: str | None) -> Iterator[LabelledText]:
    names = [name.lower() for name in (text, label, subject) if name is not None]
    needed = [name for name in names if name != label.lower()]
    part, row = part_of_name(file.name.split(".")[0]), 0
    for frame in Delimited.open(file, required=needed, name=str(file)).frames(names):
        for values in frame.iter_rows(named=True):
            row += 1
            yield LabelledText(
                f"{file.name.split('.')[0]} {row}",
                values[text.lower()] or "",
                values.get(label.lower()),
                None if subject is None else values[subject.lower()],
                part,
            )
