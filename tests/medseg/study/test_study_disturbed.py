"""What stops, disturbs or forbids a study, and what goes on all the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from medseg.io.processes import usable_cores
from medseg.manifest import Manifest
from medseg.study.child import Claim
from medseg.study.folders import WorkFolder
from medseg.study.plan import StudyPlan
from medseg.study.planned import planned_runs
from tests.commands import ROOT, run_process
from tests.medseg.conftest import Medseg
from tests.medseg.study.commands import SHORT, keys, run_study, scores, start_study, study_command, tracked_runs, until

# Read by each interpreter at its start (see Python's module site).
KILLED_BEFORE_ITS_END_IS_TOLD = """
import os, signal, sys
if "monai.bundle" in sys.orig_argv:
    from mlflow import MlflowClient
    MlflowClient.set_terminated = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_that_fails_does_not_stop_the_others(tmp_path: Path, prepared: Manifest) -> None:
    plan = {
        "bundles": ["unet", "unet_early_skip"],
        "folds": [0],
        "settings": {"max_epochs": 1, "epoch_length": 1},
        "per_bundle": {"unet": {"gradient_clip": -1}},
        "threads": 1,
    }
    (tmp_path / "study").mkdir()
    (tmp_path / "study/study.yaml").write_text(yaml.safe_dump(plan))
    cores = usable_cores()
    ended = run_study(tmp_path, "--data", prepared.root, "--no-tracking", "--no-costs", "--jobs", str(cores + 1))
    assert f"warning: --jobs {cores + 1}, threads a training: 1, but cores: {cores}\n" in ended.stdout
    assert keys(tmp_path) == ["unet_early_skip-fold0-seed0"]
    error = ended.refused(1)
    assert "1 of 2 trainings failed, the first with: gradient_clip must be a finite number above 0, got -1" in error
    assert "study study: 1 done, 1 failed" in ended.stdout
    assert not (tmp_path / "mlflow.db").exists()


def test_a_network_that_cannot_be_measured_does_not_stop_the_others(tmp_path: Path, prepared: Manifest) -> None:
    plan = {
        "bundles": ["unet", "unet_early_skip"],
        "folds": [0],
        "settings": {"max_epochs": 1, "epoch_length": 1},
        "per_bundle": {"unet": {"network_def": {"_target_": "medseg.networks.Nonet"}}},
        "threads": 1,
    }
    (tmp_path / "study").mkdir()
    (tmp_path / "study/study.yaml").write_text(yaml.safe_dump(plan))
    ended = run_study(tmp_path, "--data", prepared.root, "--no-tracking")
    assert ended.status == 1
    assert keys(tmp_path) == ["unet_early_skip-fold0-seed0"]
    assert "not measured: unet: must train some steps, got" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


def test_wrong_wishes_are_refused_before_anything_is_written(
    tmp_path: Path, prepared: Manifest, medseg: Medseg
) -> None:
    data = ("--data", prepared.root)
    assert medseg("study", "run", "study", *data).refused().endswith("or give --bundle, --fold and --seed")
    assert medseg("study", "run", "study", "--bundle", "unet").refused().endswith("give it with --data")
    assert (
        "fold must be 0 to 2, got 7"
        in medseg("study", "run", "study", "--bundle", "unet", "--fold", "7", *data).refused()
    )
    assert "nonet: must be a bundle's folder" in medseg("study", "run", "study", "--bundle", "nonet", *data).refused()
    wish = ("study", "run", "study", "--bundle", "unet", "--set", "max_epoch=3", *data)
    assert medseg(*wish).refused() == "settings must be ids of unet's train.json, got max_epoch"
    wish = ("study", "run", "study", "--bundle", "unet", "--set", "max_epochs", *data)
    assert medseg(*wish).refused() == "--set must be ID=VALUE, such as max_epochs=8, got 'max_epochs'"
    wish = ("study", "run", "study", "--bundle", "unet", "--set", "max_epochs=many", *data)
    assert medseg(*wish).refused() == "unet: max_epochs must be a whole number from 1, got 'many'"
    assert not (tmp_path / "study").exists()


def test_an_interrupt_ends_trainings_and_study(tmp_path: Path, prepared: Manifest) -> None:
    many = ("--no-costs", "--set", "max_epochs=400", "--threads", "1")
    study = start_study(tmp_path, "--data", prepared.root, "--bundle", "unet", "--fold", "0", *many)
    histories = tmp_path / "runs/studies/study/runs"
    until(lambda: any(histories.glob("unet/discs/*/checkpoints/last.pt")))
    study.send_signal(signal.SIGINT)
    said, _ = study.communicate(timeout=60)
    assert study.returncode == 130, said
    assert said.splitlines()[-1] == "interrupted; finished trainings stay, the others go on with the same command"
    assert "Traceback" not in said
    assert [run.info.status for run in tracked_runs(tmp_path)] == ["KILLED", "KILLED"]
    ended = run_process(study_command("status", "study", "--data", prepared.root), tmp_path).succeeded()
    assert ended.stdout.splitlines()[-1] == "study study: 1 left"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_while_it_measures_it_ends_its_run_too(
    tmp_path: Path, prepared: Manifest, number: signal.Signals
) -> None:
    study = start_study(tmp_path, "--data", prepared.root, "--bundle", "unet", "--fold", "0", PYTHONUNBUFFERED="1")
    said = until_said(study, "measuring what unet costs")
    study.send_signal(number)
    rest, _ = study.communicate(timeout=60)
    assert study.returncode == 128 + number, said + rest
    assert rest.splitlines()[-1] == "interrupted; finished trainings stay, the others go on with the same command"
    assert [run.info.status for run in tracked_runs(tmp_path)] == ["KILLED"]


def test_what_another_call_is_at_is_waited_for_and_then_taken_over(tmp_path: Path, prepared: Manifest) -> None:
    wish = ("--data", prepared.root, "--bundle", "unet", "--fold", "0", *SHORT)
    plan = StudyPlan("study", ("unet",), (0,), settings={"max_epochs": 2, "epoch_length": 2})
    (run,) = planned_runs(plan, prepared)
    claim = Claim.take(WorkFolder(tmp_path / "runs/studies/study").lock(run.key))
    assert claim is not None
    study = start_study(tmp_path, *wish, PYTHONUNBUFFERED="1")
    until_said(study, "unet, fold 0, seed 0: another process is at it; waiting for it")
    assert [run.info.status for run in tracked_runs(tmp_path)] == ["RUNNING"]
    claim.release()
    rest, _ = study.communicate(timeout=300)
    assert study.returncode == 0, rest
    assert "unet, fold 0, seed 0: done in " in rest
    assert "another process" not in rest
    assert [run.info.status for run in tracked_runs(tmp_path)] == ["FINISHED", "FINISHED"]


def test_killed_while_it_tells_mlflow_of_its_end_a_training_tells_it_again(tmp_path: Path, prepared: Manifest) -> None:
    """Its result is whole by then; without its run in MLflow it would be missing there for good."""
    (tmp_path / "sabotage").mkdir()
    (tmp_path / "sabotage/sitecustomize.py").write_text(KILLED_BEFORE_ITS_END_IS_TOLD)
    wish = ("--data", prepared.root, "--bundle", "unet", "--fold", "0", *SHORT)
    path = os.pathsep.join([str(tmp_path / "sabotage"), str(ROOT)])
    killed = run_process(study_command("run", "study", *wish), tmp_path, PYTHONPATH=path)
    assert killed.status == 1
    assert "by SIGKILL" in killed.stdout + killed.stderr
    (facts,) = (tmp_path / "runs/studies/study/runs/unet/discs").glob("*/run.json")
    assert json.loads(facts.read_text())["status"] == "FINISHED"
    assert keys(tmp_path) == []
    assert "RUNNING" in [run.info.status for run in tracked_runs(tmp_path)]
    run_study(tmp_path, *wish).succeeded()
    assert keys(tmp_path) == ["unet-fold0-seed0"]
    _, training = tracked_runs(tmp_path)
    assert [run.info.status for run in tracked_runs(tmp_path)] == ["FINISHED", "FINISHED"]
    assert training.data.metrics["val_dice"] == pytest.approx(scores(tmp_path).popitem()[1]["dice"].mean())


def until_said(study: subprocess.Popen[str], line: str) -> str:
    """Read what is printed up to a line."""
    assert study.stdout is not None
    said = ""
    for text in study.stdout:
        said += text
        if text.rstrip() == line:
            return said
    raise AssertionError(said)


def test_a_cluster_must_be_there(tmp_path: Path, prepared: Manifest, medseg: Medseg) -> None:
    wish = ("study", "run", "study", "--data", prepared.root, "--bundle", "unet", "--no-tracking", "--dask", "nowhere")
    assert medseg(*wish).refused().startswith("--dask nowhere: must be the address of a running Dask scheduler")
    assert not (tmp_path / "study/study.yaml").exists()
