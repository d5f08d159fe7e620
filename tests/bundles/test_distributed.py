"""Two processes on one machine, by gloo: one run, one set of scores."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from mlflow import MlflowClient

from medseg.manifest import Manifest
from medseg.runs import load_masks
from tests.bundles.conftest import Trained
from tests.commands import ROOT, Ended, run_process, train


def torchrun(cwd: Path, *args: str) -> Ended:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    return run_process([*launcher, "-m", "monai.bundle", *args], cwd=cwd)


def overlaid(args: list[str], *configs: str) -> list[str]:
    paths = [str(ROOT / "bundles" / "unet" / "configs" / f"{name}.json") for name in configs]
    return [*args[:2], str(paths), *args[3:]]


class TestTraining:
    @pytest.fixture(scope="class")
    def folder(self, prepared: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("distributed")
        args = train(prepared.root, "--tracking", ROOT / "mlflow.yaml", epochs=2)
        torchrun(folder, *overlaid(args, "train", "multi_gpu_train")).succeeded()
        return folder

    def test_leaves_one_run(self, folder: Path) -> None:
        (run,) = (folder / "runs" / "unet" / "discs").iterdir()
        facts = json.loads((run / "run.json").read_text())
        assert (facts["status"], facts["epochs_done"]) == ("FINISHED", 2)
        assert set(pd.read_csv(run / "scores_last.csv")["case"]) == {"disc_000", "disc_003"}
        assert list(pd.read_csv(run / "volumes_last.csv")["case"]) == ["disc_000", "disc_003"]
        assert list(load_masks(run / "masks_best.npz")) == ["disc_000", "disc_003"]
        tracked = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").search_runs(["1"])
        assert [run.info.status for run in tracked] == ["FINISHED"]

    def test_weights_fit_the_network_without_wrapper(self, folder: Path) -> None:
        (weights,) = folder.glob("runs/unet/discs/*/weights/last/model.pt")
        assert not [name for name in torch.load(weights, weights_only=True) if name.startswith("module.")]

    def test_refusal_is_one_line_of_the_first_process(self, prepared: Manifest, tmp_path: Path) -> None:
        args = train(prepared.root, "--max_epoch", "3")
        ended = torchrun(tmp_path, *overlaid(args, "train", "multi_gpu_train"))
        assert ended.status != 0
        assert ended.stderr.count("error: options must be ids of the bundle's configs, got --max_epoch") == 1
        assert not (tmp_path / "runs").exists()


class TestEvaluation:
    def test_scores_are_those_of_one_process(self, trained_unet: Trained, tmp_path: Path) -> None:
        config = trained_unet.config("train", "evaluate", "multi_gpu_evaluate")
        args = ["run", "--config_file", config, "--dataset_dir", str(trained_unet.data), "--output_dir", "out"]
        # torchrun takes --run for a misspelt option of its own.
        torchrun(tmp_path, *args, "--trained_run", str(trained_unet.run)).succeeded()
        table = pd.read_csv(tmp_path / "out" / "scores.csv")
        pd.testing.assert_frame_equal(table, pd.read_csv(trained_unet.run / "scores_last.csv"), rtol=1e-4)
        volumes = pd.read_csv(tmp_path / "out" / "volumes.csv")
        pd.testing.assert_frame_equal(volumes, pd.read_csv(trained_unet.run / "volumes_last.csv"), rtol=1e-4)
        assert json.loads((tmp_path / "out" / "summary.json").read_text())["image_level"]["dice"]["n"] == 2
