"""The child process of one player: reads one line of JSON, works, answers with one line.

    python -m engine_parts.child PLAYER THREADS

It says ``{"ready": versions}`` or ``{"absent": why}`` first. Then, for each request:

- ``{"do": "prepare", "case": [...]}``: ``{"checksum": [output, gradient]}``, or
  ``{"unsupported": why}``; with ``"slot": name`` beside the cases of other slots
- ``{"do": "run", "count": n, "warm": k}``: ``{"seconds": [...]}`` of n runs after k untimed ones,
  of the slot named
- ``{"do": "drop"}``: forgets the cases of all slots, ``{}``

Whatever fails is ``{"error": what}``. The end of the input ends the process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from engine_parts.players import Unsupported


def said(error: BaseException) -> str:
    """One line for an error, without places of this machine."""
    line = (str(error).strip().splitlines() or [""])[0][:200]
    words = [word for word in line.split() if "/" not in word]
    return f"{type(error).__name__}: {' '.join(words)}".strip(": ")


class Player:
    """Answers requests for one player's module."""

    def __init__(self, module: Any, threads: int):
        self.module, self.threads = module, threads
        self.works: dict[str, Callable[[], Any]] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request; errors are answers too."""
        try:
            return getattr(self, f"_{request['do']}")(request)
        except Unsupported as lack:
            return {"unsupported": str(lack)}
        except Exception as error:
            return {"error": said(error)}

    def _prepare(self, request: dict[str, Any]) -> dict[str, Any]:
        from engine_parts.problem import Case, build

        slot = request.get("slot", "")
        self.works.pop(slot, None)
        work, result = self.module.prepare(build(Case(*request["case"])), self.threads)
        self.works[slot] = work
        return {"checksum": result()}

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        work = self.works.get(request.get("slot", ""))
        if work is None:
            raise RuntimeError("nothing is prepared")
        for _ in range(request["warm"]):
            work()
        seconds = []
        for _ in range(request["count"]):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        return {"seconds": seconds}

    def _drop(self, request: dict[str, Any]) -> dict[str, Any]:
        self.works.clear()
        return {}


def pin(threads: int) -> None:
    """Leaves the process as many processors as it has threads; some players ask only for those."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[-threads:])


def serve(name: str, threads: int, requests: TextIO, answers: TextIO) -> None:
    """Loads the player and answers until the input ends."""

    def send(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        module = importlib.import_module(f"engine_parts.players.{name}")
        module.start(threads)
        send({"ready": module.versions()})
    except Exception as error:
        send({"absent": said(error)})
        return
    player = Player(module, threads)
    for line in requests:
        send(player.answer(json.loads(line)))


if __name__ == "__main__":
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    pin(int(sys.argv[2]))
    serve(sys.argv[1], int(sys.argv[2]), sys.stdin, answers)
