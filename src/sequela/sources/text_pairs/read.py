"""Reading pairs of texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sequela.errors import ConfigError, DataError
from sequela.events.delimited import Delimited
from sequela.folders import files_below, text_of
from sequela.notes import PairSet, TextPair
from sequela.notes.texts import part_of_name

__all__ = ["read"]


_TABLES = (".csv", ".csv.gz")


def read(
    path: Path | str,
    *,
    source: str | None = None,
    target: str | None = None,
    layout: str = "lines",
) -> PairSet:
    """Reads the pairs of a file or folder.

    Args:
        path: tables without a header (.txt, .tsv), the text, a tab and the other text on each line
            (further columns are passed over). With ``source`` and ``target`` a folder of parallel
            files, ``NAME.en`` and ``NAME.de`` (or ``.gz``), line by line. A file without any tab,
            or without its fellow, holds texts whose others are not known.
        source: the ending of the files that are read from, such as "en"; of a table, the column.
        target: the ending of the files that are written to, such as "de"; of a table, the column.
        layout: "lines", or "table" for tables with a header (.csv, .csv.gz).

    Returns:
        Pairs named by file and line; their part where the name of the file tells it.

    Raises:
        ConfigError: one of the endings without the other, or no such layout.
        DataError: no such file, files of several lengths, or one line without a tab; by file and
            line.
    """
    if (source is None) != (target is None):
        raise ConfigError("options 'source' and 'target' of source text_pairs", wanted="both")
    if layout not in ("lines", "table") or (layout == "table" and source is None):
        wanted = "lines; or table, with the columns in source and target"
        raise ConfigError("option 'layout' of source text_pairs", wanted=wanted)
    if layout == "table" and source is not None and target is not None:
        _, files = files_below(path, _TABLES, "a table of pairs")
        pairs = [pair for file in files for pair in _table(file, source.lower(), target.lower())]
    elif source is None or target is None:
        _, files = files_below(path, (".txt", ".tsv"), "pairs of texts")
        pairs = [pair for file in files for pair in _columns(file)]
    else:
        endings = (f".{source}", f".{source}.gz")
        _, files = files_below(path, endings, "parallel texts")
        pairs = [pair for file in files for pair in _parallel(file, source, target)]
    if not pairs:
        raise DataError(f"data {path}", got="no pairs", wanted="at least one")
    return PairSet(tuple(pairs), "pairs of the same first text belong together")


def _columns(file: Path) -> Iterator[TextPair]:
    part, lines = part_of_name(file.stem), _split(text_of(file))
    alone = not any("\t" in line for line in lines)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if alone:
            yield TextPair(f"{file.stem} {number}", line, None, part)
            continue
        cells = line.split("\t")
        if len(cells) < 2:
            raise DataError(f"line {number} of {file}", got="no tab", wanted="two texts")
        yield TextPair(f"{file.stem} {number}", cells[0], cells[1], part)


def _table(file: Path, source: str, target: str) -> Iterator[TextPair]:
    stem, number = file.name.split(".")[0], 0
    for frame in Delimited.open(file, required=[source, target], name=str(file)).frames(
        [source, target]
    ):
        for text, other in frame.select(source, target).iter_rows():
            number += 1
            if text and other:
                yield TextPair(f"{stem} {number}", text, other, part_of_name(stem))


def _parallel(file: Path, source: str, target: str) -> Iterator[TextPair]:
    stem = file.name.removesuffix(".gz").removesuffix(f".{source}")
    candidates = [file.with_name(f"{stem}.{target}{end}") for end in ("", ".gz")]
    fellow = next((one for one in candidates if one.is_file()), None)
    left = _split(text_of(file))
    if fellow is None:
        for number, text in enumerate(left, 1):
            if text.strip():
                yield TextPair(f"{stem} {number}", text, None, part_of_name(stem))
        return
    right = _split(text_of(fellow))
    if len(left) != len(right):
        raise DataError(
            f"files {file.name} and {fellow.name}",
            got=f"{len(left)} and {len(right)} lines",
            wanted="as many in both",
        )
    for number, (text, other) in enumerate(zip(left, right, strict=True), 1):
        if text.strip() or other.strip():
            yield TextPair(f"{stem} {number}", text, other, part_of_name(stem))


def _split(text: str) -> list[str]:
    lines = text.removeprefix("\ufeff").split("\n")
    if not lines[-1]:
        del lines[-1]
    return [line.removesuffix("\r") for line in lines]
