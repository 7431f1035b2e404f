"""The JSON of a run: rows in short form, what was not measured, and going on with a part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine_parts.pipes import PLAYERS
from engine_parts.problem import Case

# What must be the same for rows of two runs to stand in one file.
IDENTITY = ("commit", "machine", "library")
# What a row holds beside the players' figures; the part of the peak follows from these.
EXTRA = ("base", "barrier_ns", "session", "peak", "others")


def row_of(case: Case, timed: dict[str, list], without: dict[str, str]) -> dict[str, Any]:
    """A row: ``ours``, each rival and ``base`` (ours on :attr:`Case.base`, or None).

    Each is [median ms, p10, p90, runs].
    """
    rivals = {name: found for name, found in timed.items() if name not in ("ours", "base")}
    row: dict[str, Any] = {"case": list(case), "ours": timed["ours"], "rivals": rivals}
    return row | {"base": timed.get("base"), "without": without}


def case_of(row: dict[str, Any]) -> Case:
    """The case of a row."""
    return Case(*row["case"])


def best_rival(row: dict[str, Any]) -> tuple[str, float] | None:
    """The fastest rival, and how many times ours is as fast; None without rivals."""
    if not row["rivals"]:
        return None
    name = min(row["rivals"], key=lambda rival: row["rivals"][rival][0])
    return name, row["rivals"][name][0] / row["ours"][0]


def gflops(row: dict[str, Any]) -> float:
    """Of ours, by its median."""
    return 2 * case_of(row).multiply_adds / row["ours"][0] * 1e-6


def with_peak(rows: list[dict[str, Any]], threads: int, peak: float | None) -> None:
    """Compares rows with a peak measured before or after them; the highest one counts."""
    for row in rows:
        if peak is not None and case_of(row).threads == threads:
            row["peak"] = max(row.get("peak") or 0.0, peak)
            row["of_peak"] = round(gflops(row) / row["peak"], 4)


def text(content: dict[str, Any]) -> str:
    """The JSON, with one short line for each row: the file must stay small and readable.

    A row is a list, named by ``columns``; a player without figures has the number of its reason
    in ``reasons`` in their place, or null when it was not asked.
    """
    reasons: list[str] = []

    def cell(row: dict[str, Any], name: str) -> Any:
        if name not in row["without"]:
            return row["ours"] if name == "ours" else row["rivals"].get(name)
        if row["without"][name] not in reasons:
            reasons.append(row["without"][name])
        return reasons.index(row["without"][name])

    lists = [
        [*row["case"], *(cell(row, name) for name in PLAYERS), *(row.get(name) for name in EXTRA)]
        for row in content["rows"]
    ]
    plain = {key: value for key, value in content.items() if key not in ("rows", "not_measured")}
    plain |= {"reasons": reasons, "columns": [*Case._fields, *PLAYERS, *EXTRA]}
    lines = json.dumps(plain, indent=1)[:-2]
    cut = ",\n".join(
        f"  {json.dumps(reason)}: {json.dumps(keys)}"
        for reason, keys in content["not_measured"].items()
    )
    rows = ",\n".join(f"  {json.dumps(row, separators=(',', ':'))}" for row in lists)
    return f'{lines},\n "not_measured": {{\n{cut}\n }},\n "rows": [\n{rows}\n ]\n}}\n'


def load(path: Path) -> dict[str, Any]:
    """What :func:`text` wrote, with rows as :func:`row_of` makes them.

    Raises:
        ValueError: the file is another one (also a KeyError or TypeError).
    """
    found = json.loads(path.read_text())
    columns, reasons = found.pop("columns"), found.pop("reasons")
    rows = []
    for line in found["rows"]:
        given = dict(zip(columns, line, strict=True))
        case = Case(*(given[name] for name in Case._fields))
        players = {name: given[name] for name in PLAYERS}
        timed = {name: value for name, value in players.items() if isinstance(value, list)}
        without = {n: reasons[value] for n, value in players.items() if isinstance(value, int)}
        row = row_of(case, timed, without) | {name: given.get(name) for name in EXTRA}
        with_peak([row], case.threads, row["peak"])
        rows.append(row)
    return found | {"rows": rows}


def resumed(
    path: Path, stamp: dict[str, Any]
) -> tuple[list[dict], list[dict], dict | None, str | None]:
    """What an earlier part measured.

    Returns:
        Rows, sessions, memory, and why an existing file could not be gone on with (None: it was, or
        there is none).
    """
    if not path.exists():
        return [], [], None, None
    try:
        found = load(path)
        differing = [name for name in IDENTITY if found.get(name) != stamp[name]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [], [], None, "it is not a result of this program"
    if differing:
        return [], [], None, f"another {' and '.join(differing)}"
    return found["rows"], found["sessions"], found.get("memory"), None
