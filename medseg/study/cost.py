"""What a network of a study costs: counted, and measured in a process of its own with nothing else at work."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from medseg.errors import MedsegError
from medseg.io.atomic import write_json
from medseg.io.processes import usable_cores
from medseg.study.child import Claim, end_with_parent
from medseg.study.folders import StudyFolder
from medseg.study.planned import PlannedRun
from medseg.study.training import Setting

__all__ = ["estimate_seconds", "measure_cost", "measure_costs", "one_a_bundle", "read_costs"]

_START_S = 15.0
"""Imports, a data set's description, the store: what a training takes beside its epochs."""
_NEEDED = ("bundle", "config_sha256", "parameters", "multiply_adds", "slice_px", "infer_seconds", "train_step_seconds")


def measure_costs(
    runs: Sequence[PlannedRun], asked: Sequence[PlannedRun], setting: Setting, say: Callable[[str], None]
) -> None:
    """Measure each network once, into the study's ``costs``; what is there stays, whatever machine it is from.

    Nothing is measured beside a training of the study; a later call does it.

    Args:
        runs: A study's trainings, of which each network's first is measured, so that all are on the same images.
        asked: Those whose networks are to be measured.
        setting: How they are trained.
        say: Told what is being done, and of what cannot be measured; its trainings will tell why.
    """
    names = {run.bundle_name for run in asked}
    for run in [run for run in one_a_bundle(runs) if run.bundle_name in names]:
        path = setting.study.costs / f"{run.bundle_name}-{run.config_sha256[:8]}.json"
        if path.is_file():
            continue
        if any(Claim.is_taken(setting.work.lock(other.key)) for other in runs):
            say("costs are not measured now, beside a training of another call; a later one does it")
            return
        say(f"measuring what {run.bundle_name} costs")
        try:
            write_json(path, measure_cost(run, setting))
        except MedsegError as error:
            say(f"not measured: {error}")


def read_costs(study: Path) -> list[dict[str, Any]]:
    """The measured costs of a study's networks.

    Raises:
        MedsegError: If a file is damaged.
    """
    costs = []
    for path in sorted(StudyFolder(study).costs.glob("[!.]*.json")):
        try:
            cost = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise MedsegError(f"{path}: must be JSON, got {error}; delete it to measure again") from error
        missing = [name for name in _NEEDED if not isinstance(cost, dict) or name not in cost]
        if missing:
            raise MedsegError(f"{path}: must hold {missing[0]}, but it does not; delete it to measure again")
        costs.append(cost)
    return costs


def measure_cost(run: PlannedRun, setting: Setting) -> dict[str, Any]:
    """Measure one network now.

    Raises:
        MedsegError: If it cannot be trained.
    """
    settings = json.dumps(dict(run.settings))
    command = [sys.executable, "-m", "medseg.study.measure", str(run.bundle), str(setting.data)]
    command += ["--fold", str(run.fold), "--settings", settings]
    environment = {**os.environ, **setting.environment(None)}
    ended = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        preexec_fn=end_with_parent(),
    )
    if ended.returncode != 0:
        lines = ended.stderr.strip().splitlines() or [f"status {ended.returncode}"]
        raise MedsegError(f"{run.bundle_name}: must train some steps, got {lines[-1].removeprefix('error: ')}")
    return {
        "bundle": run.bundle_name,
        "config_sha256": run.config_sha256,
        **json.loads(ended.stdout.splitlines()[-1]),
        "machine": f"{platform.system()} {platform.machine()}, {usable_cores()} cores",
    }


def estimate_seconds(run: PlannedRun, cost: dict[str, Any]) -> float:
    """Time that a training would take at the pace of a warm-up."""
    validations = math.ceil(run.max_epochs / cost["val_interval"])  # the last epoch is always validated
    training = run.max_epochs * cost["train_steps"] * cost["train_step_seconds"]
    return float(_START_S + training + validations * cost["validate_slices"] * cost["validate_seconds"])


def one_a_bundle(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """The first training of each bundle."""
    return list({run.config_sha256 + run.bundle_name: run for run in reversed(runs)}.values())[::-1]
