"""What a kill in the middle of writing leaves: temporary siblings, which nobody will rename."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from sequela.files import translated

__all__ = ["remove_leftovers"]


def remove_leftovers(folder: Path, names: Iterable[str]) -> None:
    """Removes the temporary siblings of files and folders; only who writes those may.

    Args:
        folder: where the files are; may be missing.
        names: what they are called in the end ("metrics.jsonl").

    Raises:
        OutputError: something cannot be removed.
    """
    # As sequela.files calls them; eight characters are those of Python's tempfile.
    wanted = "|".join(re.escape(name[:80]) for name in names)
    leftover = re.compile(rf"\.({wanted})\.[a-z0-9_]{{8}}")
    with translated(folder):
        for path in list(folder.iterdir()) if folder.is_dir() else ():
            if not leftover.fullmatch(path.name):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
