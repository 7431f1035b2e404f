"""The parent's side: one child process for each player and number of threads."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1]
# The module of each player; the first is judged against the others.
PLAYERS = {
    "ours": "ours",
    "torch": "torch_player",
    "onnxruntime": "onnxruntime_player",
    "jax": "jax_player",
    "keras": "keras_player",
}
START_SECONDS = 180.0
ANSWER_SECONDS = 180.0
STARTS = 3


def _environment(threads: int) -> dict[str, str]:
    taken = {key: value for key, value in os.environ.items() if not key.startswith("KMP_")}
    taken |= {"OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
    return taken


class Child:
    """A process that answers lines with lines; one that dies or hangs answers with an error."""

    def __init__(self, command: list[str], threads: int = 1, seconds: float = START_SECONDS):
        self._buffer = b""
        try:
            self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
                command,
                cwd=FOLDER,
                env=_environment(threads),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt is for the parent alone
            )
        except OSError as error:
            self._process = None
            self.greeting: dict[str, Any] = {"absent": f"{type(error).__name__}: {error.strerror}"}
            return
        self.greeting = self._answer(seconds)
        if "error" in self.greeting:
            self.greeting = {"absent": self.greeting["error"]}

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process is not None and self._process.poll() is None

    @property
    def number(self) -> int | None:
        """The process's; None when it is gone."""
        return self._process.pid if self._process is not None else None

    def ask(self, request: dict[str, Any], seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """The answer to one request, at the latest after ``seconds``."""
        process = self._process
        if process is None or process.stdin is None:
            return {"error": "the process is gone"}
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            return {"error": "the process is gone"}
        return self._answer(seconds)

    def _answer(self, seconds: float) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        end = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([process.stdout], [], [], max(end - time.monotonic(), 0))
            if not ready:
                self.close()
                return {"error": f"no answer within {seconds:g} s"}
            block = os.read(process.stdout.fileno(), 1 << 16)
            if not block:
                code = process.wait()
                self.close()
                return {"error": f"the process ended with {code}"}
            self._buffer += block
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            return json.loads(line)
        except json.JSONDecodeError:
            return {"error": "the answer is not JSON"}

    def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            # What a dead process was to be told is told to nobody.
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


class Players:
    """All players; a child starts when it is first asked, and again when it died (three times).

    Args:
        pythons: the interpreter of each player that takes part, by its name in ``PLAYERS``.
    """

    def __init__(self, pythons: dict[str, str]):
        self._pythons = pythons
        self._children: dict[tuple[str, int], Child] = {}
        self._starts: dict[tuple[str, int], int] = {}
        self.versions: dict[str, str] = {}
        self.absent: dict[str, str] = {}

    def __enter__(self) -> Players:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.close()

    def names(self) -> list[str]:
        """Those not known to be absent."""
        return [name for name in self._pythons if name not in self.absent]

    def processes(self) -> list[int]:
        """Those that run now."""
        found = [child.number for child in self._children.values()]
        return [number for number in found if number is not None]

    def ask(self, name: str, threads: int, request: dict[str, Any]) -> dict[str, Any]:
        """One player's answer; ``{"error": ...}`` when it is absent."""
        place = (name, threads)
        if name in self.absent:
            return {"error": f"absent: {self.absent[name]}"}
        if place not in self._children or not self._children[place].alive:
            if self._starts.get(place, 0) == STARTS:
                return {"error": f"the process died {STARTS} times"}
            self._starts[place] = self._starts.get(place, 0) + 1
            command = [self._pythons[name], "-m", "engine_parts.child", PLAYERS[name], str(threads)]
            child = Child(command, threads)
            self._children[place] = child
            if "absent" in child.greeting:
                self.absent[name] = child.greeting["absent"]
                child.close()
                return {"error": f"absent: {self.absent[name]}"}
            self.versions |= child.greeting["ready"]
        return self._children[place].ask(request)
