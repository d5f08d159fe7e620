"""One measurement in a process of its own: ``python -m benchmarks.intake.child TASK INPUTS RESULT``."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.intake.inputs import Inputs
from benchmarks.intake.memory import PeakMemory
from benchmarks.intake.sample import Sample
from benchmarks.intake.tasks import TASKS

__all__ = ["main"]


def main(argv: Sequence[str]) -> None:
    """Measure the task called by the first argument, on inputs in JSON, into a JSON file."""
    key, inputs, path = argv
    sample = _measure(key, Inputs.from_json(json.loads(inputs)))
    Path(path).write_text(json.dumps(sample.to_json()), encoding="utf-8")


def _measure(key: str, inputs: Inputs) -> Sample:
    task = TASKS[key]
    work = task.start(inputs)
    gc.collect()
    memory = PeakMemory()
    begin = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - begin
    extra_bytes = memory.extra_bytes()
    voxels, total = None, None
    if task.look is not None:
        import numpy as np

        array = np.asarray(task.look(result, inputs))
        voxels, total = int(array.size), float(array.sum(dtype=np.float64))
    return Sample(seconds, extra_bytes, voxels, total, {name: version(name) for name in task.packages})


if __name__ == "__main__":
    main(sys.argv[1:])
