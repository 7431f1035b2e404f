"""`sequela ingest`: raw tables as MEDS on disk, and what was made of them in counts."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sequela import sources
from sequela.errors import ConfigError
from sequela.events import EventData, Extract
from sequela.ingest import Summary, ingest
from sequela.ingest.run import Say
from sequela.settings import override

__all__ = ["run"]

_SHOWN_MISSING = 12
_PARTS = (0.7, 0.15, 0.15)


def run(
    source: str,
    path: Path,
    out: Path,
    words: Sequence[str],
    *,
    processes: int,
    replace: bool,
    keep_ids: bool,
    parts: bool,
    as_json: bool = False,
) -> None:
    """Reads, writes, and says what was written and what was left out.

    Raises:
        ConfigError: a source whose data need no ingestion, or a wrong option.
        DataError: whatever the source finds wrong with the data.
        OutputError: the folder exists already, or cannot be written.
    """
    options = override({}, words)
    extract = sources.read(source, path, **options)
    if not isinstance(extract, Extract):
        todo = "They are MEDS already." if isinstance(extract, EventData) else "It holds no events."
        raise ConfigError(f"source '{source}'", got="nothing to ingest", todo=todo)
    with _progress() as say:
        summary = ingest(
            extract,
            out,
            processes=processes,
            replace=replace,
            keep_ids=keep_ids,
            parts=_PARTS if parts else None,
            say=say,
            origin=(source, path, options),
        )
    if as_json:
        print(json.dumps({**summary.to_dict(), "unchanged": summary.unchanged}, indent=2))
    else:
        _print(summary, out)


@contextlib.contextmanager
def _progress() -> Iterator[Say | None]:
    """A bar on a terminal; elsewhere nothing, so that logs stay short."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("", total=None)

        def say(what: str, done: int, parts: int) -> None:
            bar.update(task, description=what, completed=done, total=parts)

        yield say


def _print(summary: Summary, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if summary.unchanged:
        console.print(f"{out} was made from this input already: nothing to do.", markup=False)
    span = "" if summary.years is None else f", {summary.years[0]} to {summary.years[1]}"
    console.print(
        f"{summary.subjects:,} subjects with {summary.events:,} events of {summary.codes:,} codes"
        f"{span}, in {summary.shards} file(s)"
    )
    table = Table("table", "events", "left out", "why", title_justify="left")
    reasons: dict[str, list[tuple[str, int]]] = {name: [] for name in summary.tables}
    for (name, reason), rows in summary.dropped.items():
        reasons.setdefault(name, []).append((reason, rows))
    for name, lost in reasons.items():
        table.add_row(
            name,
            f"{summary.tables.get(name, 0):,}",
            "\n".join(f"{rows:,}" for _, rows in lost),
            "\n".join(reason for reason, _ in lost),
        )
    console.print(table, markup=False)
    if summary.missing:
        more = len(summary.missing) - _SHOWN_MISSING
        names = ", ".join(summary.missing[:_SHOWN_MISSING])
        console.print(f"not there: {names}{f' and {more} more' if more > 0 else ''}", markup=False)
    for note in summary.notes:
        console.print(note, markup=False)
    console.print(f"next: sequela inspect {out}", markup=False)
