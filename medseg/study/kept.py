"""What is kept of a study's trainings, and what is deleted, since a training of FCN-8s leaves 2 GB."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from medseg.io.atomic import atomic_path, write_json
from medseg.runs import RunFolder
from medseg.runs.score_files import read_table
from medseg.study.child import Claim
from medseg.study.folders import WorkFolder
from medseg.study.planned import PlannedRun

__all__ = ["best_lock", "copy_file", "keep_best", "tidy", "tidy_finished"]


def tidy(folder: RunFolder, *, keep_weights: bool) -> None:
    """Delete what is large of a finished training; its checkpoints last, which tell that it was not all deleted yet."""
    if not keep_weights:
        shutil.rmtree(folder.weights("last").parents[1], ignore_errors=True)
    shutil.rmtree(folder.checkpoint.parent, ignore_errors=True)


def tidy_finished(runs: Iterable[PlannedRun], work: WorkFolder, *, keep_weights: bool) -> None:
    """Delete what is large of trainings that have a result already: from another machine, or before a kill.

    Args:
        runs: Trainings with a result.
        work: Where they may have been begun. Weights that an earlier call was asked to keep stay.
        keep_weights: Whether weights of those that were not tidied yet stay.
    """
    for run in runs:
        folder = work.run(run.bundle_name, run.dataset, run.key)
        claim = Claim.take(work.lock(run.key)) if folder.checkpoint.parent.is_dir() else None
        if claim is not None:  # else nothing is left, or another process is at it
            tidy(folder, keep_weights=keep_weights)
            claim.release()


def keep_best(run: PlannedRun, folder: RunFolder, work: WorkFolder) -> None:
    """Keep the weights of the bundle's training with the highest mean Dice over its cases, each on its own fold."""
    score = float(read_table(folder.volumes("last"))["dice"].mean())
    target = work.best_weights(run.bundle_name)
    target.parent.mkdir(parents=True, exist_ok=True)
    record = target.with_name("best.json")
    with best_lock(target):
        if score > _best_score(run, target, record):
            for suffix in (".pt", ".json"):
                copy_file(folder.weights("last").with_suffix(suffix), target.with_suffix(suffix))
            write_json(record, {"key": run.key, "dice": score})


def best_lock(weights: Path) -> FileLock:
    """A lock under which a bundle's best weights, and what is known of them, stay as they are."""
    return FileLock(f"{weights.with_name('best.json')}.lock")


def _best_score(run: PlannedRun, weights: Path, record: Path) -> float:
    """Score of the weights that are kept; none where they are damaged, or of other settings, data or folds."""
    try:
        best, facts = (json.loads(path.read_text(encoding="utf-8")) for path in (record, weights.with_suffix(".json")))
        same = all(facts[name] == getattr(run, name) for name in ("fingerprint", "split_sha256"))
        return float(best["dice"]) if same and best["key"].endswith(run.config_sha256[:8]) else -math.inf
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return -math.inf


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    with atomic_path(target) as partial:
        shutil.copyfile(source, partial)
