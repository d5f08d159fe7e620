"""What a person sees of a study while it runs: a line a training, and on a terminal a bar a training."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from medseg.study.planned import PlannedRun
from medseg.study.training import Outcome

__all__ = ["StudyProgress"]


class StudyProgress:
    """Lines and bars of a study's trainings; use it as a context.

    Args:
        runs: Those to train now.
        console: Where to print.
    """

    def __init__(self, runs: Sequence[PlannedRun], console: Console) -> None:
        self._left = len(runs)
        self._begun: dict[str, float] = {}
        self._told: set[str] = set()
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("epochs"))
        self._bars = Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal)

    def __enter__(self) -> StudyProgress:
        """Show the bars."""
        self._bars.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Take the bars away."""
        self._bars.stop()

    def began(self, run: PlannedRun) -> None:
        """Show a bar."""
        self._begun[run.key] = time.monotonic()
        self._tasks[run.key] = self._bars.add_task(run.title, total=run.max_epochs)
        if not self._console.is_terminal and run.key not in self._told:
            self._console.print(f"begun: {run.title}", soft_wrap=True)

    def ended(self, outcome: Outcome) -> None:
        """Say how it ended."""
        key = outcome.run.key
        self._bars.remove_task(self._tasks.pop(key))
        minutes = (time.monotonic() - self._begun.pop(key)) / 60
        if outcome.state == "elsewhere":
            if key not in self._told:
                self._told.add(key)
                self._console.print(f"{outcome.run.title}: another process is at it; waiting for it", soft_wrap=True)
            return
        self._left -= 1
        said = {
            "done": f"done {outcome.reason or f'in {minutes:.1f} min'}",
            "failed": f"failed: {outcome.reason}",
            "stopped": "stopped",
        }[outcome.state]
        self._console.print(f"{outcome.run.title}: {said}; {self._left} left", soft_wrap=True, markup=False)

    def tick(self, epochs: dict[str, int]) -> None:
        """Move the bars."""
        for key, done in epochs.items():
            if key in self._tasks:
                self._bars.update(self._tasks[key], completed=done)
