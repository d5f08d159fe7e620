from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from ignite.engine import Engine, Events
from PIL import Image

from medseg.errors import MedsegError
from medseg.manifest import Manifest
from medseg.metrics import surface_scores
from medseg.runs import RunFolder, load_masks
from tests.medseg.handlers.tiny import Tiny, make_training

TABLES = [
    f"{name}_{which}.{kind}"
    for which in ("last", "best")
    for name, kind in (
        ("scores", "csv"), ("volumes", "csv"), ("calibration", "csv"), ("summary", "json"), ("masks", "npz"),
    )
]  # fmt: skip


class FailAfter:
    """Raise when an epoch has ended and is not recorded yet."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_COMPLETED(once=self.epoch), self)

    def __call__(self, _engine: Engine) -> None:
        raise RuntimeError("out of memory")


class Spoil:
    """From an epoch on let the network predict nothing, so that its best epoch lies before."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        if engine.state.epoch >= self.epoch:
            for parameter in engine.network.parameters():  # type: ignore[attr-defined]
                parameter.data.fill_(-1.0)


def read_label(manifest: Manifest, case: str) -> np.ndarray:
    path = manifest.root / manifest.case(case).label
    return np.asarray(nibabel.load(path).dataobj) > 0


def run(training: Tiny) -> Tiny:
    training.trainer.run()
    return training


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    states = first.state_dict(), second.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


EACH_EPOCH = pytest.mark.parametrize(("fixture", "which"), [("finished", "last"), ("spoilt", "best")])


@pytest.fixture(scope="module")
def spoilt(prepared: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Four epochs, of which the last predicts nothing; read only."""
    training = run(make_training(prepared, tmp_path_factory.mktemp("spoilt"), max_epochs=4, handlers=(Spoil(4),)))
    assert training.recorder.history[-1]["val_dice"] == 0 < training.recorder.best["val_dice"]
    return training


@pytest.fixture(scope="module")
def finished(prepared: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Three epochs, uninterrupted, installed into a bundle; read only."""
    folder = tmp_path_factory.mktemp("finished")
    return run(make_training(prepared, folder / "run", bundle_root=folder / "bundle"))


class TestFiles:
    def test_all_are_there_and_nothing_else(self, finished: Tiny) -> None:
        root = finished.recorder.folder.root
        files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        assert files == {
            "config.json", "run.json", "log.txt", "history.csv", "checkpoints/last.pt", "overlays/disc_000_000.png",
            "scores_last.csv", "scores_best.csv", "summary_last.json", "summary_best.json",
            "volumes_last.csv", "volumes_best.csv", "calibration_last.csv", "calibration_best.csv",
            "masks_last.npz", "masks_best.npz",
            "weights/last/model.pt", "weights/last/model.json", "weights/best/model.pt", "weights/best/model.json",
        }  # fmt: skip

    def test_history_has_a_line_an_epoch(self, finished: Tiny) -> None:
        history = pd.read_csv(finished.recorder.folder.history)
        assert list(history.epoch) == [1, 2, 3]
        assert list(history.train_loss) == pytest.approx(finished.losses)
        # Four training images: the paper's loss is the sum over the epoch's batches.
        assert list(history.train_loss_sum) == pytest.approx([4 * loss for loss in finished.losses])
        assert list(history.learning_rate) == [0.01] * 3
        assert (history.seconds > 0).all()

    def test_scores_are_the_validation_images(self, finished: Tiny) -> None:
        folder = finished.recorder.folder
        table = pd.read_csv(folder.scores("last"))
        assert list(table.case) == ["disc_000", "disc_003"]
        history = pd.read_csv(folder.history)
        assert table.dice.mean() == pytest.approx(history.val_dice.iloc[-1])
        summary = json.loads(folder.summary("last").read_text())
        assert summary["image_level"]["dice"]["mean"] == pytest.approx(history.val_dice.iloc[-1])
        assert (summary["epoch"], summary["chosen_on_these_cases"], summary["leaky_split"]) == (3, False, False)

    def test_best_epoch_is_labelled_as_chosen_on_these_cases(self, finished: Tiny) -> None:
        folder = finished.recorder.folder
        history = pd.read_csv(folder.history)
        summary = json.loads(folder.summary("best").read_text())
        assert summary["epoch"] == int(history.val_dice.idxmax()) + 1
        assert summary["chosen_on_these_cases"] is True
        assert json.loads(folder.weights("best").with_suffix(".json").read_text())["epoch"] == summary["epoch"]

    @EACH_EPOCH
    def test_cases_are_scored_by_the_masks_that_are_kept(
        self, request: pytest.FixtureRequest, prepared: Manifest, fixture: str, which: str
    ) -> None:
        recorder = request.getfixturevalue(fixture).recorder
        folder = recorder.folder
        volumes, masks = pd.read_csv(folder.volumes(which)), load_masks(folder.masks(which))
        assert list(volumes.case) == list(masks) == ["disc_000", "disc_003"]
        assert list(volumes.group) == ["g0", "g0"]
        for found in volumes.itertuples():
            prediction, truth = masks[found.case], read_label(prepared, found.case)
            assert found.dice == pytest.approx(2 * (prediction & truth).sum() / (prediction.sum() + truth.sum()))
            assert found.truth_ml == pytest.approx(truth.sum() * 0.75 / 1000)
            expected = surface_scores(prediction, truth, spacing=(0.5, 0.75, 2.0), tolerance=2.0)
            assert (found.hd95_mm, found.assd_mm) == pytest.approx((expected.hd95, expected.assd))
        slices = pd.read_csv(folder.scores(which))
        for column in ("dice", "iou_both", "precision", "recall", "cross_entropy", "calibration_error"):
            assert volumes[column].to_numpy() == pytest.approx(slices[column].to_numpy())
        summary = json.loads(folder.summary(which).read_text())
        assert summary["image_level"]["assd_mm"]["mean"] == pytest.approx(volumes.assd_mm.mean())
        assert summary["epoch"] == (recorder.best if which == "best" else recorder.history[-1])["epoch"]

    @EACH_EPOCH
    def test_calibration_is_of_all_pixels(self, request: pytest.FixtureRequest, fixture: str, which: str) -> None:
        folder = request.getfixturevalue(fixture).recorder.folder
        table = pd.read_csv(folder.calibration(which))
        assert table.pixels.sum() == 2 * 48 * 40
        error = ((table.mean_probability - table.foreground_share).abs() * table.pixels).sum() / table.pixels.sum()
        # Bins of the two images pooled cannot be further off than the two on their own.
        assert error <= pd.read_csv(folder.volumes(which)).calibration_error.mean() + 1e-9

    def test_slices_of_a_scan_are_one_case(self, prepared_volumes: Manifest, tmp_path: Path) -> None:
        folder = run(make_training(prepared_volumes, tmp_path, max_epochs=2)).recorder.folder
        slices, (volume,) = pd.read_csv(folder.scores("last")), pd.read_csv(folder.volumes("last")).to_dict("records")
        assert (volume["case"], volume["slices"], len(slices)) == ("disc_000", 4, 4)
        hit, beside, missed = (
            slices[f"{name}_px"].sum() for name in ("true_positive", "false_positive", "false_negative")
        )
        assert volume["dice"] == pytest.approx(2 * hit / (2 * hit + beside + missed))
        assert volume["volume_error_ml"] == pytest.approx((beside - missed) * 0.75 / 1000)
        assert load_masks(folder.masks("last"))["disc_000"].sum() == hit + beside
        summary = json.loads(folder.summary("last").read_text())
        assert summary["volume_level"]["surface_dice"]["mean"] == pytest.approx(volume["surface_dice"])
        assert summary["surface_tolerance_mm"] == 2.0

    def test_run_json_says_how_it_ended(self, finished: Tiny) -> None:
        facts = finished.recorder.folder.read_facts()
        assert (facts["status"], facts["epochs_done"], facts["bundle_name"]) == ("FINISHED", 3, "tiny")
        assert "train_cases_sha256" not in facts
        assert facts["peak_memory_of"] == "process"
        assert facts["peak_memory_bytes"] > 50_000_000

    def test_last_weights_are_the_networks(self, finished: Tiny) -> None:
        path = finished.recorder.folder.weights("last")
        state = torch.load(path, weights_only=True)
        assert all(torch.equal(state[name], value) for name, value in finished.network.state_dict().items())
        facts = json.loads(path.with_suffix(".json").read_text())
        assert (facts["which"], facts["epoch"]) == ("last", 3)
        assert len(facts["train_cases_sha256"]) == 4

    def test_last_weights_are_installed(self, finished: Tiny) -> None:
        installed = Path(str(finished.recorder.bundle_root)) / "models"
        folder = finished.recorder.folder.weights("last").parent
        for name in ("model.pt", "model.json"):
            assert (installed / name).read_bytes() == (folder / name).read_bytes()

    def test_log_holds_every_epoch_and_the_end(
        self, prepared: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        handlers = list(logging.getLogger().handlers)
        run(make_training(prepared, tmp_path, max_epochs=2))
        log = (tmp_path / "log.txt").read_text()
        assert "epoch 1/2  train_loss " in log
        assert "val_dice" in log
        assert f"FINISHED after 2 epochs: {tmp_path}" in log
        assert logging.getLogger().handlers == handlers

    def test_config_is_the_executed_one(self, finished: Tiny) -> None:
        assert json.loads(finished.recorder.folder.config.read_text()) == {"max_epochs": 3}

    def test_overlay_is_a_picture_of_the_slice(self, finished: Tiny) -> None:
        with Image.open(finished.recorder.folder.overlays / "disc_000_000.png") as image:
            assert image.size == (48, 40)

    def test_nothing_is_installed_without_a_bundle(self, prepared: Manifest, tmp_path: Path) -> None:
        run(make_training(prepared, tmp_path / "run", max_epochs=1))
        assert [path.name for path in tmp_path.iterdir()] == ["run"]

    def test_epochs_between_validations_have_no_score(self, prepared: Manifest, tmp_path: Path) -> None:
        run(make_training(prepared, tmp_path, max_epochs=3, val_interval=2))
        history = pd.read_csv(tmp_path / "history.csv")
        assert history.val_dice.isna().tolist() == [True, False, False]
        assert json.loads((tmp_path / "summary_last.json").read_text())["epoch"] == 3


class TestSeed:
    def test_same_seed_gives_the_same_curve_and_weights(
        self, finished: Tiny, prepared: Manifest, tmp_path: Path
    ) -> None:
        again = run(make_training(prepared, tmp_path))
        assert again.losses == finished.losses
        assert same_weights(again.network, finished.network)

    def test_another_seed_gives_another_curve(self, finished: Tiny, prepared: Manifest, tmp_path: Path) -> None:
        assert run(make_training(prepared, tmp_path, seed=1)).losses != finished.losses


class TestFailure:
    def test_ends_as_failed_and_raises(self, prepared: Manifest, tmp_path: Path) -> None:
        training = make_training(prepared, tmp_path / "run", bundle_root=tmp_path / "bundle", handlers=(FailAfter(2),))
        with pytest.raises(RuntimeError, match="out of memory"):
            training.trainer.run()
        folder = RunFolder(tmp_path / "run")
        facts = folder.read_facts()
        assert (facts["status"], facts["epochs_done"]) == ("FAILED", 1)
        assert not (tmp_path / "bundle").exists()
        assert not folder.weights("last").exists()


class TestResume:
    @pytest.mark.parametrize("epoch_length", [None, 3, 6])
    def test_goes_on_to_what_an_uninterrupted_training_reaches(
        self, prepared: Manifest, tmp_path: Path, epoch_length: int | None
    ) -> None:
        # Three or six iterations do not divide the four training images into whole passes.
        whole = run(make_training(prepared, tmp_path / "whole", epoch_length=epoch_length))
        cut = make_training(prepared, tmp_path / "cut", epoch_length=epoch_length, handlers=(FailAfter(2),))
        with pytest.raises(RuntimeError, match="out of memory"):
            cut.trainer.run()
        resumed = run(make_training(prepared, tmp_path / "cut", epoch_length=epoch_length, resume=True))
        assert resumed.losses == whole.losses
        assert same_weights(resumed.network, whole.network)
        columns = ["epoch", "train_loss", "train_loss_sum", "val_dice", "learning_rate"]
        histories = [pd.read_csv(tmp_path / name / "history.csv")[columns] for name in ("cut", "whole")]
        pd.testing.assert_frame_equal(*histories)
        assert RunFolder(tmp_path / "cut").read_facts()["status"] == "FINISHED"
        for name in TABLES:
            assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()

    def test_best_epoch_of_before_the_kill_is_scored_at_the_end(
        self, spoilt: Tiny, prepared: Manifest, tmp_path: Path
    ) -> None:
        cut = make_training(prepared, tmp_path, max_epochs=4, handlers=(Spoil(4), FailAfter(4)))
        with pytest.raises(RuntimeError, match="out of memory"):
            cut.trainer.run()
        assert not RunFolder(tmp_path).volumes("best").exists()
        run(make_training(prepared, tmp_path, max_epochs=4, handlers=(Spoil(4),), resume=True))
        for name in TABLES:
            assert (tmp_path / name).read_bytes() == (spoilt.recorder.folder.root / name).read_bytes()

    def test_killed_after_the_last_epoch_scores_the_cases(
        self, finished: Tiny, prepared: Manifest, tmp_path: Path
    ) -> None:
        shutil.copytree(finished.recorder.folder.root, tmp_path / "run")
        folder = RunFolder(tmp_path / "run")
        for path in (*(folder.volumes(which) for which in ("last", "best")), folder.masks("last")):
            path.unlink()
        run(make_training(prepared, folder.root, resume=True))
        for name in TABLES:
            assert (folder.root / name).read_bytes() == (finished.recorder.folder.root / name).read_bytes()

    def test_checkpoint_of_before_cases_were_scored_has_no_best_volumes(
        self, prepared: Manifest, tmp_path: Path
    ) -> None:
        run(make_training(prepared, tmp_path, max_epochs=1))
        folder = RunFolder(tmp_path)
        state = torch.load(folder.checkpoint, weights_only=True)
        del state["best_calibration"]
        torch.save(state, folder.checkpoint)
        for path in (folder.volumes("best"), folder.masks("best")):
            path.unlink()
        run(make_training(prepared, tmp_path, max_epochs=1, resume=True))
        assert folder.volumes("last").is_file()
        assert not folder.volumes("best").exists()

    def test_of_a_finished_training_changes_nothing(self, prepared: Manifest, tmp_path: Path) -> None:
        first = run(make_training(prepared, tmp_path, max_epochs=1))
        again = run(make_training(prepared, tmp_path, max_epochs=1, resume=True))
        assert same_weights(first.network, again.network)
        assert len(pd.read_csv(tmp_path / "history.csv")) == 1

    @pytest.mark.parametrize(
        "changed",
        [{"fold": 1}, {"batch_size": 2}, {"fingerprint": "other"}, {"bundle_name": "unet"}, {"learning_rate": 0.1}],
    )
    def test_with_another_setting_is_refused(self, prepared: Manifest, tmp_path: Path, changed: dict[str, Any]) -> None:
        run(make_training(prepared, tmp_path, max_epochs=1))
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        resumed = make_training(prepared, tmp_path, max_epochs=1, resume=True, facts=changed)
        (name,) = changed
        with pytest.raises(MedsegError, match=f"resume must keep {name}, which was .*, got .*; start a new run"):
            resumed.trainer.run()
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
