"""Every ```python block of the documentation runs: an example that fails is no example.

The blocks of one file share a namespace and run in order, in an empty folder. A block whose fence
says ``no-run`` is skipped; that is for set-up alone.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[int, str]]:
    """Line of the first statement and code of every block that is to run."""
    found = []
    for match in FENCE.finditer(text):
        language, *flags = match["info"].split() or [""]
        if language == "python" and "no-run" not in flags:
            found.append((text.count("\n", 0, match.start("code")) + 1, match["code"]))
    return found


def documents() -> list[Path]:
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [file for file in files if file.is_file() and blocks(file.read_text())]


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_snippets_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    namespace: dict[str, object] = {"__name__": "snippet"}
    for line, code in blocks(path.read_text()):
        # Empty lines in front make a traceback name the line of the document.
        exec(compile("\n" * (line - 1) + code, str(path), "exec"), namespace)


def test_blocks_are_found_and_skipped_as_said():
    text = "```python\na = 1\n```\n```sh\nls\n```\n```python no-run\nb\n```\n\n```python\nc\n```\n"
    assert blocks(text) == [(2, "a = 1\n"), (12, "c\n")]


def test_the_guides_hold_snippets():
    names = [path.name for path in documents()]
    assert "alphabet.md" in names
    assert "shapes.md" in names
