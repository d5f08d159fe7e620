"""One measurement in a process of its own: ``python -m benchmarks.inference.child TASK BUNDLE VOLUME LOGITS OUT``."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.inference.floor import sgemm_rate
from benchmarks.inference.sample import Sample
from benchmarks.inference.tasks import TASKS, prepare
from benchmarks.intake.memory import PeakMemory

__all__ = ["main"]


def main(argv: Sequence[str]) -> None:
    """Measure the task called by the first argument; logits go into an ``.npy`` file, the times into a JSON file."""
    key, bundle, volume_file, logits_file, result = argv
    task = TASKS[key]
    rate = sgemm_rate(task.threads or torch.get_num_threads())
    volume = torch.from_numpy(np.load(volume_file))
    begin = time.perf_counter()
    predict = prepare(task, Path(bundle))
    predict(volume[..., : task.batch_size])
    first_seconds = time.perf_counter() - begin
    gc.collect()
    memory = PeakMemory()
    begin = time.perf_counter()
    logits = predict(volume)
    seconds = time.perf_counter() - begin
    sample = Sample(seconds, first_seconds, memory.extra_bytes(), rate)
    np.save(logits_file, logits.numpy())
    Path(result).write_text(json.dumps(sample.to_json()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
