"""Attempts at a training that is already done, as one that was killed leaves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from medseg.runs import RunFolder
from medseg.study.folders import StudyFolder, WorkFolder
from medseg.study.planned import PlannedRun
from medseg.study.training import Attempt, Outcome, Setting
from tests.factories import edit_json
from tests.medseg.study.run_folders import FACTS, make_run

RUN = PlannedRun("unet", Path("unet"), 0, 0, {}, 2, "c" * 64, "f" * 64, "5" * 64, "discs")
OF_THE_DATA = {name: FACTS[name] for name in ("fingerprint", "split_sha256")}


def setting(root: Path) -> Setting:
    return Setting("cell", StudyFolder(root / "study"), WorkFolder(root / "work"), root / "data", threads=1)


def finished(root: Path, run: PlannedRun = RUN, **facts: Any) -> RunFolder:
    """The folder of a training that is finished and not installed."""
    folder = setting(root).work.run(run.bundle_name, run.dataset, run.key)
    make_run(folder.root, **{"seed": run.seed, **facts})
    edit_json(folder.weights("last").with_suffix(".json"), lambda beside: beside.update(OF_THE_DATA))
    return folder


def attempt(root: Path, run: PlannedRun = RUN) -> Outcome:
    outcome = Attempt(run, setting(root)).poll()
    assert outcome is not None
    return outcome


def best(root: Path) -> tuple[dict[str, Any], list[float]]:
    """What is remembered of the best weights, and these."""
    weights = setting(root).work.best_weights("unet")
    return json.loads(weights.with_name("best.json").read_text()), torch.load(weights)["dice"].tolist()
