"""What MLflow lacks when a training ends badly, and is told when it goes on."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from mlflow.entities import Run

from medseg.manifest import Manifest
from tests.commands import Commands, Ended, run_process
from tests.medseg.tracking.trainings import only_run, runs_in, store, tracked

AS_BUNDLE = """
runpy.run_module("monai.bundle", run_name="__main__")
"""
KILLED_BEFORE_ITS_LAST_EPOCH_IS_TOLD = f"""
import os, runpy, signal
from mlflow import MlflowClient
log = MlflowClient.log_batch
def log_or_die(self, run_id, metrics=(), **options):
    if any(metric.key == "seconds" and metric.step == 2 for metric in metrics):
        os.kill(os.getpid(), signal.SIGKILL)
    return log(self, run_id, metrics=metrics, **options)
MlflowClient.log_batch = log_or_die
{AS_BUNDLE}"""
STORE_TAKES_NO_SCORES = f"""
import runpy
from medseg.tracking import run_tracker
def refuse(*args):
    raise OSError("no space left")
run_tracker.log_score_sheet = refuse
{AS_BUNDLE}"""


def sabotaged(code: str, data: Path, folder: Path) -> Ended:
    """A training of two epochs called ``cut``, with ``code`` in place of ``-m monai.bundle``."""
    args = tracked(data, "--run_name", "cut", epochs=2)
    return run_process([sys.executable, "-c", code, *map(str, args)], folder)


def go_on(commands: Commands, data: Path, folder: Path) -> None:
    commands(*tracked(data, "--resume", folder / "runs/unet/discs/cut", epochs=2), cwd=folder).succeeded()


def steps(folder: Path, run: Run, metric: str) -> list[int]:
    return [point.step for point in store(folder).get_metric_history(run.info.run_id, metric)]


def test_an_epoch_that_was_saved_and_not_told_is_told(commands: Commands, prepared: Manifest, tmp_path: Path) -> None:
    assert sabotaged(KILLED_BEFORE_ITS_LAST_EPOCH_IS_TOLD, prepared.root, tmp_path).status == -signal.SIGKILL
    assert steps(tmp_path, only_run(tmp_path), "val_dice") == [1]
    go_on(commands, prepared.root, tmp_path)
    run = only_run(tmp_path)
    assert run.info.status == "FINISHED"
    for metric in ("val_dice", "train_loss_sum"):
        assert steps(tmp_path, run, metric) == [1, 2]

    # Another run takes the place of one that was deleted, with the epochs of before it, too.
    store(tmp_path).delete_run(run.info.run_id)
    go_on(commands, prepared.root, tmp_path)
    (other,) = (found for found in runs_in(tmp_path) if found.info.run_id != run.info.run_id)
    assert other.info.status == "FINISHED"
    for metric in ("val_dice", "train_loss_sum"):
        assert steps(tmp_path, other, metric) == [1, 2]
    assert {name: other.data.metrics[name] for name in ("val_dice", "best_val_dice")} == {
        name: run.data.metrics[name] for name in ("val_dice", "best_val_dice")
    }


def test_a_run_without_its_scores_is_not_finished(commands: Commands, prepared: Manifest, tmp_path: Path) -> None:
    assert sabotaged(STORE_TAKES_NO_SCORES, prepared.root, tmp_path).status == 1
    assert only_run(tmp_path).info.status == "FAILED"
    assert json.loads((tmp_path / "runs/unet/discs/cut/run.json").read_text())["status"] == "FINISHED"
    go_on(commands, prepared.root, tmp_path)
    assert only_run(tmp_path).info.status == "FINISHED"
    pictures = store(tmp_path).list_artifacts(only_run(tmp_path).info.run_id, "images")
    assert len(pictures) == len({item.path for item in pictures})
