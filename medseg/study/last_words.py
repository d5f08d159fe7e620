"""Why a training failed, as far as its log and its exit status tell."""

from __future__ import annotations

import signal
from pathlib import Path

__all__ = ["last_words"]


def last_words(log: Path, status: int) -> str:
    """The error that a training printed, or else the signal that ended it, or its last line."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    said = (errors or _signal(status) or lines or ["it said nothing"])[-1]
    return f"{said} (ended with status {status}; log: {log})"


def _signal(status: int) -> list[str]:
    """Which signal ended a process, which one that cleans up adds to 128; nothing if none did."""
    number = -status if status < 0 else status - 128
    if number not in set(signal.Signals):
        return []
    memory = ", as the system does where memory runs out" if number == signal.SIGKILL else ""
    return [f"it was ended from outside by {signal.Signals(number).name}{memory}"]
