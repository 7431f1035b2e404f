"""What a run of de-identification keeps for itself: key, blocks, account; for its user alone.

The folder ``OUT.phi`` beside the notes has mode 700. It holds the key, the account of what was
found, and until the run is done the blocks, so that a broken run goes on and nobody sees its half.
"""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sequela.deid.surrogates import code
from sequela.errors import ConfigError, OutputError
from sequela.files import atomic_write, translated
from sequela.notes import Document

__all__ = ["Block", "Work", "read_key", "write_block"]


@dataclass
class Block:
    """What was made of some documents, in counts.

    Args:
        digest: of the documents, under the key.
        documents, characters: how many.
        found: pieces by label.
        by: pieces by finder: rule, list, model.
        tagged: pieces that got a tag where the mode would have written something else.
        again: tags for what the output still held.
        coded: documents written with a code that is made from their subject.
        against_order: documents whose dates are not in the order that was asked for, or in both.
        silent: documents in which nothing was found.
        withheld: names of documents that were withheld.
        unwritable: characters that the form cannot hold, and a sign for them stands there.
    """

    digest: str = ""
    documents: int = 0
    characters: int = 0
    found: Counter[str] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)
    tagged: int = 0
    again: int = 0
    coded: int = 0
    against_order: int = 0
    silent: int = 0
    withheld: list[str] = field(default_factory=list)
    unwritable: int = 0

    def add(self, other: Block) -> None:
        """Adds the counts of another."""
        self.documents += other.documents
        self.characters += other.characters
        self.found.update(other.found)
        self.by.update(other.by)
        self.tagged += other.tagged
        self.again += other.again
        self.coded += other.coded
        self.against_order += other.against_order
        self.silent += other.silent
        self.withheld += other.withheld
        self.unwritable += other.unwritable


def read_key(path: Path) -> bytes:
    """A secret key: the bytes of a file.

    Raises:
        ConfigError: no such file, or fewer than 16 bytes.
    """
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"key {path}", got=type(error).__name__, wanted="a file") from None
    if len(key) < 16:
        raise ConfigError(f"key {path}", got=f"{len(key)} bytes", wanted="16 or more")
    return key


class Work:
    """The private folder of a run.

    Args:
        out: where the notes go; the folder is ``OUT.phi`` beside it.
        key: given by the user, or None for the folder's own.
        settings: of the run; a broken run goes on with the same ones only.

    Raises:
        OutputError: the folder is there and finished, or of other settings, or cannot be written.
    """

    def __init__(self, out: Path, key: bytes | None, settings: dict[str, Any]):
        self.folder = out.parent / f"{out.name}.phi"
        self.blocks = self.folder / "work"
        with translated(self.folder):
            there = self.folder.exists()
            self.folder.mkdir(parents=True, exist_ok=True)
            os.chmod(self.folder, 0o700)
            finished = (self.folder / "phi.jsonl").exists()
        if finished:
            raise OutputError(
                f"folder {self.folder}",
                got="the account of a finished run",
                todo="Move it away, or choose another name for the notes.",
            )
        if not there or not self.blocks.exists():
            # A kill may have left the hidden half of a key.
            others = [one for one in self.folder.iterdir() if not one.name.startswith(".key.")]
            if others and not (self.folder / "key").exists():
                raise OutputError(f"folder {self.folder}", got="one that is not of such a run")
            self._private("key", secrets.token_hex(32) if key is None else "given")
            with translated(self.blocks):
                self.blocks.mkdir(exist_ok=True)
        self.key = key if key is not None else self._own_key()
        self._settle(code(self.key, "settings", json.dumps(settings, sort_keys=True)).hex())

    def _own_key(self) -> bytes:
        key = _made_key(self.folder / "key")
        if key is None:
            todo = f"Give the same key, or remove {self.folder}."
            raise OutputError(f"folder {self.folder}", got="a run with a key of yours", todo=todo)
        return key

    def _settle(self, settings: str) -> None:
        path = self.blocks / "settings"
        if not path.exists():
            atomic_write(path, settings)
        if path.read_text() != settings:
            raise OutputError(
                f"folder {self.folder}",
                got="a broken run with other settings, names, another key or version of Sequela, "
                "Python or Faker, or of another year",
                todo="Go on with the same ones, or remove the folder.",
            )

    def _private(self, name: str, content: str) -> None:
        os.chmod(atomic_write(self.folder / name, content), 0o600)

    def digest(
        self, documents: Sequence[Document], orders: Sequence[frozenset[bool]], first: int
    ) -> str:
        """Of all that the output depends on, the number of the first document too."""
        parts = [str(first), *(str(sorted(one)) for one in orders)]
        for one in documents:
            time = one.time and one.time.isoformat()
            parts += [one.id, one.text, str(one.subject), str(time), one.kind or ""]
        return code(self.key, "block", *parts).hex()

    def done(self, number: int, digest: str) -> Block | None:
        """The counts of a block that was done before with the same documents."""
        try:
            content = json.loads((self.blocks / f"{number:06d}.json").read_bytes())
            block = Block(**content)
            block.found, block.by = Counter(block.found), Counter(block.by)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return block if block.digest == digest else None


def _made_key(path: Path) -> bytes | None:
    """The key that a run made for itself."""
    key = path.read_bytes().strip()
    return key if len(key) == 64 else None


def write_block(
    blocks: Path, number: int, lines: Sequence[dict], phi: Sequence[dict], block: Block
) -> None:
    """Writes the notes of a block, their account, and last the counts that say it is whole."""
    for kind, values in (("notes", lines), ("phi", phi)):
        text = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
        atomic_write(blocks / f"{number:06d}.{kind}", text)
    atomic_write(blocks / f"{number:06d}.json", json.dumps(vars(block)))
