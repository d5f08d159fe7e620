"""Trainings in MLflow, read back from the store."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch

from medseg.manifest import Manifest
from medseg.tracking import reap_dead_runs
from tests.commands import ROOT, Commands, Ended, bundle_command, environment, run_process, train
from tests.medseg.tracking.trainings import EPOCHS, history, only_run, runs_in, store, tracked

KILLED_AT_FIRST_MOMENT = """
import os, runpy, signal
from mlflow import MlflowClient
create = MlflowClient.create_run
def create_and_die(*args, **options):
    create(*args, **options)
    os.kill(os.getpid(), signal.SIGKILL)
MlflowClient.create_run = create_and_die
runpy.run_module("monai.bundle", run_name="__main__")
"""


def until(condition: Callable[[], bool], process: subprocess.Popen[str], timeout: float = 90) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the training did not get there"
        time.sleep(0.05)


def interrupt(args: Sequence[str], folder: Path, number: int, *, epochs_done: int) -> Ended:
    """Start a training called ``cut`` and send it a signal after some epochs."""
    process = subprocess.Popen(
        bundle_command(*args, "--run_name", "cut"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    run = folder / "runs/unet/discs/cut"
    until(lambda: (run / "history.csv").is_file() and len(history(run, "epoch")) >= epochs_done, process)
    until((run / "checkpoints" / "last.pt").is_file, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out, err)


@dataclass(frozen=True)
class Uninterrupted:
    """A training that was left alone."""

    folder: Path
    ended: Ended

    @property
    def run(self) -> Path:
        return self.folder / "runs/unet/discs/whole"


@pytest.fixture(scope="module")
def whole(commands: Commands, prepared: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    """A tracked training, shared."""
    folder = tmp_path_factory.mktemp("whole")
    args = tracked(prepared.root, "--run_name", "whole", "--learning_rate", "0.002")
    return Uninterrupted(folder, commands(*args, cwd=folder).succeeded())


@pytest.fixture
def cut_data(prepared: Manifest, tmp_path: Path) -> Path:
    """A data set with a damaged training image."""
    data = tmp_path / "data"
    shutil.copytree(prepared.root, data)
    image = data / "imagesTr" / "disc_001_0000.nii"
    image.write_bytes(image.read_bytes()[:500])
    return data


class TestFinishedTraining:
    def test_run_is_finished_in_the_data_set_s_experiment(self, whole: Uninterrupted) -> None:
        run = only_run(whole.folder)
        assert (run.info.status, run.info.run_name) == ("FINISHED", "unet-whole")
        assert store(whole.folder).get_experiment(run.info.experiment_id).name == "discs"
        assert run.info.run_id == (whole.run / "mlflow_run_id").read_text().strip()

    def test_parameters_hold_every_setting_and_what_it_ran_on(self, whole: Uninterrupted, prepared: Manifest) -> None:
        params = only_run(whole.folder).data.params
        settings = json.loads((ROOT / "bundles/unet/configs/train.json").read_text())["settings"]
        assert set(settings) <= set(params)
        expected = {
            "seed": "0",
            "fold": "0",
            "max_epochs": str(EPOCHS),
            "learning_rate": "0.002",
            "fingerprint": prepared.fingerprint,
            "parameters": "7759521",
            "device": "cuda:0" if torch.cuda.is_available() else "cpu",
            "window": "[0.0, 255.0]",
            "loss": "BCEWithLogitsLoss",
            "optimizer": "Adam",
            "train_cases": "4",
            "torch_version": torch.__version__,
        }
        assert {name: params[name] for name in expected} == expected
        if (ROOT / ".git").exists():
            assert len(params["git_commit"].removesuffix("-dirty")) == 40

    def test_metrics_have_a_value_an_epoch(self, whole: Uninterrupted) -> None:
        client, run = store(whole.folder), only_run(whole.folder)
        for name in ("train_loss", "train_loss_sum", "val_dice", "val_iou", "val_iou_both", "val_loss"):
            points = client.get_metric_history(run.info.run_id, name)
            assert [point.step for point in points] == list(range(1, EPOCHS + 1))
            assert [point.value for point in points] == pytest.approx(history(whole.run, name))
        metrics = run.data.metrics
        assert metrics["train_loss_sum"] == pytest.approx(4 * metrics["train_loss"])
        assert metrics["best_val_dice"] == pytest.approx(max(history(whole.run, "val_dice")))
        volumes = pd.read_csv(whole.run / "volumes_last.csv")
        # The images are scans of one slice each.
        assert metrics["val_assd_mm"] == pytest.approx(volumes.assd_mm.mean())
        assert metrics["val_precision"] == pytest.approx(volumes.precision.mean())
        assert "best_val_surface_dice" in metrics

    def test_artifacts_hold_config_scores_pictures_and_weights(self, whole: Uninterrupted, tmp_path: Path) -> None:
        client, run_id = store(whole.folder), only_run(whole.folder).info.run_id
        names = {
            item.path for folder in (None, "overlays", "best_weights") for item in client.list_artifacts(run_id, folder)
        }
        expected = {"config.json", "scores_last.csv", "scores_best.csv", "summary_last.json", "history.csv", "log.txt"}
        expected |= {f"{name}_{which}.csv" for name in ("volumes", "calibration") for which in ("last", "best")}
        pictures = {"overlays/disc_000_000.png", "overlays/disc_003_000.png"}
        assert expected | pictures | {"best_weights/model.pt", "best_weights/model.json"} <= names
        for name, file in (("scores_last.csv", "scores_last.csv"), ("best_weights/model.pt", "weights/best/model.pt")):
            downloaded = Path(client.download_artifacts(run_id, name, str(tmp_path)))
            assert downloaded.read_bytes() == (whole.run / file).read_bytes()
        downloaded = Path(client.download_artifacts(run_id, "run.json", str(tmp_path)))
        assert json.loads(downloaded.read_text())["status"] == "FINISHED"

    def test_mlflow_s_pages_tell_data_and_scores(self, whole: Uninterrupted, prepared: Manifest) -> None:
        client, run = store(whole.folder), only_run(whole.folder)
        (data,) = run.inputs.dataset_inputs
        assert (data.dataset.name, data.dataset.digest) == ("discs", prepared.fingerprint[:8])
        assert run.data.tags["mlflow.source.name"] == "unet"
        assert "on `discs` (microscopy, disc): fold 0" in run.data.tags["mlflow.note.content"]
        assert len(client.list_artifacts(run.info.run_id, "images")) == 2 * 2  # each with a small copy
        assert "scores_last.json" in {item.path for item in client.list_artifacts(run.info.run_id)}

    def test_end_says_how_to_look(self, whole: Uninterrupted) -> None:
        experiment = only_run(whole.folder).info.experiment_id
        page = f"#/experiments/{experiment}/runs?compareRunsMode=CHART&workflowType=machine_learning"
        assert f"look at it with: mlflow ui, then http://127.0.0.1:5000/{page}\n" in whole.ended.stdout

    def test_same_seed_gives_the_same_curve_and_another_does_not(
        self, whole: Uninterrupted, commands: Commands, prepared: Manifest, tmp_path: Path
    ) -> None:
        for seed in (0, 1):
            options = ("--learning_rate", "0.002", "--seed", str(seed), "--run_name", f"seed{seed}")
            commands(*train(prepared.root, *options, epochs=EPOCHS), cwd=tmp_path).succeeded()
        losses = [history(tmp_path / f"runs/unet/discs/seed{seed}", "train_loss") for seed in (0, 1)]
        assert losses[0] == history(whole.run, "train_loss")
        assert losses[1] != losses[0]


class TestFailedTraining:
    def test_damaged_image_ends_as_failed(self, commands: Commands, cut_data: Path, tmp_path: Path) -> None:
        commands(*tracked(cut_data), cwd=tmp_path).refused(1)
        assert only_run(tmp_path).info.status == "FAILED"

    def test_handler_that_raises_first_does_not_hide_the_failure(
        self, commands: Commands, cut_data: Path, tmp_path: Path
    ) -> None:
        config = ROOT / "bundles/unet/configs/train.json"
        handlers = json.loads(config.read_text())["train"]["handlers"]
        overlay = tmp_path / "overlay.json"
        overlay.write_text(json.dumps({"train::handlers": [{"_target_": "StatsHandler", "name": "stats"}, *handlers]}))
        args = tracked(cut_data, "--run_name", "stats")
        args[2] = str([str(config), str(overlay)])
        ended = commands(*args, cwd=tmp_path)
        assert (ended.status, ended.error.endswith("the file is cut short")) == (1, True)
        run = only_run(tmp_path)
        assert run.info.status == "FAILED"
        assert "log.txt" in {item.path for item in store(tmp_path).list_artifacts(run.info.run_id)}
        assert json.loads((tmp_path / "runs/unet/discs/stats/run.json").read_text())["status"] == "FAILED"


class TestInterruptedTraining:
    @pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_goes_on_to_where_an_uninterrupted_one_ends(
        self,
        whole: Uninterrupted,
        commands: Commands,
        prepared: Manifest,
        tmp_path: Path,
        number: signal.Signals,
        status: int,
    ) -> None:
        args = tracked(prepared.root, "--learning_rate", "0.002")
        ended = interrupt(args, tmp_path, number, epochs_done=2)
        cut = tmp_path / "runs/unet/discs/cut"
        assert ended.status == status
        assert "Traceback" not in ended.stderr
        assert f"go on with: --resume {cut}" in ended.stdout
        killed = only_run(tmp_path)
        assert killed.info.status == "KILLED"
        assert json.loads((cut / "run.json").read_text())["status"] == "KILLED"

        commands(*args, "--resume", cut, cwd=tmp_path).succeeded()
        resumed = only_run(tmp_path)
        assert (resumed.info.run_id, resumed.info.status) == (killed.info.run_id, "FINISHED")
        steps = [point.step for point in store(tmp_path).get_metric_history(resumed.info.run_id, "train_loss")]
        assert sorted(set(steps)) == list(range(1, EPOCHS + 1))
        for column in ("epoch", "train_loss", "val_dice", "learning_rate"):
            assert history(cut, column) == history(whole.run, column)
        expected, got = (torch.load(run / "weights/last/model.pt", weights_only=True) for run in (whole.run, cut))
        assert all(torch.equal(expected[name], got[name]) for name in expected)

    def test_settings_that_changed_are_refused(
        self, whole: Uninterrupted, commands: Commands, prepared: Manifest
    ) -> None:
        args = train(prepared.root, "--resume", whole.run, "--learning_rate", "0.002", epochs=EPOCHS + 1)
        before = (whole.run / "run.json").read_bytes()
        error = commands(*args, cwd=whole.folder).refused()
        assert error == (
            f"{whole.run}: resume must keep max_epochs, which was {EPOCHS}, got {EPOCHS + 1};"
            " start a new run, or give the same settings"
        )
        assert (whole.run / "run.json").read_bytes() == before

    def test_another_commit_does_not_keep_a_training_from_going_on(
        self, commands: Commands, prepared: Manifest, tmp_path: Path
    ) -> None:
        args = tracked(prepared.root, epochs=1)
        # Without a path git is not found, and the commit is None.
        commands(*args, "--run_name", "cut", cwd=tmp_path, PATH="").succeeded()
        begun = only_run(tmp_path)
        assert begun.data.params["git_commit"] == "None"
        commands(*args, "--resume", tmp_path / "runs/unet/discs/cut", cwd=tmp_path).succeeded()
        resumed = only_run(tmp_path)
        assert (resumed.info.run_id, resumed.info.status) == (begun.info.run_id, "FINISHED")
        assert (
            resumed.data.tags["git_commit"]
            == json.loads((tmp_path / "runs/unet/discs/cut/run.json").read_text())["git_commit"]
        )

    def test_killed_process_is_reaped_by_the_next_training(
        self, commands: Commands, prepared: Manifest, tmp_path: Path
    ) -> None:
        args = tracked(prepared.root, epochs=50)
        assert interrupt(args, tmp_path, signal.SIGKILL, epochs_done=1).status == -signal.SIGKILL
        dead = only_run(tmp_path)
        assert dead.info.status == "RUNNING"
        commands(*tracked(prepared.root, epochs=1), cwd=tmp_path).succeeded()
        assert store(tmp_path).get_run(dead.info.run_id).info.status == "KILLED"
        assert sorted(run.info.status for run in runs_in(tmp_path)) == ["FINISHED", "KILLED"]

    def test_process_killed_at_its_run_s_first_moment_is_reaped(self, prepared: Manifest, tmp_path: Path) -> None:
        args = tracked(prepared.root)
        command = [sys.executable, "-c", KILLED_AT_FIRST_MOMENT, *map(str, args)]
        assert run_process(command, tmp_path).status == -signal.SIGKILL
        assert only_run(tmp_path).info.status == "RUNNING"
        assert reap_dead_runs(store(tmp_path)) == [only_run(tmp_path).info.run_name]
        assert only_run(tmp_path).info.status == "KILLED"


class TestFourAtOnce:
    def test_first_runs_of_a_new_store_stay_apart(self, prepared: Manifest, tmp_path: Path) -> None:
        bundles = ("unet", "unet", "unet_early_skip", "unet_early_skip_concat")
        processes = []
        for index, bundle in enumerate(bundles):
            options = ("--tracking", ROOT / "mlflow.yaml", "--run_name", f"run{index}", "--epoch_length", "1")
            args = train(prepared.root, *options, bundle=bundle)
            with (tmp_path / f"{index}.txt").open("w") as output:
                processes.append(
                    subprocess.Popen(
                        bundle_command(*args), cwd=tmp_path, env=environment(), stdout=output, stderr=output
                    )
                )
        statuses = [process.wait(timeout=240) for process in processes]
        assert statuses == [0] * 4, [(tmp_path / f"{index}.txt").read_text() for index in range(4)]
        runs = {run.info.run_name: run for run in runs_in(tmp_path)}
        assert set(runs) == {f"{bundle}-run{index}" for index, bundle in enumerate(bundles)}
        for name, run in runs.items():
            assert run.info.status == "FINISHED"
            assert run.data.params["bundle_name"] == name.rpartition("-")[0]
            points = store(tmp_path).get_metric_history(run.info.run_id, "train_loss")
            folder = tmp_path / "runs" / run.data.params["bundle_name"] / "discs" / name.rpartition("-")[2]
            assert [point.value for point in points] == pytest.approx(history(folder, "train_loss"))
        assert len({run.info.experiment_id for run in runs.values()}) == 1
