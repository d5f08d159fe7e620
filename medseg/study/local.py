"""Trainings of a study on this machine, some at a time."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from medseg.study.child import Claim
from medseg.study.planned import PlannedRun
from medseg.study.signals import Interrupted, Signals
from medseg.study.training import Attempt, Outcome, Setting

__all__ = ["Watcher", "train_here"]

_TICK_S = 0.5


class Watcher(Protocol):
    """Is told what happens."""

    def began(self, run: PlannedRun) -> None:
        """A training was begun."""

    def ended(self, outcome: Outcome) -> None:
        """A training ended."""

    def tick(self, epochs: dict[str, int]) -> None:
        """Epochs done by the key of each training at work."""


def train_here(runs: Sequence[PlannedRun], setting: Setting, watcher: Watcher, signals: Signals) -> list[Outcome]:
    """Train all, ``setting.jobs`` at a time, in their order; one that fails does not stop the others.

    What another process is at is waited for, and taken over should that process end before it is done.

    Raises:
        Interrupted: If this process was interrupted or told to end; its trainings have ended before.
    """
    waiting, active, outcomes = deque(runs), dict[int, Attempt](), list[Outcome]()
    elsewhere: list[PlannedRun] = []
    gpus = _gpus()
    with signals.collected() as received:
        while waiting or active or elsewhere:
            if received:
                waiting.clear()
                elsewhere.clear()
                for attempt in active.values():
                    attempt.stop(at_once=len(received) > 1)
            for run in [run for run in elsewhere if not Claim.is_taken(setting.work.lock(run.key))]:
                elsewhere.remove(run)
                waiting.append(run)
            for slot in range(setting.jobs):
                if waiting and slot not in active:
                    run = waiting.popleft()
                    watcher.began(run)
                    active[slot] = Attempt(run, setting, gpus[slot % len(gpus)] if gpus else None)
            for slot, attempt in list(active.items()):
                outcome = attempt.poll()
                if outcome is not None:
                    del active[slot]
                    watcher.ended(outcome)
                    if outcome.state == "elsewhere":
                        elsewhere.append(outcome.run)
                    else:
                        outcomes.append(outcome)
            watcher.tick({attempt.run.key: attempt.epochs_done for attempt in active.values()})
            if active or elsewhere:
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
