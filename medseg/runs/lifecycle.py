"""How a training ends, told to all who must know: FINISHED, FAILED or KILLED.

Ignite calls an engine's exception handlers in turn until one raises again, so a second one may never hear of the
failure. Here one handler an engine tells all listeners first and raises then. Interrupts (SIGINT, SIGTERM) end as
KILLED, and what gets past all of this is caught at interpreter exit. Only ``kill -9`` leaves a run open; it is closed
by the next command (:mod:`medseg.tracking.reaper`).
"""

from __future__ import annotations

import atexit
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Literal
from weakref import WeakKeyDictionary

from ignite.engine import Engine, Events

__all__ = ["Lifecycle", "Status"]

Status = Literal["FINISHED", "FAILED", "KILLED"]
_instances: WeakKeyDictionary[Engine, Lifecycle] = WeakKeyDictionary()


class Lifecycle:
    """Tells listeners, once and in the order they came, how an engine's run ended. Use :meth:`of`."""

    def __init__(self, engine: Engine) -> None:
        self._listeners: list[Callable[[Status], None]] = []
        self._ended = False
        self._previous: dict[int, signal._HANDLER] = {}
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._fail)

    @staticmethod
    def of(engine: Engine) -> Lifecycle:
        """The engine's one instance, made when first asked for."""
        if engine not in _instances:
            _instances[engine] = Lifecycle(engine)
        return _instances[engine]

    def on_end(self, listener: Callable[[Status], None]) -> None:
        """Call ``listener`` with the status when the run ends."""
        self._listeners.append(listener)

    def finish(self) -> None:
        """End as FINISHED; called by the handler that does the last work of a run."""
        self._end("FINISHED")

    def _start(self, _engine: Engine) -> None:
        self._ended = False
        atexit.register(self._end, "FAILED")
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._interrupted)

    def _fail(self, _engine: Engine, error: Exception) -> None:
        self._end("FAILED")
        raise error

    def _interrupted(self, number: int, _frame: FrameType | None) -> None:
        self._end("KILLED")
        raise SystemExit(128 + number)

    def _end(self, status: Status) -> None:
        if self._ended:
            return
        self._ended = True
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()
        atexit.unregister(self._end)
        for listener in self._listeners:
            listener(status)
