"""De-identification of a set of notes of any size: by blocks, in several processes, resumable."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sequela.deid.found import Finder
from sequela.deid.replace import Cleaned, Replacer, clean, person_of
from sequela.deid.rules import Names
from sequela.deid.work import Block, Work, write_block
from sequela.deid.write import FORMS, write_notes
from sequela.errors import ConfigError, DataError, OutputError, nearest
from sequela.files import atomic_write, translated
from sequela.lock import locked
from sequela.notes import Document, NoteSet

__all__ = ["Settings", "Summary", "deidentify", "not_safe_harbor", "summary_dict"]

Summary = Block
"""The counts of a whole run."""

# A block is what is lost by a kill, and what one process holds.
_BLOCK_DOCUMENTS = 256
_BLOCK_CHARACTERS = 1 << 20


@dataclass(frozen=True)
class Settings:
    """How notes are cleaned.

    Args:
        mode, safe_harbor, day_first: of :class:`sequela.deid.Replacer`.
        form: of the output: txt, csv, parquet or jsonl.
        keep_ids: notes keep their ids, and with them their file names; by default they are
            numbered, since names of files often name patients.
        keep_originals: the account also holds the words that were found.
    """

    mode: str = "tag"
    safe_harbor: bool = False
    day_first: bool = False
    form: str = "txt"
    keep_ids: bool = False
    keep_originals: bool = False


def not_safe_harbor(settings: Settings) -> str | None:
    """What has to be said where dates or codes come from the patient's own."""
    if settings.safe_harbor:
        return None
    if settings.mode in ("surrogate", "shift-dates"):
        return (
            "Shifted or surrogate dates are not Safe Harbor (45 CFR 164.514(b)(2)): "
            "an expert has to determine the risk, or use --safe-harbor, which keeps years only."
        )
    if settings.mode == "hash":
        return "Codes made from the patient's own data are not Safe Harbor (45 CFR 164.514(c))."
    return None


def deidentify(
    notes: NoteSet,
    out: Path | str,
    settings: Settings = Settings(),
    *,
    names: Sequence[str] = (),
    model: Finder | None = None,
    key: bytes | None = None,
    processes: int = 1,
    say: Callable[[int], None] | None = None,
) -> Summary:
    """Writes the notes without what identifies; whole or not at all.

    A run that was killed goes on when it is started again with the same settings, and ends with
    the same notes. Nothing found is held in memory beyond a block of notes.

    Args:
        notes: of any number.
        out: the new folder. Beside it comes ``OUT.phi``, for this user alone: ``phi.jsonl`` (note,
            start, end, label, score, by, replacement), ``ids.jsonl`` (which note was which) and
            the key. Whoever has that folder can undo much: keep it as you keep the notes.
        settings: mode, form and what is kept.
        names: of patients; held in memory, never written.
        model: finds spans beside the rules. With several processes it is sent to each of them,
            so it has to be a function of a module, or an object of a class of a module.
        key: 16 bytes or more, for the same surrogates, codes and shifts in several runs; by
            default a new one is made.
        processes: that work at once.
        say: is told how many notes are done.

    Returns:
        Counts of what was found, withheld, and found again in the output.

    Raises:
        OutputError: ``out`` is there already, a broken run had other settings, or the place cannot
            be written.
        DataError: whatever the source finds wrong with the notes; what is done stays done.
        ConfigError: a mode or form that is not known.
    """
    out = Path(out)
    if settings.form not in FORMS:
        raise ConfigError(
            f"format '{settings.form}'", got="no such format", todo=nearest(settings.form, FORMS)
        )
    if processes < 1:
        raise ConfigError("processes", got=processes, wanted="1 or more")
    Replacer(settings.mode, key or bytes(16), safe_harbor=settings.safe_harbor)
    with translated(out):
        if out.exists():
            raise OutputError(
                f"folder {out}", got="one that exists already", todo="Choose another."
            )
    with locked(out.parent / f"{out.name}.phi"):
        known = {**vars(settings), "names": sorted(names), "model": model is not None}
        work = Work(out, key, known)
        total, count = Block(), 0
        for block in _blocks(notes, work, settings, names, model, processes):
            total.add(block)
            count += 1
            if say:
                say(total.documents)
        _publish(out, work, settings, total, count)
    return total


# --- blocks --------------------------------------------------------------------------------------


def _blocks(
    notes: NoteSet,
    work: Work,
    settings: Settings,
    names: Sequence[str],
    model: Finder | None,
    processes: int,
) -> Iterator[Block]:
    """The blocks in order, done now or before; no more are read than are worked at."""
    start = (settings, work.key, names, model, work.blocks)
    if processes == 1:
        _begin(*start)
        for number, first, documents in _dealt(notes):
            digest = work.digest(documents)
            yield work.done(number, digest) or _work(number, first, documents, digest)
        return
    # Spawned, since a forked child may hang on the threads of polars.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin, start) as pool:
        waiting: deque[Block | Future[Block]] = deque()
        try:
            for number, first, documents in _dealt(notes):
                waiting.append(_submitted(pool, work, number, first, documents))
                while len(waiting) > 2 * processes:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        except BrokenProcessPool as error:
            todo = "Is there enough memory? Start it again: it goes on where it was."
            raise DataError("the run", got="a process that ended by itself", todo=todo) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _submitted(
    pool: Executor, work: Work, number: int, first: int, documents: list[Document]
) -> Block | Future[Block]:
    digest = work.digest(documents)
    return work.done(number, digest) or pool.submit(_work, number, first, documents, digest)


def _result(block: Block | Future[Block]) -> Block:
    return block if isinstance(block, Block) else block.result()


def _dealt(notes: Iterable[Document]) -> Iterator[tuple[int, int, list[Document]]]:
    """Number of the block, number of its first document, documents."""
    number, first, size = 1, 1, 0
    documents: list[Document] = []
    for one in notes:
        documents.append(one)
        size += len(one.text)
        if len(documents) == _BLOCK_DOCUMENTS or size >= _BLOCK_CHARACTERS:
            yield number, first, documents
            number, first, size, documents = number + 1, first + len(documents), 0, []
    if documents:
        yield number, first, documents


_State = tuple[Settings, Replacer, Names | None, Finder | None, Path]
_STATE: list[_State] = []


def _begin(
    settings: Settings, key: bytes, names: Sequence[str], model: Finder | None, blocks: Path
) -> None:
    # Once in each process: names and surrogates take time to prepare.
    replacer = Replacer(
        settings.mode, key, safe_harbor=settings.safe_harbor, day_first=settings.day_first
    )
    _STATE[:] = [(settings, replacer, Names(names) if names else None, model, blocks)]


def _work(number: int, first: int, documents: list[Document], digest: str) -> Block:
    settings, replacer, names, model, folder = _STATE[0]
    block = Block(digest, len(documents), sum(len(one.text) for one in documents))
    lines, phi = [], []
    for place, one in enumerate(documents, first):
        cleaned = clean(one, replacer, names=names, model=model)
        name = _name(one, place, settings)
        lines.append({**_line(one, name, cleaned, settings, replacer), "source": one.id})
        phi += [_account(one, name, span, made, settings) for span, made in cleaned.done]
        _count(block, name, cleaned, settings)
    write_block(folder, number, lines, phi, block)
    return block


def _name(one: Document, place: int, settings: Settings) -> str:
    """The id of a cleaned note: a number, or its own where that can be a file's."""
    parts = one.id.split("/")
    sound = all(re.fullmatch(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*", part) for part in parts)
    if settings.keep_ids and sound and all(len(part.encode()) <= 200 for part in parts):
        return one.id
    return f"note-{place:07d}"


def _line(
    one: Document, name: str, cleaned: Cleaned, settings: Settings, replacer: Replacer
) -> dict[str, Any]:
    line = {"id": name, "text": cleaned.text}
    # Safe Harbor has no place for a code that is made from the patient's own, nor for a time.
    if one.subject is not None and not settings.safe_harbor:
        line["subject"] = replacer.pseudonym(one.subject)
    moving = settings.mode in ("shift-dates", "surrogate") and not settings.safe_harbor
    if one.time is not None and moving:
        days = timedelta(replacer.shift_of(person_of(one)))
        line["time"] = (one.time + days).isoformat()
    return line


def _account(one: Document, name: str, span, made: str, settings: Settings) -> dict[str, Any]:
    account = {
        "id": name,
        "start": span.start,
        "end": span.end,
        "label": span.label,
        "score": round(span.score, 4),
        "by": span.by,
        "replacement": made,
    }
    if settings.keep_originals:
        account["original"] = one.text[span.start : span.end]
    return account


def _count(block: Block, name: str, cleaned: Cleaned, settings: Settings) -> None:
    for span, made in cleaned.done:
        block.found[span.label] += 1
        block.by[span.by] += 1
        block.tagged += made == f"[{span.label}]" and settings.mode not in ("tag", "shift-dates")
    block.again += cleaned.again
    block.silent += not cleaned.done and not cleaned.withheld
    if cleaned.withheld:
        block.withheld.append(name)


# --- the end -------------------------------------------------------------------------------------


def _publish(out: Path, work: Work, settings: Settings, total: Block, count: int) -> None:
    """Puts the blocks together and gives the folder its name; the account comes first."""
    staged = work.blocks / "out"
    with translated(staged):
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir()
    ids = work.blocks / "ids.jsonl"
    with open(ids, "w", encoding="utf-8", opener=_private) as file:
        write_notes(settings.form, staged, _told(_lines(work, count), file))
    account = work.blocks / "phi.jsonl"
    with translated(account), open(account, "wb", opener=_private) as file:
        for number in range(1, count + 1):
            with open(work.blocks / f"{number:06d}.phi", "rb") as part:
                shutil.copyfileobj(part, file)
    atomic_write(staged / "summary.json", json.dumps(summary_dict(total, settings), indent=2))
    with translated(out):
        os.sync()
        os.replace(ids, work.folder / "ids.jsonl")
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(staged, 0o777 & ~mask)
        os.replace(staged, out)
        # Written last: as long as it is not there, the run can be ended again.
        os.replace(account, work.folder / "phi.jsonl")
        shutil.rmtree(work.blocks, ignore_errors=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _lines(work: Work, count: int) -> Iterator[dict[str, Any]]:
    for number in range(1, count + 1):
        with open(work.blocks / f"{number:06d}.notes", encoding="utf-8", newline="\n") as file:
            for line in file:
                yield json.loads(line)


def _told(lines: Iterable[dict[str, Any]], ids) -> Iterator[dict[str, Any]]:
    """The notes without their old ids, which go into a file of their own."""
    for line in lines:
        ids.write(json.dumps({"id": line["id"], "source": line.pop("source")}) + "\n")
        yield line


def summary_dict(total: Block, settings: Settings) -> dict[str, Any]:
    """The counts, and what has to be said with them."""
    return {
        "mode": settings.mode,
        "safe_harbor": settings.safe_harbor,
        "documents": total.documents,
        "characters": total.characters,
        "found": dict(sorted(total.found.items())),
        "by": dict(sorted(total.by.items())),
        "tags_in_place_of_another_replacement": total.tagged,
        "found_again_in_the_output": total.again,
        "documents_without_findings": total.silent,
        "withheld": total.withheld,
        "said": not_safe_harbor(settings),
    }
