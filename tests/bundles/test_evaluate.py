"""Evaluation: installed weights or a run's, on cases that they have not seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from tests.bundles.conftest import Trained
from tests.commands import ROOT, Commands, bundle_command, run_process


def evaluate(trained: Trained, *options: str | Path, config: str | None = None) -> list[str]:
    """Arguments of an evaluation that writes to ``out``."""
    config = config or trained.config("train", "evaluate")
    known = ["--config_file", config, "--dataset_dir", str(trained.data), "--output_dir", "out"]
    return ["run", *known, *map(str, options)]


def summary(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "out" / "summary.json").read_text())
    return content


class TestInstalledWeights:
    def test_scores_are_those_of_the_training_s_last_epoch(
        self, trained: Trained, commands: Commands, tmp_path: Path
    ) -> None:
        ended = commands(*evaluate(trained), cwd=tmp_path).succeeded()
        table = pd.read_csv(tmp_path / "out" / "scores.csv")
        pd.testing.assert_frame_equal(table, pd.read_csv(trained.run / "scores_last.csv"), rtol=1e-5)
        for written, trained_s in (("volumes.csv", "volumes_last.csv"), ("calibration.csv", "calibration_last.csv")):
            table = pd.read_csv(tmp_path / "out" / written)
            pd.testing.assert_frame_equal(table, pd.read_csv(trained.run / trained_s), rtol=1e-5, atol=1e-6)
        content = summary(tmp_path)
        assert (content["dataset"], content["fold"], content["seen_in_training"]) == ("discs", 0, False)
        assert content["image_level"]["dice"]["n"] == 2
        assert "dice per image" in ended.stdout
        assert "surface_dice per image" in ended.stdout
        assert "MARKED" not in ended.stdout
        assert len(list((tmp_path / "out" / "overlays").iterdir())) == 2

    def test_bundle_without_weights(self, trained_unet: Trained, commands: Commands, tmp_path: Path) -> None:
        missing = tmp_path / "none" / "model.pt"
        error = commands(*evaluate(trained_unet, "--weights", missing), cwd=tmp_path).refused()
        assert error == f"{missing}: weights must exist; train the bundle first, or name a training with --run"

    def test_tolerance_that_is_no_distance(self, trained_unet: Trained, commands: Commands, tmp_path: Path) -> None:
        error = commands(*evaluate(trained_unet, "--surface_tolerance", "2mm"), cwd=tmp_path).refused()
        assert error == "surface_tolerance must be a finite number from 0, got '2mm'"

    def test_tolerance_may_be_another(self, trained_unet: Trained, commands: Commands, tmp_path: Path) -> None:
        commands(*evaluate(trained_unet, "--surface_tolerance", "1000"), cwd=tmp_path).succeeded()
        assert summary(tmp_path)["surface_tolerance_mm"] == 1000.0
        volumes = pd.read_csv(tmp_path / "out" / "volumes.csv")
        found = volumes.hd95_mm.notna()
        assert (volumes.surface_dice[found] == 1.0).all()


class TestRun:
    def test_run_s_weights_are_scored_from_the_project_s_root(self, trained_unet: Trained, tmp_path: Path) -> None:
        config = "['bundles/unet/configs/train.json','bundles/unet/configs/evaluate.json']"
        options = ("--run", trained_unet.run, "--output_dir", tmp_path / "out")
        run_process(bundle_command(*evaluate(trained_unet, *options, config=config)), cwd=ROOT).succeeded()
        table = pd.read_csv(tmp_path / "out" / "scores.csv")
        pd.testing.assert_frame_equal(table, pd.read_csv(trained_unet.run / "scores_last.csv"), rtol=1e-5)

    def test_best_epoch_s_weights(self, trained_unet: Trained, commands: Commands, tmp_path: Path) -> None:
        args = evaluate(trained_unet, "--run", trained_unet.run, "--which", "best")
        commands(*args, cwd=tmp_path).succeeded()
        table = pd.read_csv(tmp_path / "out" / "scores.csv")
        pd.testing.assert_frame_equal(table, pd.read_csv(trained_unet.run / "scores_best.csv"), rtol=1e-5)

    def test_other_epochs_are_refused(self, trained_unet: Trained, commands: Commands, tmp_path: Path) -> None:
        args = evaluate(trained_unet, "--run", trained_unet.run, "--which", "first")
        assert commands(*args, cwd=tmp_path).refused() == "which must be 'last' or 'best', got 'first'"

    def test_folder_that_is_no_run(self, trained_unet: Trained, commands: Commands, tmp_path: Path) -> None:
        error = commands(*evaluate(trained_unet, "--run", "5"), cwd=tmp_path).refused()
        assert error == "5: run must be the folder of a finished training, but it has no weights/last/model.pt"


class TestSeenCases:
    def test_refused_in_one_line(self, trained_unet: Trained, commands: Commands, tmp_path: Path) -> None:
        error = commands(*evaluate(trained_unet, "--fold", "1"), cwd=tmp_path).refused()
        assert error == (
            f"{trained_unet.bundle}/models/model.pt: was trained on 2 of 2 validation cases of fold 1 (disc_001, ...);"
            " score fold 0, or --allow_seen true marks the result"
        )
        assert not (tmp_path / "out").exists()

    def test_marked_where_allowed(self, trained_unet: Trained, commands: Commands, tmp_path: Path) -> None:
        args = evaluate(trained_unet, "--fold", "1", "--allow_seen", "true")
        ended = commands(*args, cwd=tmp_path).succeeded()
        assert (summary(tmp_path)["fold"], summary(tmp_path)["seen_in_training"]) == (1, True)
        assert "MARKED: seen_in_training" in ended.stdout
