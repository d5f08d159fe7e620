"""How a training ends, told to all who must know: FINISHED, FAILED or KILLED.

Ignite calls an engine's exception handlers in turn until one raises again, so a second one may never hear of the
failure, and knows nothing of interrupts. Here the engine's ``run`` is wrapped: listeners are told when everything below
has unwound, so no transaction or file is open any more. Only ``kill -9`` leaves a run open; it is closed by the next
command (:mod:`medseg.tracking.reaper`).
"""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import Any, Literal
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
        engine.run = functools.partial(self._run, engine.run)  # type: ignore[method-assign]

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

    def _run(self, run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The engine's ``run``; what it raises ends the run and is raised again."""
        try:
            return run(*args, **kwargs)
        except Exception:
            self._end("FAILED")
            raise
        except BaseException:
            self._end("KILLED")
            raise

    def _start(self, _engine: Engine) -> None:
        self._ended = False
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._interrupted)

    def _interrupted(self, number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    def _end(self, status: Status) -> None:
        if self._ended:
            return
        self._ended = True
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()
        # A listener that fails keeps none of the others from being told.
        with ExitStack() as last_added_first:
            for listener in reversed(self._listeners):
                last_added_first.callback(listener, status)
