"""Runs all tasks round by round, so that what disturbs the machine disturbs them alike."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.inference.material import Network
from benchmarks.inference.sample import Sample, Samples
from benchmarks.inference.tasks import BASE, Task

__all__ = ["FAILED", "compare", "measure", "run_task"]

_ROOT = Path(__file__).resolve().parents[2]
FAILED = "failed"

Pair = tuple[Network, Task]
Logits = NDArray[np.float32]


def measure(
    pairs: Sequence[Pair],
    volume: Logits,
    repeats: int,
    *,
    threshold: float = 0.5,
    say: Callable[[str], None] = lambda _text: None,
) -> list[Samples]:
    """Run each task on its network once a round, in turn.

    Args:
        pairs: Networks and tasks.
        volume: ``(1, 1, x, y, z)``.
        repeats: Rounds.
        threshold: Probability above which a pixel is foreground.
        say: Told what is being done.

    Returns:
        What came of each pair, in their order; one that failed is not tried again.
    """
    samples: dict[tuple[str, str], list[Sample]] = {(network.name, task.key): [] for network, task in pairs}
    missing: set[tuple[str, str]] = set()
    expected: dict[str, Logits] = {}
    compared: dict[tuple[str, str], tuple[float, int, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        volume_file = Path(folder) / "volume.npy"
        np.save(volume_file, volume)
        for number in range(1, repeats + 1):
            for network, task in pairs:
                key = (network.name, task.key)
                if key in missing:
                    continue
                say(f"round {number} of {repeats}: {network.name}, {task.key}")
                done = run_task(task, network, volume_file, say)
                if done is None:
                    missing.add(key)
                    continue
                sample, logits = done
                samples[key].append(sample)
                if task.key == BASE:
                    expected.setdefault(network.name, logits)
                if network.name in expected:
                    compared.setdefault(key, compare(logits, expected[network.name], threshold))
    return [_collect(key, runs, key in missing, compared.get(key)) for key, runs in samples.items()]


def run_task(
    task: Task, network: Network, volume_file: Path, say: Callable[[str], None]
) -> tuple[Sample, Logits] | None:
    """Run one task in a process of its own; None if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        logits, result = Path(folder) / "logits.npy", Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.inference.child", task.key]
        command += map(str, (network.bundle, volume_file, logits, result))
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, encoding="utf-8", errors="replace", check=False)
        if done.returncode != 0:
            say(f"{task.key}: {FAILED}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
            return None
        return Sample(**json.loads(result.read_text(encoding="utf-8"))), np.load(logits)


def compare(logits: Logits, expected: Logits, threshold: float) -> tuple[float, int, float]:
    """Largest difference, pixels of the masks that differ, and Dice of the masks (1 if both are empty)."""
    cut = np.log(threshold / (1 - threshold))
    mask, other = logits > cut, expected > cut
    both = int(mask.sum()) + int(other.sum())
    dice = 1.0 if both == 0 else 2 * int((mask & other).sum()) / both
    return float(np.abs(logits - expected).max()), int((mask != other).sum()), dice


def _collect(
    key: tuple[str, str], runs: list[Sample], failed: bool, compared: tuple[float, int, float] | None
) -> Samples:
    if failed:
        return Samples(*key, missing=FAILED)
    difference, differing, dice = compared or (None, None, None)
    return Samples(*key, tuple(runs), None, difference, differing, dice)
