"""Trainings of a study on this machine, some at a time."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from medseg.study.planned import PlannedRun
from medseg.study.training import Attempt, Outcome, Setting

__all__ = ["Interrupted", "Watcher", "train_here"]

_TICK_S = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818 - asked for, no error
    """The study was asked to end, and all its trainings have ended.

    Attributes:
        status: Exit status as a shell gives it, 128 + n after signal n.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.status = 128 + number


class Watcher(Protocol):
    """Is told what happens."""

    def began(self, run: PlannedRun) -> None:
        """A training was begun."""

    def ended(self, outcome: Outcome) -> None:
        """A training ended."""

    def tick(self, epochs: dict[str, int]) -> None:
        """Epochs done by the key of each training at work."""


def train_here(runs: Sequence[PlannedRun], setting: Setting, watcher: Watcher) -> list[Outcome]:
    """Train all, ``setting.jobs`` at a time, in their order; one that fails does not stop the others.

    Call from the main thread.

    Raises:
        Interrupted: If this process was interrupted or told to end; its trainings have ended before.
    """
    waiting, active, outcomes = deque(runs), dict[int, Attempt](), list[Outcome]()
    gpus = _gpus()
    with _signals() as received:
        while waiting or active:
            if received:
                waiting.clear()
                for attempt in active.values():
                    attempt.stop(at_once=len(received) > 1)
            for slot in range(setting.jobs):
                if waiting and slot not in active:
                    run = waiting.popleft()
                    watcher.began(run)
                    active[slot] = Attempt(run, setting, gpus[slot % len(gpus)] if gpus else None)
            for slot, attempt in list(active.items()):
                outcome = attempt.poll()
                if outcome is not None:
                    del active[slot]
                    outcomes.append(outcome)
                    watcher.ended(outcome)
            watcher.tick({attempt.run.key: attempt.epochs_done for attempt in active.values()})
            if active:
                time.sleep(_TICK_S)
    if received:
        raise Interrupted(received[0])
    return outcomes


def _gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    import torch

    count = torch.cuda.device_count()
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return named[:count] or [str(index) for index in range(count)]


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect signals that ask this process to end, instead of ending."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
