"""Wheel, compilation and import: judged by the specification's limits; an import is measured."""

from __future__ import annotations

from typing import Any

import build
import pytest

GOOD: dict[str, Any] = {
    "wheel_bytes": 4_900_000,
    "compile_seconds": 59.0,
    "import_seconds": {"median": 0.29},
}


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, None),
        ({"wheel_bytes": 5_000_000}, "wheel"),
        ({"compile_seconds": 60.0}, "compilation"),
        ({"import_seconds": {"median": 0.3}}, "import"),
    ],
)
def test_targets(changes: dict[str, Any], missed: str | None):
    found = build.targets(GOOD | changes)
    assert len(found) == 3
    assert [row["target"].split()[0] for row in found if not row["met"]] == (
        [missed] if missed else []
    )


def test_an_import_takes_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(build, "IMPORTS", 1)
    times = build.importing()
    assert len(times) == 1
    assert 0 < times[0] < 30
