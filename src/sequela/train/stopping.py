"""A request to stop: the signals SIGTERM and SIGINT, noted and obeyed between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["StopRequest", "handling", "listen_for_stop"]


class StopRequest:
    """Whether somebody asked to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal_name: str | None = None

    def __bool__(self) -> bool:
        """True once a signal has come."""
        return self.signal_name is not None

    def note(self, number: int, frame: FrameType | None) -> None:
        """The handler; the second Ctrl-C does not wait for the step to end."""
        if self.signal_name is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal_name = signal.Signals(number).name


@contextlib.contextmanager
def handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Gives SIGTERM and SIGINT to a handler while the block runs, and puts the old ones back.

    Python allows handlers in the main thread only; elsewhere nothing is changed.

    Args:
        handler: takes the number of the signal and the frame.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, old in before.items():
            # None is a handler that was not set from Python and cannot be put back by it.
            signal.signal(number, signal.SIG_DFL if old is None else old)


@contextlib.contextmanager
def listen_for_stop() -> Iterator[StopRequest]:
    """Notes SIGTERM and SIGINT while the block runs."""
    request = StopRequest()
    with handling(request.note):
        yield request
