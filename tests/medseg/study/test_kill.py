"""A study that is killed at random moments goes on, and ends with what an undisturbed one gives."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from mlflow.entities import Run

from medseg.manifest import Manifest
from tests.medseg.study.commands import keys, run_study, scores, start_study, tracked_runs
from tests.medseg.tracking.trainings import store

WISH = ("--bundle", "unet", "--bundle", "unet_early_skip", "--fold", "0", "--set", "max_epochs=3", "--threads", "1",
        "--jobs", "2", "--no-costs")  # fmt: skip
KILLS = 6


@pytest.mark.slow
def test_kills_at_random_moments_change_no_result(tmp_path: Path, prepared: Manifest) -> None:
    (plain := tmp_path / "plain").mkdir()
    (cut := tmp_path / "cut").mkdir()
    run_study(plain, "--data", prepared.root, *WISH).succeeded()

    chance = random.Random(5)
    for _ in range(KILLS):
        study = start_study(cut, "--data", prepared.root, *WISH)
        time.sleep(chance.uniform(2, 25))
        os.kill(study.pid, signal.SIGKILL)
        study.communicate()
        assert len(keys(cut)) <= 2
    run_study(cut, "--data", prepared.root, *WISH).succeeded()

    expected, found = scores(plain), scores(cut)
    assert keys(cut) == ["unet-fold0-seed0", "unet_early_skip-fold0-seed0"]
    assert found.keys() == expected.keys()
    assert all(found[key].equals(expected[key]) for key in expected)
    runs = tracked_runs(cut)
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED"}
    finished = Counter(run.data.tags.get("bundle_name", "study") for run in runs if run.info.status == "FINISHED")
    assert finished == {"unet": 1, "unet_early_skip": 1, "study": 1}
    for run in runs:
        if run.info.status == "FINISHED" and "bundle_name" in run.data.tags:
            assert epochs_of(cut, run) == [1, 2, 3]
    assert not list((cut / "study/results").glob(".*"))


def epochs_of(folder: Path, run: Run) -> list[int]:
    """Epochs of which MLflow has a Dice."""
    return sorted({point.step for point in store(folder).get_metric_history(run.info.run_id, "val_dice")})
