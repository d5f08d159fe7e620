"""Runs all tasks round by round, so that what disturbs the machine disturbs them alike."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.intake.inputs import Inputs
from benchmarks.intake.material import Material
from benchmarks.intake.nnunet import find_python
from benchmarks.intake.sample import Sample, Samples
from benchmarks.intake.tasks import Task

__all__ = ["FAILED", "TaskError", "measure", "run_task"]

_ROOT = Path(__file__).resolve().parents[2]
FAILED = "failed"
_NO_NNUNET = "nnU-Net's environment is missing; make it with: make nnunet"

Run = Callable[[Task, Inputs], Sample]


class TaskError(Exception):
    """A task could not be run; the message says why, without a path, since it is published.

    Attributes:
        detail: What the failing process said, for the terminal.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail


def measure(
    tasks: Sequence[Task],
    material: Material,
    repeats: int,
    *,
    run: Run | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> list[Samples]:
    """Run each task once uncounted, then ``repeats`` times, in turn.

    Args:
        tasks: Tasks.
        material: What they work on.
        repeats: Counted rounds.
        run: Runs one task once; :func:`run_task` by default.
        say: Told what is being done.

    Returns:
        What came of each task, in their order; one that failed is not tried again.
    """
    run = run or run_task
    samples: dict[str, list[Sample]] = {task.key: [] for task in tasks}
    missing: dict[str, str] = {}
    for number in range(repeats + 1):
        for task in tasks:
            if task.key in missing:
                continue
            say(f"round {number} of {repeats}: {task.key}")
            try:
                samples[task.key].append(_run_once(task, material, run))
            except TaskError as error:
                missing[task.key] = str(error)
                say(f"{task.key}: {error}{': ' if error.detail else ''}{error.detail}")
    return [
        Samples(key, missing=missing[key]) if key in missing else Samples(key, tuple(runs[1:]))
        for key, runs in samples.items()
    ]


def run_task(task: Task, inputs: Inputs) -> Sample:
    """Run one task in a process of its own.

    Raises:
        TaskError: If its environment is missing, or it failed.
    """
    python = find_python() if task.nnunet else Path(sys.executable)
    if python is None:
        raise TaskError(_NO_NNUNET)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [str(python), "-m", "benchmarks.intake.child", task.key, json.dumps(inputs.to_json()), str(result)]
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, encoding="utf-8", errors="replace", check=False)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
            raise TaskError(FAILED, lines[-1])
        return Sample.from_json(json.loads(result.read_text(encoding="utf-8")))


def _run_once(task: Task, material: Material, run: Run) -> Sample:
    inputs = material.inputs
    if task.group == "several" and not material.cases:
        raise TaskError("not measured on a series of one's own")
    _warm(inputs.several if task.group == "several" else inputs.raw)
    inputs.out.mkdir()
    try:
        return run(task, inputs)
    finally:
        shutil.rmtree(inputs.out)
        os.sync()  # else the next task waits for what this one has written


def _warm(folder: Path) -> None:
    """Put all files into the file cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass
