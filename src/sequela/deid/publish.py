"""The end of a run: the blocks become one folder, and the account gets its place."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from sequela.deid.work import Block, Work
from sequela.deid.write import write_notes
from sequela.files import atomic_write, translated

__all__ = ["finished", "publish", "was_published"]

_MARK = "published"


def publish(
    out: Path, work: Work, form: str, total: Block, count: int, summary: Mapping[str, Any]
) -> None:
    """Puts the blocks together, gives the folder its name, and then the account.

    Args:
        out: the new folder.
        work: of the run.
        form: one of :data:`sequela.deid.write.FORMS`.
        total: of all blocks.
        count: of blocks.
        summary: is written beside the notes.

    Raises:
        OutputError: the place cannot be written.
    """
    staged = work.blocks / "out"
    with translated(staged):
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir()
        ids = work.blocks / "ids.jsonl"
        with open(ids, "w", encoding="utf-8", opener=_private) as file:
            write_notes(form, staged, _told(_lines(work, count), file))
    account = work.blocks / "phi.jsonl"
    with translated(account), open(account, "wb", opener=_private) as file:
        for number in range(1, count + 1):
            with open(work.blocks / f"{number:06d}.phi", "rb") as part:
                shutil.copyfileobj(part, file)
    atomic_write(staged / "summary.json", json.dumps(summary, indent=2))
    with translated(out):
        os.sync()
        os.replace(ids, work.folder / "ids.jsonl")
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(staged, 0o777 & ~mask)
        atomic_write(work.blocks / _MARK, json.dumps([_identity(staged), vars(total)]))
        os.replace(staged, out)
    finished(work)


def was_published(out: Path) -> bool:
    """Whether a folder is that of a run that was killed behind its last step but one."""
    try:
        mark = out.parent / f"{out.name}.phi" / "work" / _MARK
        identity, _ = json.loads(mark.read_bytes())
        return identity == _identity(out)
    except (OSError, ValueError, TypeError):
        return False


def finished(work: Work) -> Block:
    """The last step, once more where it was not reached: the account gets its name.

    It is the last so that, as long as the account is not there, the run can be ended again.
    """
    with translated(work.folder):
        _, counts = json.loads((work.blocks / _MARK).read_bytes())
        os.replace(work.blocks / "phi.jsonl", work.folder / "phi.jsonl")
        shutil.rmtree(work.blocks, ignore_errors=True)
    total = Block(**counts)
    total.found, total.by = Counter(total.found), Counter(total.by)
    return total


def _identity(folder: Path) -> list[int]:
    found = folder.stat()
    return [found.st_dev, found.st_ino]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _lines(work: Work, count: int) -> Iterator[dict[str, Any]]:
    for number in range(1, count + 1):
        with open(work.blocks / f"{number:06d}.notes", encoding="utf-8", newline="\n") as file:
            for line in file:
                yield json.loads(line)


def _told(lines: Iterable[dict[str, Any]], ids: TextIO) -> Iterator[dict[str, Any]]:
    """The notes without their old ids, which go into a file of their own."""
    for line in lines:
        ids.write(json.dumps({"id": line["id"], "source": line.pop("source")}) + "\n")
        yield line
