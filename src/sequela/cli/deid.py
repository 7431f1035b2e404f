"""`sequela deid`: notes without what identifies patients, and an account in counts."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sequela import sources
from sequela.cli.deid_model import chosen
from sequela.deid.review import write_review
from sequela.deid.rules import Names
from sequela.deid.run import Settings, Summary, deidentify, not_safe_harbor, summary_dict
from sequela.deid.work import read_key
from sequela.errors import ConfigError, DataError
from sequela.folders import text_of
from sequela.notes import NoteSet
from sequela.settings import override

__all__ = ["run"]

# Which source reads files of an ending, and in which form its notes are written.
_KINDS = {
    "notes_folder": ((".txt",), "txt"),
    "notes_table": ((".csv", ".csv.gz", ".tsv", ".parquet"), "csv"),
    "notes_jsonl": ((".jsonl", ".ndjson", ".json"), "jsonl"),
    "brat": ((".ann",), "brat"),
    "i2b2": ((".xml",), "i2b2"),
    "conll": ((".conll", ".conll03", ".bio", ".iob", ".iob2"), "conll"),
}
#: Numbers of lines that are told; the count tells the rest.
_LINES_TOLD = 20
_RULES_ALONE = (
    "Rules alone find no names of people, unless they are in a list (--names), and no addresses. "
    "Read a sample before anything leaves the house."
)


def run(
    path: Path,
    out: Path,
    words: Sequence[str],
    settings: Settings,
    *,
    source: str | None,
    form: str | None,
    names: Path | None,
    key: Path | None,
    processes: int,
    model: str | None = None,
    recall_target: float | None = None,
    tuning: Path | None = None,
    tuning_source: str | None = None,
    review: bool = False,
    as_json: bool = False,
) -> None:
    """Cleans the notes, and says what was found, never where or what.

    Raises:
        ConfigError: a wrong setting, or a folder with notes of several kinds and no ``source``.
        BundleError: no such model.
        DataError: whatever the source finds wrong with the notes, or a recall out of reach.
        OutputError: the place exists already, or cannot be written.
    """
    _refuse_within(path, out)
    _leave_no_core()
    known = source or _source_of(path)
    notes = sources.read(known, path, **override({}, words))
    if not isinstance(notes, NoteSet):
        raise ConfigError(f"source '{known}'", got="no notes", wanted="a source of notes")
    not_read = _not_read(known, path)
    settings = dataclasses.replace(settings, form=form or _form_of(known, path))
    listed, unused = _listed(names)
    finder, said = chosen(model, recall_target, tuning, tuning_source, alone=processes == 1)
    if not as_json:
        print("\n".join(said), end="\n" if said else "")
    with _progress(notes) as say:
        summary = deidentify(
            notes,
            out,
            settings,
            names=listed,
            model=finder,
            key=None if key is None else read_key(key),
            processes=processes,
            say=say,
        )
    page = write_review(notes, out) if review else None
    if as_json:
        told = {**summary_dict(summary, settings), "files_not_read": not_read, "model": said}
        told["lines_of_the_list_without_a_name"] = unused
        print(json.dumps(told, indent=2))
    else:
        _print(summary, settings, out, not_read, rules_alone=finder is None)
        print(_of_the_list(unused), end="")
        print(
            "" if page is None else f"to look at and correct, for your eyes alone: {page}\n", end=""
        )


def _leave_no_core() -> None:
    """A process that crashes leaves no image of its memory behind: it holds notes."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _refuse_within(path: Path, out: Path) -> None:
    # Started once more, the run would read what it has written itself.
    if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
        todo = "Choose a place beside the notes."
        raise ConfigError(f"folder {out}", got="a place within the notes", todo=todo)


def _source_of(path: Path) -> str:
    if path.is_file():
        files = [path.name.lower()]
    elif _is_meds(path):
        return "notes_table"
    elif path.is_dir():
        files = [file.name.lower() for file in path.rglob("*") if file.name[0] != "."]
    else:
        raise DataError(f"data {path}", got="no such file or folder", wanted="notes")
    found = [
        name
        for name, (endings, _) in _KINDS.items()
        if any(file.endswith(endings) for file in files)
    ]
    if set(found) == {"notes_folder", "brat"}:
        return "brat"
    if len(found) != 1:
        got = "notes of several kinds" if found else "no .txt, .csv, .parquet or .jsonl file"
        todo = "Say which to read: --source notes_folder, notes_table, notes_jsonl, brat ..."
        raise ConfigError(f"data {path}", got=got, todo=todo)
    return found[0]


def _not_read(source: str, path: Path) -> int:
    """How many files lie there that the source passes over, for their endings."""
    if source not in _KINDS or path.is_file() or _is_meds(path):
        return 0
    read = _KINDS[source][0] + ((".txt",) if source == "brat" else ())
    others = (file for file in path.rglob("*") if not file.name.lower().endswith(read))
    return sum(
        file.is_file() and not any(part[0] == "." for part in file.relative_to(path).parts)
        for file in others
    )


def _is_meds(path: Path) -> bool:
    return all((path / name).is_dir() for name in ("data", "metadata"))


def _form_of(source: str, path: Path) -> str:
    if source == "notes_table" and _is_meds(path):
        return "meds"
    form = _KINDS[source][1] if source in _KINDS else "jsonl"
    parquet = path.suffix == ".parquet" or any(path.glob("**/*.parquet"))
    return "parquet" if form == "csv" and parquet else form


def _listed(path: Path | None) -> tuple[list[str], list[int]]:
    """The names of a list, and the numbers of its lines in which there is none to look for."""
    if path is None:
        return [], []
    lines = [line.strip() for line in text_of(path).removeprefix("\ufeff").splitlines()]
    unused = [at for at, line in enumerate(lines, 1) if line and not Names.usable(line)]
    return [line for line in lines if Names.usable(line)], unused


def _of_the_list(unused: Sequence[int]) -> str:
    if not unused:
        return ""
    places = ", ".join(map(str, unused[:_LINES_TOLD])) + (" ..." if unused[_LINES_TOLD:] else "")
    words = "lines of the list of names without a word of two letters, not used"
    return f"{words}: {len(unused):,} ({places})\n"


@contextlib.contextmanager
def _progress(notes: NoteSet) -> Iterator[Callable[[int], None] | None]:
    """How far it is, on a terminal; elsewhere nothing, so that logs stay short."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TextColumn("{task.completed:,} of {task.total:,} notes"),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("cleaning", total=notes.count())
        yield lambda done: bar.update(task, completed=done)


def _print(
    summary: Summary, settings: Settings, out: Path, not_read: int, *, rules_alone: bool
) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"{summary.documents:,} notes, mode {settings.mode}: {out}", markup=False)
    table = Table("what", "found", title_justify="left")
    for label, count in sorted(summary.found.items()):
        table.add_row(label, f"{count:,}")
    console.print(table, markup=False)
    lines = {
        "notes in which nothing was found": summary.silent,
        "pieces with a tag where nothing else could be written": summary.tagged,
        "pieces that the output still held, now tags": summary.again,
        "notes with dates in another order of day and month than was asked for, or in both; so are "
        "their patients' others read, where it is known whose they are": summary.against_order,
        "notes withheld, since the search failed in them": len(summary.withheld),
        "characters that the form cannot hold, now U+FFFD": summary.unwritable,
        "files not read, for their endings": not_read,
    }
    for words, count in lines.items():
        if count:
            console.print(f"{words}: {count:,}", markup=False)
    if rules_alone:
        console.print(_RULES_ALONE, markup=False)
    said = not_safe_harbor(settings, summary)
    if said is not None:
        console.print(said, markup=False)
    console.print(f"the account, for your eyes alone: {out}.phi", markup=False)
