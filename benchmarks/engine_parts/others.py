"""What other processes took of the processors while a row was measured (Linux; None elsewhere)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

# A row during which others kept more of a processor busy than this is measured again.
DISTURBED = 0.1
_PROC = Path("/proc")


def _busy() -> float:
    """Seconds that all processors worked, what other machines took from this one included."""
    words = (_PROC / "stat").read_text().split("\n", 1)[0].split()
    user, nice, system, _, _, interrupt, soft, stolen = map(int, words[1:9])
    return (user + nice + system + interrupt + soft + stolen) / os.sysconf("SC_CLK_TCK")


def _of(process: int) -> float:
    """Seconds that a child's threads worked; 0 when it is gone, since its parent counts it then."""
    try:
        # The name in brackets may hold blanks and brackets of its own.
        words = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Others:
    """Measures from its making on.

    Args:
        processes: the children whose work is not that of others.
    """

    def __init__(self, processes: Iterable[int]):
        self._processes = list(processes)
        self._begin, self._worked = time.monotonic(), self._now()

    def _now(self) -> float | None:
        try:
            busy = _busy()
        except (OSError, ValueError):
            return None
        times = os.times()
        return busy - sum(times[:4]) - sum(map(_of, self._processes))

    def share(self) -> float | None:
        """Processors that others kept busy on average: 0 on a quiet machine, 1 for a whole one."""
        now = self._now()
        if now is None or self._worked is None:
            return None
        passed = time.monotonic() - self._begin
        return round(max(now - self._worked, 0.0) / max(passed, 1e-3), 3)
