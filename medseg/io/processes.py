"""Worker processes that end with the process that started them, whatever ends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import ParamSpec, TypeVar

__all__ = ["WorkerPool", "usable_cores"]

_STOP = {signal.SIGINT}

P = ParamSpec("P")
T = TypeVar("T")


def usable_cores() -> int:
    """Cores that this process may run on: fewer than the machine's where a batch system gave it some of them."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class WorkerPool(ProcessPoolExecutor):
    """A pool whose processes outlive neither a kill of their parent nor Ctrl-C, and say nothing of it.

    Those of Python's own wait for ever where the parent is killed, each with its memory, and after Ctrl-C each prints a
    traceback.

    Args:
        workers: Number of processes.
    """

    def __init__(self, workers: int) -> None:
        # Forking a process that may hold threads can deadlock.
        super().__init__(workers, mp_context=get_context("spawn"), initializer=_begin)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As in the base class, which may start a process for it."""
        # What is blocked here is so in a new process, until it can end without a traceback.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
