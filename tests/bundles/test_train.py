"""Trainings as commands: what they leave, which options they take, and how they refuse."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from mlflow import MlflowClient

from medseg.manifest import Manifest
from medseg.runs import load_masks
from tests.bundles.conftest import Trained
from tests.commands import ROOT, Commands, bundle_command, run_process, train
from tests.factories import make_prepared

UNET = ROOT / "bundles" / "unet" / "configs"


def repository_files() -> set[Path]:
    """What a careless run would leave in the project: the root's own entries and the bundles' files."""
    bundles = (path for path in (ROOT / "bundles").rglob("*") if "__pycache__" not in path.parts)
    return {*ROOT.iterdir(), *bundles}


class TestFromTheProjectsRoot:
    def test_training_leaves_its_run_and_nothing_in_the_project(self, prepared: Manifest, tmp_path: Path) -> None:
        before = repository_files()
        config = ["--config_file", "bundles/unet/configs/train.json", "--tracking", "mlflow.yaml"]
        elsewhere = ["--runs_dir", str(tmp_path / "runs"), "--install", "false", "--max_epochs", "1"]
        args = bundle_command("run", *config, "--dataset_dir", prepared.root, *elsewhere)
        store = f"sqlite:///{tmp_path / 'mlflow.db'}"
        run_process(args, cwd=ROOT, MLFLOW_TRACKING_URI=store).succeeded()
        (run,) = (tmp_path / "runs" / "unet" / "discs").iterdir()
        assert json.loads((run / "run.json").read_text())["status"] == "FINISHED"
        assert len(MlflowClient(store).search_runs(["1"])) == 1
        assert repository_files() == before

    def test_refusal_of_a_component_s_option_has_status_2(self, prepared: Manifest, tmp_path: Path) -> None:
        args = train(prepared.root, "--train::trainer::max_epoch", "3")
        error = run_process(bundle_command(*args), cwd=tmp_path).refused()
        assert error.endswith("SupervisedTrainer.__init__() got an unexpected keyword argument 'max_epoch'")
        assert not (tmp_path / "runs").exists()


class TestFromElsewhere:
    def test_each_bundle_leaves_a_complete_run(self, trained: Trained) -> None:
        run = trained.run
        facts = json.loads((run / "run.json").read_text())
        assert (facts["status"], facts["epochs_done"], facts["bundle_name"]) == ("FINISHED", 1, trained.bundle.name)
        history = pd.read_csv(run / "history.csv")
        assert {"train_loss", "val_dice", "val_iou", "val_iou_both", "val_loss"} <= set(history)
        assert not history.isna().any(axis=None)
        for table in ("scores", "volumes"):
            assert set(pd.read_csv(run / f"{table}_last.csv")["case"]) == {"disc_000", "disc_003"}
        assert list(load_masks(run / "masks_last.npz")) == list(load_masks(run / "masks_best.npz"))
        assert facts["threads"] >= 1
        assert facts["peak_memory_bytes"] > 4 * facts["parameters"]
        assert facts["surface_tolerance"] == 2.0
        assert {path.name for path in (run / "overlays").iterdir()} == {"disc_000_000.png", "disc_003_000.png"}
        assert json.loads((run / "config.json").read_text())["max_epochs"] == 1

    def test_each_bundle_installs_its_last_weights(self, trained: Trained) -> None:
        for suffix in ("pt", "json"):
            installed = trained.bundle / "models" / f"model.{suffix}"
            assert installed.read_bytes() == (trained.run / "weights" / "last" / f"model.{suffix}").read_bytes()
        facts = json.loads((trained.bundle / "models" / "model.json").read_text())
        assert (facts["fold"], facts["window"], facts["which"], facts["epoch"]) == (0, [0.0, 255.0], "last", 1)
        assert len(facts["train_cases_sha256"]) == 4
        state = torch.load(trained.bundle / "models" / "model.pt", weights_only=True)
        assert sum(value.numel() for name, value in state.items() if is_parameter(name)) == facts["parameters"]


def is_parameter(name: str) -> bool:
    return not name.endswith(("running_mean", "running_var", "num_batches_tracked"))


class TestOptions:
    def test_last_epoch_is_validated_whatever_the_interval(
        self, commands: Commands, prepared: Manifest, tmp_path: Path
    ) -> None:
        options = ("--val_interval", "2", "--epoch_length", "1", "--run_name", "mine")
        commands(*train(prepared.root, *options), cwd=tmp_path).succeeded()
        summary = json.loads((tmp_path / "runs/unet/discs/mine/summary_last.json").read_text())
        assert (summary["epoch"], summary["image_level"]["dice"]["n"]) == (1, 2)

    def test_nested_ids_components_and_sizes_are_taken(
        self, commands: Commands, prepared: Manifest, tmp_path: Path
    ) -> None:
        components = ["--loss", "{'_target_': 'DiceLoss', 'sigmoid': True}", "--optimizer::betas", "[0.8,0.9]"]
        options = [*components, "--train::dataloader::num_workers", "1", "--image_size", "[32,32]", "--batch_size", "2"]
        ended = commands(*train(prepared.root, *options, "--run_name", "mine"), cwd=tmp_path).succeeded()
        run = tmp_path / "runs" / "unet" / "discs" / "mine"
        config = json.loads((run / "config.json").read_text())
        assert config["train"]["dataloader"]["num_workers"] == 1
        assert config["optimizer"]["betas"] == [0.8, 0.9]
        assert json.loads((run / "run.json").read_text())["loss"] == "DiceLoss"
        assert json.loads((run / "weights/last/model.json").read_text())["image_size"] == [32, 32]
        assert "epoch 1/1" in ended.stdout

    def test_args_file_gives_options(self, commands: Commands, prepared: Manifest, tmp_path: Path) -> None:
        options = {"config_file": str(UNET / "train.json"), "dataset_dir": str(prepared.root), "install": False}
        arguments = tmp_path / "arguments.json"
        arguments.write_text(json.dumps({**options, "max_epochs": 1, "epoch_length": 2, "runs_dir": "mine"}))
        commands("run", "--args_file", arguments, cwd=tmp_path).succeeded()
        arguments.write_text(json.dumps({**options, "max_epoch": 1}))
        error = commands("run", "--args_file", arguments, cwd=tmp_path).refused()
        assert error == "options must be ids of the bundle's configs, got --max_epoch (did you mean --max_epochs?)"
        assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["mine"]

    def test_monai_s_own_tracking_works(self, commands: Commands, prepared: Manifest, tmp_path: Path) -> None:
        args = train(prepared.root, "--tracking", "mlflow", "--output_dir", "$'eval'", "--run_name", "theirs")
        commands(*args, cwd=tmp_path).succeeded()
        (run,) = MlflowClient(f"sqlite:///{tmp_path / 'eval' / 'mlruns.db'}").search_runs(["1"])
        assert run.info.status == "FINISHED"
        assert "val_dice" in run.data.metrics


class TestRefusals:
    def test_images_too_small_for_batch_norm(self, commands: Commands, tmp_path: Path) -> None:
        make_prepared(tmp_path / "data", size=(16, 16))
        args = train(Path("data"), "--tracking", ROOT / "mlflow.yaml", bundle="unet_early_skip")
        assert commands(*args, cwd=tmp_path).refused() == (
            "images must be larger than 16 x 16 pixels where batch norm sees one at a time, got 16 x 16;"
            ' give --image_size "[32,32]", which scores on the original grid all the same'
        )
        assert [path.name for path in tmp_path.iterdir()] == ["data"]
        commands(*args, "--image_size", "[32,32]", "--epoch_length", "1", cwd=tmp_path).succeeded()

    def test_id_below_none_that_exists_ends_in_monai_s_own_error(
        self, commands: Commands, prepared: Manifest, tmp_path: Path
    ) -> None:
        # MONAI takes overrides before it evaluates anything of a bundle, so no bundle can word this.
        ended = commands(*train(prepared.root, "--no::such", "3"), cwd=tmp_path)
        assert (ended.status, ended.error) == (1, "KeyError: 'query key: no'")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--max_epoch", "3"), "options must be ids .*, got --max_epoch \\(did you mean --max_epochs\\?\\)$"),
            (("--run", "runs/old"), "run is for evaluation and prediction, got 'runs/old'; .* by --resume$"),
            (("--fold", "3"), ".*: fold must be 0 to 2, got 3$"),
            (("--max_epochs", "0"), "max_epochs must be a whole number from 1, got 0$"),
            (("--surface_tolerance", "-1"), "surface_tolerance must be a finite number from 0, got -1$"),
            (("--run_name", "a/b"), "run_name must consist of letters, digits, .*, got 'a/b'$"),
            (("--resume", "nowhere"), "nowhere: resume must be a run's folder, but it has no checkpoints/last.pt$"),
            (("--train::dataloader::num_worker", "1"), ".*unexpected keyword argument 'num_worker'$"),
        ],
        ids=lambda value: value[0] if isinstance(value, tuple) else "",
    )
    def test_wrong_options_end_in_one_line(
        self, commands: Commands, prepared: Manifest, tmp_path: Path, options: tuple[str, ...], message: str
    ) -> None:
        error = commands(*train(prepared.root, *options), cwd=tmp_path).refused()
        assert re.match(message, error), error
        assert not list(tmp_path.iterdir())

    def test_folders_that_are_no_prepared_data_set(self, commands: Commands, tmp_path: Path) -> None:
        error = commands(*train(Path("nowhere")), cwd=tmp_path).refused()
        assert error == "nowhere: dataset_dir must be a prepared data set, but there is no such folder"
        (tmp_path / "raw").mkdir()
        error = commands(*train(Path("raw")), cwd=tmp_path).refused()
        assert error.endswith("it has no dataset.json; prepare it with: python -m data_prep prepare raw OUT")

    def test_run_name_that_exists(self, commands: Commands, trained_unet: Trained) -> None:
        folder = trained_unet.bundle.parent.parent
        error = commands(*train(trained_unet.data, "--run_name", "once"), cwd=folder).refused()
        assert error == f"{trained_unet.run}: run_name must be new, but the folder exists; go on with it by --resume"

    @pytest.mark.parametrize("num_workers", [0, 1])
    def test_damaged_image_is_named_and_fails_the_run(
        self, commands: Commands, prepared: Manifest, tmp_path: Path, num_workers: int
    ) -> None:
        shutil.copytree(prepared.root, tmp_path / "data")
        image = tmp_path / "data" / "imagesTr" / "disc_001_0000.nii"
        image.write_bytes(image.read_bytes()[:500])
        args = train(Path("data"), "--num_workers", str(num_workers), "--run_name", "cut")
        error = commands(*args, cwd=tmp_path).refused(1)
        size = prepared.case("disc_001").shape
        expected = 352 + size[0] * size[1]
        assert error.endswith(f"disc_001_0000.nii: must hold {expected} bytes, got 500; the file is cut short")
        assert json.loads((tmp_path / "runs/unet/discs/cut/run.json").read_text())["status"] == "FAILED"

    def test_store_that_does_not_answer_ends_before_the_run_begins(
        self, commands: Commands, prepared: Manifest, tmp_path: Path
    ) -> None:
        args = train(prepared.root, "--tracking", ROOT / "mlflow.yaml")
        error = commands(*args, cwd=tmp_path, MLFLOW_TRACKING_URI="http://127.0.0.1:9").refused()
        assert error.startswith("http://127.0.0.1:9: tracking_uri must be an MLflow store that opens, got ")
        assert not list(tmp_path.iterdir())
