"""What a person sees while a model trains: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["BarProgress", "LineProgress", "Progress", "SilentProgress", "make_progress"]

_SECONDS_BETWEEN_LINES = 30.0


class Progress(Protocol):
    """Something that shows how far a run is."""

    def step(self, done: int, line: Mapping[str, Any]) -> None:
        """After each step; ``done`` counts over all epochs, ``line`` is that of the metrics."""
        ...

    def epoch(self, line: Mapping[str, Any]) -> None:
        """After each epoch, with its line of the metrics."""
        ...

    def say(self, text: str) -> None:
        """A line for the user."""
        ...

    def close(self) -> None:
        """The run has ended, well or not."""
        ...


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _epoch_text(line: Mapping[str, Any]) -> str:
    metric = (
        ""
        if line["metric_name"] == "loss"
        else (f", {line['metric_name']} {line['tuning_metric']:.4f}")
    )
    return (
        f"epoch {line['epoch']}: training loss {line['train_loss']:.4f}, "
        f"tuning loss {line['tuning_loss']:.4f}{metric}{' (best)' if line['best'] else ''}"
    )


class _Speed:
    """Steps per second and the time left, over all steps since the start or the resumption."""

    def __init__(self, total: int, done: int):
        self._total, self._first, self._began = total, done, time.perf_counter()

    def text(self, done: int) -> str:
        elapsed = time.perf_counter() - self._began
        speed = (done - self._first) / elapsed if elapsed > 0 else 0.0
        left = _clock((self._total - done) / speed) if speed > 0 else "?"
        return f"{speed:.1f} steps/s, at most {left} left"


class SilentProgress:
    """Shows nothing."""

    def step(self, done: int, line: Mapping[str, Any]) -> None:
        """Nothing."""

    def epoch(self, line: Mapping[str, Any]) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class LineProgress:
    """A line for each epoch, and one each half minute within long ones.

    Args:
        total: steps over all epochs.
        done: steps done before.
    """

    def __init__(self, total: int, done: int):
        self._total, self._speed, self._last = total, _Speed(total, done), time.perf_counter()

    def step(self, done: int, line: Mapping[str, Any]) -> None:
        """A line when the last one is long ago."""
        if time.perf_counter() - self._last >= _SECONDS_BETWEEN_LINES:
            text = f"step {done} of {self._total}: loss {line['loss']:.4f}"
            self.say(f"{text}, {self._speed.text(done)}")

    def epoch(self, line: Mapping[str, Any]) -> None:
        """A line."""
        self.say(f"{_epoch_text(line)}, {self._speed.text(line['step'])}")

    def say(self, text: str) -> None:
        """A line on stdout."""
        print(text, flush=True)
        self._last = time.perf_counter()

    def close(self) -> None:
        """Nothing."""


class BarProgress:
    """A bar with loss, metric, steps per second and the time left.

    Args:
        total: steps over all epochs.
        done: steps done before.
    """

    def __init__(self, total: int, done: int):
        from rich import progress

        self._speed = _Speed(total, done)
        self._metric = ""
        self._bar = progress.Progress(
            progress.TextColumn("epoch {task.fields[epoch]}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[figures]}"),
        )
        self._task = self._bar.add_task("", total=total, completed=done, epoch=0, figures="")
        self._bar.start()

    def step(self, done: int, line: Mapping[str, Any]) -> None:
        """Moves the bar."""
        figures = f"loss {line['loss']:.4f}{self._metric}, {self._speed.text(done)}"
        self._bar.update(self._task, completed=done, epoch=line["epoch"], figures=figures)

    def epoch(self, line: Mapping[str, Any]) -> None:
        """A line above the bar."""
        self._metric = f", {line['metric_name']} {line['tuning_metric']:.4f}"
        self.say(_epoch_text(line))

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._bar.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.stop()


def make_progress(total: int, done: int, shown: bool) -> Progress:
    """The kind that fits where stdout goes.

    Args:
        total: steps over all epochs.
        done: steps done before.
        shown: False shows nothing.
    """
    if not shown:
        return SilentProgress()
    return BarProgress(total, done) if sys.stdout.isatty() else LineProgress(total, done)
