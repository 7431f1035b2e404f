"""One row: every player prepared, checked against ours, and timed in turns."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

from engine_parts.problem import Case

OURS, BASE = "ours", "base"
# Between two players, so that the threads of the one before have stopped spinning.
SETTLE_SECONDS = 0.005
# Rivals that take much longer than ours stop after the least number of turns, or after two runs
# that took this many seconds.
CLEARLY_SLOWER = 3.0
LONG_SECONDS = 0.5
# A run of this many seconds needs no warm caches.
COLD_SECONDS = 0.2
# Means of the outputs and gradients may differ by rounding, not by another model.
TOLERANCE = {"float32": 2e-3, "bfloat16": 5e-2}


class Asked(Protocol):
    """Who has players: see :class:`engine_parts.pipes.Players`."""

    def names(self) -> list[str]:
        """Who takes part."""
        ...

    def ask(self, name: str, threads: int, request: dict[str, Any]) -> dict[str, Any]:
        """One player's answer."""
        ...


class Effort(NamedTuple):
    """How long a row is measured.

    ``turn``: seconds of timed runs in one turn of one player; ``row``: seconds after which no
    further turn begins; ``least`` and ``most``: numbers of turns.
    """

    turn: float = 0.03
    row: float = 1.2
    least: int = 3
    most: int = 15


# For the many rows of the grid: a row more tells more than a turn more.
GRID_EFFORT = Effort(turn=0.02, row=0.4, least=3, most=8)
QUICK = Effort(turn=0.01, row=0.2, least=3, most=6)


def figures(seconds: list[float]) -> list[float]:
    """Median, tenth and ninetieth percentile in milliseconds, four digits each; number of runs."""
    ordered = sorted(seconds)
    last = len(ordered) - 1

    def quantile(share: float) -> float:
        low = int(share * last)
        high = min(low + 1, last)
        between = share * last - low
        return float(f"{(ordered[low] * (1 - between) + ordered[high] * between) * 1e3:.4g}")

    return [quantile(0.5), quantile(0.1), quantile(0.9), len(seconds)]


def agrees(ours: list[float], theirs: list[float], dtype: str) -> bool:
    """Whether two players computed the same model."""
    limit = TOLERANCE[dtype]
    pairs = zip(ours, theirs, strict=True)
    return all(abs(a - b) <= limit * max(abs(a), abs(b)) for a, b in pairs)


def measure(asked: Asked, case: Case, effort: Effort) -> tuple[dict[str, list], dict[str, str]]:
    """Times every player on one case, and ours on the case it is compared with ("base").

    Returns:
        Figures by player (ours first), and the reason of each player without any. Without ours
        nothing is timed.
    """
    without: dict[str, str] = {}
    sums: dict[str, list[float]] = {}

    def prepare(name: str, wanted: Case = case, slot: str = "") -> dict[str, Any]:
        request = {"do": "prepare", "case": list(wanted)} | ({"slot": slot} if slot else {})
        return asked.ask(name, case.threads, request)

    def keep(name: str, answer: dict[str, Any]) -> None:
        if "checksum" in answer:
            sums[name] = answer["checksum"]
        else:
            without[name] = answer.get("unsupported") or answer.get("error", "no reason given")

    rivals = [name for name in asked.names() if name != OURS]
    keep(OURS, prepare(OURS))
    if OURS in without:
        return {}, without
    # Rivals compile for seconds, each in its own process, and nothing is timed meanwhile.
    with ThreadPoolExecutor(max_workers=2) as pool:
        for name, answer in zip(rivals, pool.map(prepare, rivals), strict=True):
            keep(name, answer)
    for name in [name for name in sums if not agrees(sums[OURS], sums[name], case.dtype)]:
        without[name] = "its results differ from ours"
        del sums[name]
    names = list(sums)
    if case.base is not None:
        answer = prepare(OURS, case.base, BASE)
        names[1:1] = [BASE] if "checksum" in answer else []
    times = _turns(asked, case, names, effort, without)
    for name in sums:
        asked.ask(name, case.threads, {"do": "drop"})
    return {name: figures(seconds) for name, seconds in times.items()}, without


def _turns(
    asked: Asked, case: Case, names: list[str], effort: Effort, without: dict[str, str]
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in names}
    # Seconds of one run: not known yet, so that the first turn is one run.
    once: dict[str, float] = {}
    end = time.monotonic() + effort.row
    turn = 0
    while turn <= effort.least or (turn <= effort.most and time.monotonic() < end):
        for name in list(times):
            if turn > 0 and _enough(name, once, len(times[name]), turn > effort.least):
                continue
            time.sleep(SETTLE_SECONDS)
            seconds = _turn(asked, name, case, effort, once.get(name))
            if isinstance(seconds, str):
                without |= {} if name == BASE else {name: seconds}
                del times[name]
                continue
            once[name] = min(seconds)
            if turn > 0 or once[name] > COLD_SECONDS:
                times[name] += seconds
        turn += 1
    return times


def _enough(name: str, once: dict[str, float], runs: int, all_turns: bool) -> bool:
    """Whether more runs of a player would tell nothing."""
    slower = once[name] > CLEARLY_SLOWER * once.get("ours", once[name])
    long = once[name] > LONG_SECONDS
    return (slower and (all_turns or (long and runs >= 2))) or (long and runs >= 3)


def _turn(
    asked: Asked, name: str, case: Case, effort: Effort, once: float | None
) -> list[float] | str:
    """The runs of one turn, after untimed ones that bring the caches back; or what went wrong."""
    count = 1 if once is None else max(1, min(200, int(effort.turn / once)))
    warm = (
        0
        if once is None
        else max(0, min(20, int(0.1 * effort.turn / once)) or (once < COLD_SECONDS))
    )
    request = {"do": "run", "count": count, "warm": int(warm)}
    if name == BASE:
        name, request = OURS, request | {"slot": BASE}
    answer = asked.ask(name, case.threads, request)
    return answer["seconds"] if "seconds" in answer else answer.get("error", "no reason given")
