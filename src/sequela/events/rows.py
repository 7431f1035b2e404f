"""Rows of any table as events, by rules: which column is the time, which make up the code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from sequela.errors import ConfigError
from sequela.events.cells import ISO_FORMATS, as_integers, as_numbers, as_times, unreadable
from sequela.events.delimited import Delimited
from sequela.events.extract import Drops, Table
from sequela.events.schema import AVAILABLE

__all__ = [
    "Change",
    "Rule",
    "TextTable",
    "code_of",
    "described",
    "events_of",
    "looked_up",
    "parents",
    "rows_table",
]

#: What is done to some rows before the rules see them.
Change = Callable[[pl.DataFrame], pl.DataFrame]

_PLACE = re.compile(r"\{([^{}?]+)(\??)\}")
# What goes with a part that is left out.
_JOIN = re.compile(r"(//|[,;: ]+)$")
_EMPTY = ""

# Frames that follow one another and are dealt as one piece, when processes share a table; of
# delimited text a frame is 8 MiB.
_RUN = 4
# Text of fewer bytes is read by one process: the others would parse it for little.
_SHARED = 64 << 20

# Of float32, the type of a value in MEDS.
_LARGEST = 3.4e38


class TextTable(Protocol):
    """A table in any form, as :class:`sequela.events.Delimited` has it in delimited text."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names, in lower case."""
        ...

    def frames(self, columns: Iterable[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in chunks of text columns; columns that are not there are left out."""
        ...


@dataclass(frozen=True)
class Rule:
    """One event that each row of a table holds.

    Args:
        code: a template such as ``LAB//{itemid}//{valueuom?}``. A column in braces stands for its
            cell without blanks around it; a part with an empty cell is left out with its ``//``
            where a question mark follows the name, else the row has no code and is dropped.
        time: columns; the first filled one is the time. None for a static fact.
        available: columns; the first filled one says when the event became known, if that is later.
        dates: those of the columns above that hold a day without its hour. What is dated by one,
            and of which nothing else says when it became known, is known when that day is over.
        ends: the column of the end of what the value sums up (an infusion); whenever it was written
            down, it is not known before.
        awaited: an event of which nothing says when it became known is dropped and counted; else it
            is taken as known when it happened.
        number: the column of the value. A cell that is no number becomes the event's text.
        text: the column of the text; it is used where there is no number.
        optional: no time means no event (a date of death); else such a row is dropped and counted.
        when: rows for which this is not true hold no such event; an expression over text columns.
    """

    code: str
    time: tuple[str, ...] = ()
    available: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    ends: str | None = None
    awaited: bool = False
    number: str | None = None
    text: str | None = None
    optional: bool = False
    when: pl.Expr | None = None

    def columns(self) -> tuple[str, ...]:
        """The columns that the rule names, but for those of ``when``."""
        inside = [name for name, _ in _PLACE.findall(self.code)]
        rest = [name for name in (self.ends, self.number, self.text) if name is not None]
        return tuple(dict.fromkeys([*inside, *self.time, *self.available, *rest]))


def events_of(
    rows: pl.DataFrame,
    subjects: pl.Series,
    rules: Sequence[Rule],
    table: str,
    drops: Drops,
    formats: Sequence[str] = ISO_FORMATS,
) -> pl.DataFrame:
    """The events of some rows: row by row, and within a row in the order of the rules.

    Args:
        rows: text columns; one that a rule names and that is not there counts as empty.
        subjects: int64, one for each row; null drops the row.
        rules: see :class:`Rule`.
        table: its name, for the counts.
        drops: counts what is left out.
        formats: of times, see :func:`sequela.events.cells.as_times`.

    Returns:
        A near-MEDS frame; ``available_time`` is null or later than ``time``.
    """
    absent = {name for rule in rules for name in rule.columns()} - set(rows.columns)
    rows = rows.with_columns(pl.lit(None, pl.String()).alias(name) for name in sorted(absent))
    rows = rows.with_columns(subjects.alias("\0subject")).with_row_index("\0row")
    rows = drops.keep(rows, pl.col("\0subject").is_not_null(), table, "no such subject")
    found = [_apply(rows, rule, table, drops, formats) for rule in rules]
    events = pl.concat(found)
    if len(rules) > 1:
        events = events.sort("\0row", maintain_order=True)
    return events.drop("\0row")


def _apply(
    rows: pl.DataFrame, rule: Rule, table: str, drops: Drops, formats: Sequence[str]
) -> pl.DataFrame:
    if rule.when is not None:
        rows = rows.filter(rule.when)
    code = rows.with_columns(code_of(rule.code).alias("code"))["code"]
    times = _first_time(rows, rule.time, formats)
    known = _first_time(rows, rule.available, formats, rule.dates)
    unreadable = _unreadable_time(rows, rule.available, known)
    if rule.dates:
        over = _first_time(rows, rule.time, formats, rule.dates)
        both = pl.DataFrame([known.alias("a"), over.alias("b")])
        known = both.select(pl.coalesce(pl.all())).to_series()
    if rule.ends is not None:
        end = _first_time(rows, (rule.ends,), formats)
        unreadable = unreadable | _unreadable_time(rows, (rule.ends,), end)
        both = pl.DataFrame([known.alias("a"), end.alias("b")])
        known = both.select(pl.max_horizontal(pl.all())).to_series()
    events = rows.select(
        "\0row",
        pl.col("\0subject").alias("subject_id"),
        times.alias("time"),
        code.alias("code"),
        *_values(rows, rule),
        known.alias(AVAILABLE),
        ~unreadable.alias("\0known"),
        ~_unreadable_time(rows, rule.time, times).alias("\0timed"),
    )
    # Were it taken as known at once, what was written down later would leak.
    names = " or ".join((*rule.available, *([rule.ends] if rule.ends else ())))
    events = drops.keep(events, pl.col("\0known"), table, f"{names} unreadable").drop("\0known")
    events = drops.keep(events, pl.col("code").is_not_null(), table, f"no code for {rule.code}")
    if not rule.time:
        return events.drop("\0timed")
    names = " or ".join(rule.time)
    # Told apart: a cell that nobody can read, and one that is empty.
    events = drops.keep(events, pl.col("\0timed"), table, f"{names} unreadable").drop("\0timed")
    timed = pl.col("time").is_not_null()
    if rule.optional:
        events = events.filter(timed)
    else:
        events = drops.keep(events, timed, table, f"{names} empty")
    if rule.awaited:
        names = " or ".join(rule.available)
        events = drops.keep(events, pl.col(AVAILABLE).is_not_null(), table, f"{names} empty")
    later = pl.when(pl.col(AVAILABLE) > pl.col("time")).then(pl.col(AVAILABLE))
    return events.with_columns(later.alias(AVAILABLE))


def code_of(code: str) -> pl.Expr:
    """The code that a template such as :class:`Rule` has makes of the text columns of a row."""
    pieces: list[pl.Expr] = []
    end = 0
    for found in _PLACE.finditer(code):
        before = code[end : found.start()]
        cell = pl.col(found[1]).str.strip_chars()
        cell = pl.when(cell != _EMPTY).then(cell)
        if found[2]:
            join = _JOIN.search(before)
            kept, join = (before[: join.start()], join[0]) if join else (before, _EMPTY)
            pieces += [pl.lit(kept), (pl.lit(join) + cell).fill_null(_EMPTY)]
        else:
            pieces.append(pl.lit(before) + cell)
        end = found.end()
    if code[end:] or not pieces:
        pieces.append(pl.lit(code[end:]))
    # Added, not joined: a null in any piece makes the whole null.
    return pl.concat_str(pieces, ignore_nulls=False)


def _first_time(
    rows: pl.DataFrame, names: Iterable[str], formats: Sequence[str], dates: Iterable[str] = ()
) -> pl.Series:
    """The first filled column; of ``dates``, the end of the day."""
    read = [as_times(rows[name], formats) for name in names]
    read = [_over(day) if name in dates else day for name, day in zip(names, read, strict=True)]
    read = [column.alias(str(number)) for number, column in enumerate(read)]
    if not read:
        return pl.Series("time", [None], pl.Datetime("us")).new_from_index(0, rows.height)
    if len(read) == 1:
        return read[0]
    return pl.DataFrame(read).select(pl.coalesce(pl.all())).to_series()


def _over(days: pl.Series) -> pl.Series:
    # A cell that does tell the hour is taken at its word.
    whole = days.dt.truncate("1d") == days
    frame = pl.DataFrame([days.alias("day"), whole.alias("whole")])
    after = pl.when("whole").then(pl.col("day").dt.offset_by("1d")).otherwise("day")
    return frame.select(after).to_series()


def _unreadable_time(rows: pl.DataFrame, names: Iterable[str], times: pl.Series) -> pl.Series:
    """True where a cell is filled and no time was read from any."""
    bad = pl.Series([False], dtype=pl.Boolean()).new_from_index(0, rows.height)
    if times.null_count() == 0:
        return bad
    for name in names:
        bad = bad | unreadable(rows[name], times)
    return bad


def _values(rows: pl.DataFrame, rule: Rule) -> list[pl.Series]:
    nothing = pl.Series([None], dtype=pl.String()).new_from_index(0, rows.height)
    text = nothing if rule.text is None else rows[rule.text]
    if rule.number is None:
        number = nothing.cast(pl.Float64())
    else:
        read = as_numbers(rows[rule.number])
        frame = pl.DataFrame({"n": read, "cell": rows[rule.number], "text": text})
        frame = frame.with_columns(n=pl.when(pl.col("n").abs() < _LARGEST).then("n"))
        number = frame["n"]
        words = pl.when(pl.col("n").is_null()).then(pl.coalesce("text", "cell"))
        text = frame.select(words).to_series()
    return [number.alias("numeric_value"), text.alias("text_value")]


def rows_table(
    file: TextTable,
    name: str,
    rules: Sequence[Rule],
    drops: Drops,
    *,
    subjects: Callable[[pl.DataFrame], pl.Series] | None = None,
    prepare: Callable[[], Change] | None = None,
    columns: Iterable[str] = (),
    formats: Sequence[str] = ISO_FORMATS,
    shared: bool = False,
) -> Table:
    """A table of events from a file of rows.

    Args:
        file: opened.
        name: of the table.
        rules: see :class:`Rule`.
        drops: counts what is left out.
        subjects: from rows to their subjects; by default the whole numbers in ``subject_id``.
        prepare: called at the start of each reading; gives what is done to rows before the rules
            (a join with another table).
        columns: that ``subjects``, ``prepare`` and ``when`` need beside those of the rules.
        formats: of times.
        shared: ``subjects`` remembers nothing from one chunk to the next, so that several processes
            may read the table together; they may anyhow without ``subjects``.

    Raises:
        ConfigError: a rule has no column in its code and no time.
    """
    for rule in rules:
        if not rule.code:
            raise ConfigError(f"a rule of table {name}", got="no code")
    own = [column for rule in rules for column in rule.columns()]
    wanted = tuple(dict.fromkeys([*columns, *(() if subjects else ("subject_id",)), *own]))

    def share(part: int, of: int) -> Iterator[tuple[int, pl.DataFrame]]:
        # Each process parses the whole file, since only a parser knows which line ends lie in
        # quotes; what costs most, rows to events, is done for a part of them.
        change = prepare() if prepare else None
        for place, rows in enumerate(file.frames(wanted)):
            run = place // _RUN
            if run % of != part:
                continue
            if change is not None:
                rows = change(rows)
            numbers = as_integers(rows["subject_id"]) if subjects is None else subjects(rows)
            yield run, events_of(rows, numbers, rules, name, drops, formats)

    def frames() -> Iterator[pl.DataFrame]:
        return (frame for _, frame in share(0, 1))

    large = isinstance(file, Delimited) and file.size >= _SHARED
    return Table(name, frames, share if large and (shared or subjects is None) else None)


def described(
    file: TextTable,
    code: str,
    description: str,
    prepare: Change | None = None,
    columns: Iterable[str] = (),
) -> pl.DataFrame:
    """The distinct codes of a table and what it calls them.

    Args:
        file: opened.
        code: a template, see :class:`Rule`.
        description: the same for the words: ``{label} ({fluid?})``.
        prepare: done to rows before.
        columns: that ``prepare`` needs beside those of the templates.

    Returns:
        Columns ``code`` and ``description``, the first description of each code; rows without one
        of them are passed over.
    """
    names = [name for name, _ in _PLACE.findall(code + description)]
    distinct = pl.DataFrame(schema={"code": pl.String(), "description": pl.String()})
    for rows in file.frames(dict.fromkeys([*names, *columns])):
        if prepare is not None:
            rows = prepare(rows)
        absent = set(names) - set(rows.columns)
        rows = rows.with_columns(pl.lit(None, pl.String()).alias(name) for name in sorted(absent))
        words = code_of(description).str.strip_chars().alias("description")
        rows = rows.select(code_of(code).alias("code"), words).drop_nulls()
        distinct = pl.concat([distinct, rows]).unique("code", keep="first", maintain_order=True)
    return distinct


def parents(file: TextTable, code: str, parent: str, but: Iterable[str] = ()) -> pl.DataFrame:
    """The distinct codes of a table and the codes above them.

    Args:
        file: opened.
        code: a template, see :class:`Rule`.
        parent: the same for the code above.
        but: codes that stand for none.

    Returns:
        Columns ``code`` and ``parent_codes`` (sorted), for codes that have some.
    """
    names = [name for name, _ in _PLACE.findall(code + parent)]
    pairs = pl.DataFrame(schema={"code": pl.String(), "parent": pl.String()})
    if set(names) <= set(file.columns):
        for rows in file.frames(dict.fromkeys(names)):
            found = rows.select(code_of(code).alias("code"), code_of(parent).alias("parent"))
            pairs = pl.concat([pairs, found.drop_nulls()]).unique()
    pairs = pairs.filter(~pl.col("parent").is_in(list(but)))
    return pairs.group_by("code").agg(pl.col("parent").sort().alias("parent_codes"))


def looked_up(other: TextTable, key: str, columns: dict[str, str]) -> Callable[[], Change]:
    """For ``prepare``: columns of another table, which is small enough to be held.

    Args:
        other: the table.
        key: the column that both have; of rows with one key the first counts.
        columns: from the names that rows get to those of the other table.
    """

    def start() -> Change:
        held = [
            rows.select(pl.col(key).str.strip_chars(), **columns)
            for rows in other.frames((key, *columns.values()))
        ]
        kinds = dict.fromkeys([key, *columns], pl.String())
        table = pl.concat([pl.DataFrame(schema=kinds), *held]).unique(key, keep="first")

        def change(rows: pl.DataFrame) -> pl.DataFrame:
            if key not in rows.columns:
                return rows
            rows = rows.with_columns(pl.col(key).str.strip_chars())
            return rows.join(table.drop_nulls(key), on=key, how="left", maintain_order="left")

        return change

    return start
