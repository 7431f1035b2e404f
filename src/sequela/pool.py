"""Several processes at work: they end with the one that began them, and leave Ctrl-C to it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from sequela.errors import DataError

__all__ = ["Pool", "pool_of"]


class Pool:
    """Processes that take work.

    Args:
        executor: has them.
    """

    def __init__(self, executor: ProcessPoolExecutor):
        self._executor = executor

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        """Has a function of a module called in one of the processes."""
        # A process is begun by the first work for it, and what it is begun with it keeps: were it
        # interrupted before it can say what it does about that, it would print where it stood.
        with _without_interrupts():
            return self._executor.submit(function, *arguments)


@contextlib.contextmanager
def pool_of(
    processes: int,
    what: str,
    begin: Callable[..., None] | None = None,
    state: tuple[Any, ...] = (),
    *,
    todo: str = "Is there enough memory?",
) -> Iterator[Pool]:
    """Processes for the length of a block; at its end all of them are gone.

    Ctrl-C ends them at once, half of their work or not, and one process alone speaks of it. They
    are spawned, since a forked child may hang on the threads of polars.

    Args:
        processes: how many at most.
        what: they do, for the message.
        begin: is called in each of them first.
        state: what it is called with.
        todo: what to do should one of them end by itself.

    Raises:
        DataError: one of them ended by itself.
    """
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(processes, context, _begin, (begin, state))
    before = set(multiprocessing.active_children())
    try:
        yield Pool(executor)
    except BrokenProcessPool as error:
        raise DataError(what, got="a process that ended by itself", todo=todo) from error
    except (KeyboardInterrupt, GeneratorExit):
        # They would finish what they have begun first, and that may take minutes.
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _begin(begin: Callable[..., None] | None, state: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # After a kill of the parent nobody would end this one, and it may hold patients' data.
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    if begin is not None:
        begin(*state)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes begun in the block see no Ctrl-C; one that comes meanwhile waits for its end."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # With the handler that polars puts there when it is imported, whoever waits for a process is
    # not woken by Ctrl-C: the system begins the wait anew.
    signal.siginterrupt(signal.SIGINT, True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
