"""From the tables of a source to MEDS 0.4 on disk, in two passes that never hold more than a part.

First each table is read in chunks and dealt to buckets by subject (:mod:`sequela.ingest.deal`),
then each shard is read, sorted and written. The bytes depend on the events alone: not on the number
of processes, on the chunks, nor on how often the work was broken off.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import meds
import polars as pl

from sequela import __version__, sources
from sequela.errors import ConfigError, DataError, OutputError
from sequela.events import Extract, Table, assign_splits
from sequela.events.files import read_columns
from sequela.events.write import write_metadata
from sequela.files import publish_directory, translated
from sequela.ingest.codes import codes_that_occur
from sequela.ingest.shard import shard_facts, shard_name, write_shard
from sequela.ingest.summary import Summary
from sequela.ingest.work import Bucket, Work, deal_part, deal_table, plan_shards
from sequela.lock import locked
from sequela.pool import pool_of

__all__ = ["SHARD_EVENTS", "SUMMARY_FILE", "Origin", "Say", "ingest", "input_identity"]

#: A shard is what a reader holds in memory: a million events are some 100 MB there.
SHARD_EVENTS = 1_000_000

#: Where the summary and the identity of the input stand in the data set.
SUMMARY_FILE = "metadata/ingest.json"

# Of years in the summary, see Summary.years.
_MIN_SUBJECTS = 11

#: Called with what is being done, how many parts are done and how many there are.
Say = Callable[[str, int, int], None]

#: How to read an extract again in another process: source, path, options.
Origin = tuple[str, Path, Mapping[str, Any]]


def input_identity(extract: Extract, **more: object) -> str | None:
    """A text that differs when the input does; None where the files are not known.

    Args:
        extract: names, sizes and times of its files count, and this package's version.
        more: what else decides the result (source, options).
    """
    if not extract.files:
        return None
    found = [(file.name, *_size_and_time(file)) for file in extract.files]
    tables = [table.name for table in extract.tables]
    content = json.dumps([__version__, tables, sorted(found), more], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def _size_and_time(file: Path) -> tuple[int, int]:
    try:
        state = file.stat()
    except OSError as error:
        raise DataError(f"file {file.name}", got="no longer there") from error
    return state.st_size, state.st_mtime_ns


def ingest(
    extract: Extract,
    out: Path | str,
    *,
    shard_events: int = SHARD_EVENTS,
    processes: int = 1,
    replace: bool = False,
    keep_ids: bool = False,
    parts: Sequence[float] | None = None,
    say: Say | None = None,
    origin: Origin | None = None,
) -> Summary:
    """Writes an extract as MEDS 0.4; whole or not at all.

    A run that was killed goes on where it was when it is started again with the same input: tables
    that were read and shards that were written are not done again. If ``out`` was made from the
    same input already, nothing is done.

    Args:
        extract: from a raw source.
        out: the new folder. Work is done in a hidden folder beside it (``.OUT.ingest``), which
            takes about as much space again and is removed at the end.
        shard_events: events of a shard at most, unless one subject alone has more. Memory is
            bounded by it, in each process.
        processes: shards are written by so many at once; with ``origin``, tables are read so too.
        replace: take the place of an existing folder of another input.
        keep_ids: write ``metadata/subject_ids.parquet`` (``subject_id``, ``source_id``) where the
            source's ids are texts. It names patients as the source does: keep it as you keep that.
        parts: shares of subjects for training, tuning and held-out part. With them
            ``metadata/subject_splits.parquet`` is written, as tools for MEDS want it, where the
            source brings no parts of its own; training then keeps to them whatever the task, and
            does not spread its outcome evenly.
        say: is told about progress.
        origin: how to read the extract again in another process.

    Returns:
        What was written and what was dropped.

    Raises:
        OutputError: ``out`` exists and is of another input, another ingestion is at work there, or
            the place cannot be written.
        DataError: the source's files cannot be read, or hold no event.
    """
    out = Path(out)
    if shard_events < 1 or processes < 1:
        raise ConfigError("shard_events and processes", wanted="1 or more")
    named = origin and [origin[0], dict(origin[2])]
    shares = None if parts is None else list(parts)
    identity = input_identity(
        extract, shards=shard_events, ids=keep_ids, parts=shares, origin=named
    )
    with translated(out):
        there = out.exists()
    if there:
        summary = _made_before(out, identity)
        if summary is not None:
            return summary
        if not replace:
            raise OutputError(
                f"folder {out}",
                got="one that exists already and is not made from this input",
                todo="Choose another name, or replace it (--replace).",
            )
    hidden = out.parent / f".{out.name[:80]}.ingest"
    with locked(hidden), translated(out):
        hidden.chmod(0o700)
        work = Work(hidden, identity)
        facts = _deal_all(work, extract, processes, say, origin)
        shards = plan_shards(work, facts, shard_events)
        if not shards:
            raise _no_events(facts)
        _write_all(work, shards, any(each["available"] for each in facts), processes, say)
        if parts is not None and extract.splits is None:
            extract = dataclasses.replace(extract, splits=_dealt(work, len(shards), parts))
        summary = _publish(out, work, extract, facts, len(shards), identity, replace, keep_ids)
        shutil.rmtree(hidden, ignore_errors=True)
    return summary


def _no_events(facts: list[dict[str, Any]]) -> DataError:
    lost = [
        f"{table}: {reason} ({rows})" for each in facts for table, reason, rows in each["dropped"]
    ]
    return DataError(
        "the source",
        got="no events",
        wanted="at least one event",
        todo=f"Left out were: {'; '.join(lost)}." if lost else "Its tables are empty.",
    )


def _made_before(out: Path, identity: str | None) -> Summary | None:
    path = out / SUMMARY_FILE
    if identity is None or not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["identity"] == identity:
            return Summary.from_dict(content["summary"], unchanged=True)
    except (ValueError, KeyError, TypeError):
        pass
    return None


def _in_processes(
    what: str,
    jobs: list[tuple[Any, ...]],
    function: Callable[..., None],
    processes: int,
    say: Say | None,
) -> None:
    """Calls ``function`` with each job, in this process or in several."""
    if say:
        say(what, 0, len(jobs))
    if processes == 1 or len(jobs) < 2:
        for done, job in enumerate(jobs, start=1):
            function(*job)
            if say:
                say(what, done, len(jobs))
        return
    with pool_of(min(processes, len(jobs)), what) as pool:
        futures = [pool.submit(function, *job) for job in jobs]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            if say:
                say(what, done, len(jobs))


def _deal_there(
    origin: Origin, folder: Path, identity: str, place: int, share: tuple[int, int] | None
) -> None:
    # In another process: the extract is made again, its tables are the same.
    source, path, options = origin
    extract = sources.read(source, path, **options)
    work, table = Work(folder, identity), extract.tables[place]
    if share is None:
        deal_table(work, place, table, extract.drops)
    else:
        deal_part(work, place, table, extract.drops, share)


def _deal_all(
    work: Work, extract: Extract, processes: int, say: Say | None, origin: Origin | None
) -> list[dict[str, Any]]:
    identity = (work.folder / "identity").read_text(encoding="utf-8")
    open_places = [place for place in range(len(extract.tables)) if work.facts(place) is None]
    if origin is not None and identity and processes > 1:
        jobs = [
            (origin, work.folder, identity, place, share)
            for place in open_places
            for share in _shares(work, place, extract.tables[place], processes)
        ]
        _in_processes("reading tables", jobs, _deal_there, processes, say)
    else:
        for done, place in enumerate(open_places):
            table = extract.tables[place]
            told = _teller(f"reading {table.name}", done, len(open_places), say)
            deal_table(work, place, table, extract.drops, told)
    found = [work.facts(place) for place in range(len(extract.tables))]
    return [facts for facts in found if facts is not None]


def _shares(work: Work, place: int, table: Table, processes: int) -> list[tuple[int, int] | None]:
    if table.share is None:
        return [None]
    parts = [(part, processes) for part in range(processes)]
    return [share for share in parts if not work.has_part(place, share)]


def _teller(what: str, done: int, parts: int, say: Say | None) -> Callable[[int], None] | None:
    if say is None:
        return None
    say(what, done, parts)
    return lambda events: say(f"{what}: {events:,} events", done, parts)


def _write_all(
    work: Work, shards: list[list[Bucket]], available: bool, processes: int, say: Say | None
) -> None:
    jobs = [
        (work.shards, number, buckets, available)
        for number, buckets in enumerate(shards)
        if shard_facts(work.shards, number) is None
    ]
    _in_processes("writing shards", jobs, write_shard, processes, say)


def _summary(
    extract: Extract, facts: list[dict[str, Any]], shards: list[dict[str, Any]], codes: int
) -> Summary:
    years: Counter[int] = Counter()
    for shard in shards:
        years.update({int(year): subjects for year, subjects in shard["years"].items()})
    common = [year for year, subjects in years.items() if subjects >= _MIN_SUBJECTS]
    dropped: Counter[tuple[str, str]] = Counter()
    for each in facts:
        dropped.update({(table, reason): rows for table, reason, rows in each["dropped"]})
    return Summary(
        subjects=sum(shard["subjects"] for shard in shards),
        events=sum(shard["events"] for shard in shards),
        codes=codes,
        shards=len(shards),
        years=(min(common), max(common)) if common else None,
        tables={
            table.name: sum(each["counts"])
            for table, each in zip(extract.tables, facts, strict=True)
        },
        dropped=dict(sorted(dropped.items())),
        missing=extract.missing,
        notes=extract.notes,
    )


def _dealt(work: Work, count: int, parts: Sequence[float]) -> pl.DataFrame:
    """Each subject in one part, by the ids alone."""
    ids = [
        read_columns(work.shards / shard_name(number), ["subject_id"])["subject_id"].unique()
        for number in range(count)
    ]
    subjects = pl.concat(ids).sort()
    part = assign_splits(subjects.to_numpy(), fractions=parts)
    return pl.DataFrame({"subject_id": subjects, "split": part.tolist()})


def _publish(
    out: Path,
    work: Work,
    extract: Extract,
    facts: list[dict[str, Any]],
    count: int,
    identity: str | None,
    replace: bool,
    keep_ids: bool,
) -> Summary:
    shards = [found for n in range(count) if (found := shard_facts(work.shards, n)) is not None]
    codes = sorted({code for shard in shards for code in shard["codes"]})
    seen = pl.Series("code", codes, pl.String())
    summary = _summary(extract, facts, shards, len(codes))
    with publish_directory(out, replace=replace) as folder:
        (folder / "metadata").mkdir()
        (folder / meds.data_subdirectory).mkdir()
        known = None if extract.codes is None else codes_that_occur(extract.codes(), seen)
        write_metadata(folder, seen, known, extract.splits, extract.dataset)
        if keep_ids and extract.subjects is not None:
            extract.subjects().write_parquet(folder / "metadata" / "subject_ids.parquet")
        content = {"identity": identity, "summary": summary.to_dict()}
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (folder / SUMMARY_FILE).write_text(text + "\n", encoding="utf-8")
        for number in range(count):
            name = shard_name(number)
            (work.shards / f"{number:04d}.json").unlink()
            (work.shards / name).rename(folder / meds.data_subdirectory / name)
    return summary
