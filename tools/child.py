"""Run one command after another, so that an interrupt ends the one at work, and that one ends its own work first."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from types import FrameType

__all__ = ["CommandError", "InterruptError", "run_command"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CommandError(Exception):
    """A command ended with another status than 0.

    Attributes:
        command: Its words.
        status: Exit status as a shell gives it, 128 + n after signal n.
    """

    def __init__(self, command: Sequence[str], status: int) -> None:
        super().__init__(f"status {status}")
        self.command = tuple(command)
        self.status = status


class InterruptError(Exception):
    """This process was asked to end while a command ran; the command has ended.

    Attributes:
        status: Exit status as a shell gives it, 128 + n after signal n.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.status = 128 + number


def run_command(command: Sequence[str], *, extra_env: dict[str, str] | None = None) -> None:
    """Run ``command`` and wait until it has ended, also after an interrupt.

    Call from the main thread.

    Args:
        command: Program and arguments.
        extra_env: Added to this process's environment.

    Raises:
        CommandError: If its status is not 0.
        InterruptError: If this process was interrupted or told to end meanwhile.
    """
    received: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: FrameType | None) -> None:
        # Once, since a second signal would break off a training's clean-up; SIGTERM, since it ends an interpreter that
        # is still importing without a traceback.
        if not received and child is not None:
            child.terminate()
        received.append(number)

    before = {number: signal.signal(number, pass_on) for number in _SIGNALS}
    try:
        # In a session of its own the terminal's Ctrl-C reaches this process alone, so the child hears of it once.
        child = subprocess.Popen(command, env={**os.environ, **(extra_env or {})}, start_new_session=True)
        if received:
            child.terminate()
        status = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        raise InterruptError(received[0])
    if status != 0:
        raise CommandError(command, status if status > 0 else 128 - status)
