"""Worker processes that end with the process that started them, whatever ends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Event, Thread, current_thread, main_thread
from types import FrameType, TracebackType
from typing import ParamSpec, Self, TypeVar

__all__ = ["WorkerPool", "usable_cores"]

_STOP = {signal.SIGINT}

P = ParamSpec("P")
T = TypeVar("T")


def usable_cores() -> int:
    """Cores that this process may run on: fewer than the machine's where a batch system gave it some of them."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _keep_interrupts() -> Iterator[None]:
    """Make what is raised after Ctrl-C a ``KeyboardInterrupt``, also where that was lost or replaced on its way.

    Raised while a lock of :mod:`threading` is taken again, it becomes a ``RuntimeError``; in a callback it is ignored.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    heard = Event()

    def hear(number: int, frame: FrameType | None) -> None:
        heard.set()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, hear)
    try:
        yield
    except Exception as error:
        if heard.is_set():
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)


class WorkerPool(ProcessPoolExecutor):
    """A pool whose processes outlive neither a kill of their parent nor Ctrl-C, and say nothing of it.

    Used in a ``with`` statement, what leaves it after Ctrl-C is a ``KeyboardInterrupt``, whatever that broke.

    Those of Python's own wait for ever where the parent is killed, each with its memory, and after Ctrl-C each prints a
    traceback.

    Args:
        workers: Number of processes.
    """

    def __init__(self, workers: int) -> None:
        # Forking a process that may hold threads can deadlock.
        super().__init__(workers, mp_context=get_context("spawn"), initializer=_begin)

    def __enter__(self) -> Self:
        self._interrupts = _keep_interrupts()
        self._interrupts.__enter__()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return super().__exit__(kind, error, trace)
        finally:
            self._interrupts.__exit__(kind, error, trace)

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
