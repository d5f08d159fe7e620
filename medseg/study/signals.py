"""Signals that ask a study to end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interrupted", "Signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """The study was asked to end, and all its trainings have ended; no error, so nothing catches it on the way.

    Attributes:
        status: Exit status as a shell gives it, 128 + n after signal n.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.status = 128 + number


class Signals:
    """Raises :class:`Interrupted` where this process is asked to end, so that what is open is closed; a context.

    Threads other than the main one take no signals.
    """

    def __init__(self) -> None:
        self._received: list[int] = []
        self._collects = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        """Take the signals."""
        if current_thread() is main_thread():
            self._before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Leave them to who had them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise what was swallowed: Python cannot pass on what is raised while it, say, ends an object or forks."""
        if self._received:
            raise Interrupted(self._received[0])

    @contextmanager
    def collected(self) -> Iterator[list[int]]:
        """Collect signals meanwhile, instead of raising; those that came before are in the list."""
        self._collects = True
        try:
            yield self._received
        finally:
            self._collects = False

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self._received.append(number)
        if not self._collects:
            raise Interrupted(number)
