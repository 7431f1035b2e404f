"""De-identification of a set of notes of any size: by blocks, in several processes, resumable."""

from __future__ import annotations

import contextlib
import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from datetime import date
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import sequela
from sequela.deid.block import Settings, begin, clean_block
from sequela.deid.found import Finder
from sequela.deid.note_dates import orders_in
from sequela.deid.publish import finished, publish, was_published
from sequela.deid.replace import MOVING, Replacer
from sequela.deid.surrogates import code
from sequela.deid.work import Block, Work
from sequela.deid.write import FORMS
from sequela.errors import ConfigError, OutputError, nearest
from sequela.files import sha256, translated
from sequela.lock import locked
from sequela.notes import Document, NoteSet
from sequela.pool import Pool, pool_of

__all__ = ["Settings", "Summary", "deidentify", "not_safe_harbor", "summary_dict"]

Summary = Block
"""The counts of a whole run."""

_TAGS = Settings()
# A block is what is lost by a kill, and what one process holds.
_BLOCK_DOCUMENTS = 256
_BLOCK_CHARACTERS = 1 << 20
_CODE = (".py", ".so", ".dylib", ".dll")


def not_safe_harbor(settings: Settings, total: Block) -> str | None:
    """What has to be said where dates, names or codes come from the patient's own."""
    if settings.safe_harbor:
        return None
    said = []
    if settings.mode in MOVING:
        said.append(
            "Shifted dates and surrogates are not Safe Harbor (45 CFR 164.514(b)(2)): "
            "an expert has to determine the risk, or use --safe-harbor, which keeps years only."
        )
    if settings.mode == "hash" or total.coded:
        said.append(
            "Codes made from the patient's own data are not Safe Harbor (45 CFR 164.514(c))."
        )
    if total.coded:
        said.append("The subjects of the notes are such codes; --safe-harbor writes none.")
    return " ".join(said) or None


def deidentify(
    notes: NoteSet,
    out: Path | str,
    settings: Settings = _TAGS,
    *,
    names: Sequence[str] = (),
    model: Finder | None = None,
    key: bytes | None = None,
    processes: int = 1,
    say: Callable[[int], None] | None = None,
) -> Summary:
    """Writes the notes without what identifies; whole or not at all.

    A run that was killed goes on when it is started again with the same settings, by the same
    version, and ends with the same notes. Nothing found is held in memory beyond a block of notes.

    Args:
        notes: of any number.
        out: the new folder. Beside it comes ``OUT.phi``, for this user alone: ``phi.jsonl`` (note,
            start, end, label, score, by, replacement), ``ids.jsonl`` (which note was which) and
            the key. Whoever has that folder can undo much: keep it as you keep the notes.
        settings: mode, form and what is kept.
        names: of patients; held in memory, never written.
        model: finds spans beside the rules. Where it has a method ``spans`` of documents, that is
            asked for a block at once; where it has an ``identity``, a broken run goes on with that
            one only. With several processes it is sent to each of them, so it has to be a function
            of a module, or an object of a class of a module.
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
    _refuse(out, settings, key, processes)
    with locked(out.parent / f"{out.name}.phi"):
        work = Work(out, key, _known(settings, names, model))
        if out.exists():
            return finished(work)
        total, count = Block(), 0
        for block in _blocks(notes, work, (settings, work.key, names, model), processes):
            total.add(block)
            count += 1
            if say:
                say(total.documents)
        publish(out, work, settings.form, total, count, summary_dict(total, settings))
    return total


def _refuse(out: Path, settings: Settings, key: bytes | None, processes: int) -> None:
    if settings.form not in FORMS:
        raise ConfigError(
            f"format '{settings.form}'", got="no such format", todo=nearest(settings.form, FORMS)
        )
    if processes < 1:
        raise ConfigError("processes", got=processes, wanted="1 or more")
    Replacer(settings.mode, key or bytes(16), safe_harbor=settings.safe_harbor)
    with translated(out):
        if out.exists() and not was_published(out):
            raise OutputError(
                f"folder {out}", got="one that exists already", todo="Choose another."
            )


def _known(settings: Settings, names: Sequence[str], model: Finder | None) -> dict[str, Any]:
    """What the notes follow from: half of a run by something else would be a mixture."""
    return {
        **vars(settings),
        "names": sorted(names),
        "model": None if model is None else str(getattr(model, "identity", "a model")),
        "code": _code(),
        # Surrogates are drawn from its lists; who is over 89 depends on today.
        "faker": version("faker") if settings.mode == "surrogate" else None,
        "year": date.today().year if settings.safe_harbor else None,
    }


@functools.cache
def _code() -> str:
    """Which code is at work, of all rooms and of Python: rules use more than their own room."""
    root = Path(sequela.__file__).parent
    files = sorted(file for file in root.rglob("*") if file.suffix in _CODE)
    made = code(bytes(16), *(sha256(file) for file in files)).hex()
    return f"{sequela.__version__} {made} {python_version()}"


_Start = tuple[Settings, bytes, Sequence[str], Finder | None]


def _blocks(notes: NoteSet, work: Work, start: _Start, processes: int) -> Iterator[Block]:
    """The blocks in order, done now or before; no more are read than are worked at."""
    state = (*start, work.blocks)
    if processes == 1:
        begin(*state)
        for number, first, documents, orders in _with_orders(notes, start[0]):
            digest = work.digest(documents, orders, first)
            done = work.done(number, digest)
            yield done or clean_block(number, first, documents, orders, digest)
        return
    todo = "Is there enough memory? Start it again: it goes on where it was."
    with pool_of(processes, "the run", begin, state, todo=todo) as pool:
        waiting: deque[Block | Future[Block]] = deque()
        for dealt in _with_orders(notes, start[0]):
            waiting.append(_submitted(pool, work, *dealt))
            while len(waiting) > 2 * processes:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())


def _submitted(
    pool: Pool,
    work: Work,
    number: int,
    first: int,
    documents: list[Document],
    orders: list[frozenset[bool]],
) -> Block | Future[Block]:
    digest = work.digest(documents, orders, first)
    done = work.done(number, digest)
    return done or pool.submit(clean_block, number, first, documents, orders, digest)


def _result(block: Block | Future[Block]) -> Block:
    return block if isinstance(block, Block) else block.result()


_Dealt = tuple[int, int, list[Document], list[frozenset[bool]]]


def _with_orders(notes: NoteSet, settings: Settings) -> Iterator[_Dealt]:
    """The blocks, with what all notes of each patient tell of the order of their dates.

    Where dates are moved the notes are read once before; of each patient two bits are kept.
    """
    told: dict[str, frozenset[bool]] = {}
    if settings.mode in MOVING:
        this_year = date.today().year
        for one in notes:
            if one.subject is not None:
                # What cannot be searched is withheld when its turn comes.
                with contextlib.suppress(Exception):
                    found = orders_in(one, this_year=this_year)
                    if found:
                        told[one.subject] = told.get(one.subject, frozenset()) | found
    for number, first, documents in _dealt(notes):
        orders = [told.get(one.subject or "", frozenset()) for one in documents]
        yield number, first, documents, orders


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
        "documents_with_dates_in_another_order": total.against_order,
        "documents_without_findings": total.silent,
        "withheld": len(total.withheld),
        "characters_that_the_form_cannot_hold": total.unwritable,
        "said": not_safe_harbor(settings, total),
    }
