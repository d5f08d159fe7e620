"""The best model of a network in the model registry, from trainings that are made up."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlflow
import nibabel as nib
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from medseg.manifest import Manifest
from medseg.networks import UNet
from medseg.runs import RunFolder
from medseg.runs.weights import save_weights
from medseg.study.folders import StudyFolder, WorkFolder
from medseg.study.parent_run import ParentRun, open_parent
from medseg.study.plan import StudyPlan
from medseg.study.planned import PlannedRun, planned_runs
from medseg.study.registry import register_best
from medseg.study.training import Setting, train
from tests.factories import make_prepared
from tests.medseg.conftest import Medseg
from tests.medseg.study.run_folders import make_run

WIDTHS = [4, 4, 4, 4, 4]
NARROW = {"_target_": "medseg.networks.UNet", "in_channels": 1, "out_channels": 1, "widths": WIDTHS}
MODEL = "medseg-discs-unet"


@dataclass
class Registering:
    """A study whose trainings are finished by :meth:`finish`."""

    parent: ParentRun
    study: StudyFolder
    work: WorkFolder
    runs: list[PlannedRun]
    manifest: Manifest
    name: str

    @property
    def client(self) -> MlflowClient:
        return self.parent.client

    def finish(self, run: PlannedRun, dice: float, *, tracked: bool = True, **facts: Any) -> str:
        """Make a finished training of both cases of its fold with this Dice; id of its MLflow run."""
        folder = make_run(
            self.work.run(run.bundle_name, run.dataset, run.key).root,
            dice=(dice - 0.01, dice + 0.01),
            **self.facts(run, **facts),
        )
        write_weights(folder, run, self.facts(run, **facts))
        setting = Setting(self.name, self.study, self.work, self.manifest.root, threads=1)
        assert train(run, setting).state == "done"
        return self.track(run) if tracked else ""

    def facts(self, run: PlannedRun, **changed: Any) -> dict[str, Any]:
        known = {"fold": run.fold, "seed": run.seed, "fingerprint": run.fingerprint, "dataset": run.dataset}
        return {**known, "bundle_name": run.bundle_name, "split_sha256": run.split_sha256, "split": "group",
                "leaky": False, **changed}  # fmt: skip

    def track(self, run: PlannedRun) -> str:
        tags = {"run_folder": run.key, "mlflow.parentRunId": self.parent.run_id}
        made = self.client.create_run(self.parent.experiment, tags=tags)
        self.client.set_terminated(made.info.run_id)
        return str(made.info.run_id)

    def register(self) -> list[str]:
        return list(register_best(self.parent, self.runs, self.study, self.work))

    def best(self) -> Any:
        return self.client.get_model_version_by_alias(MODEL, "best")

    def weights(self, run_id: str) -> list[str]:
        """Paths of all ``model.pt`` of a run."""
        waiting, found = [None], []
        while waiting:
            for item in self.client.list_artifacts(run_id, waiting.pop()):
                (waiting if item.is_dir else found).append(item.path)  # type: ignore[arg-type]
        return [path for path in found if path.endswith("model.pt")]


def write_weights(folder: RunFolder, run: PlannedRun, facts: dict[str, Any]) -> None:
    torch.manual_seed(int(hashlib.sha256(f"{run.key} {run.fingerprint}".encode()).hexdigest()[:8], 16))
    known = {"window": [0.0, 255.0], "image_size": None, "threshold": 0.5, "orientation": None, "foreground": "disc",
             "modality": "microscopy", **facts}  # fmt: skip
    save_weights(folder, "last", UNet(in_channels=1, out_channels=1, widths=WIDTHS).state_dict(), known)


def stored(run: PlannedRun) -> str:
    """Path of a training's weights among the artifacts of a run."""
    return f"models/{run.key}/data/unet/models/model.pt"


Make = Callable[..., Registering]


@pytest.fixture
def make(store_of: Callable[..., str], prepared: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a study of a narrow U-Net in folds 0 and 1; several share a store."""
    uri = store_of()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    mlflow.set_tracking_uri(uri)

    def study(name: str = "cells", manifest: Manifest = prepared) -> Registering:
        plan = StudyPlan(name, ("unet",), folds=(0, 1), settings={"network_def": NARROW})
        work = WorkFolder(tmp_path / "work" / name)
        parent = open_parent(uri, plan, manifest, work)
        folder = StudyFolder(tmp_path / name)
        return Registering(parent, folder, work, planned_runs(plan, manifest), manifest, name)

    return study


class TestRegisterBest:
    def test_the_better_training_gets_the_alias(self, make: Make, prepared: Manifest) -> None:
        study = make()
        study.finish(study.runs[0], 0.7)
        run_id = study.finish(study.runs[1], 0.8)
        assert study.register() == [f"registered {MODEL} version 1 as best: unet, fold 1, seed 0, Dice 0.8000"]
        best = study.best()
        assert best.run_id == run_id
        assert best.tags == {
            "architecture": "unet",
            "dataset": "discs",
            "dice": "0.800000",
            "fingerprint": prepared.fingerprint,
            "fold": "1",
            "key": study.runs[1].key,
            "leaky": "False",
            "seed": "0",
            "split": "group",
            "split_sha256": prepared.split_sha256,
            "study": "cells",
            "weights_sha256": hashlib.sha256(study.work.best_weights("unet").read_bytes()).hexdigest(),
        }
        assert "folds differ; the score by which one is chosen is too good" in best.description

    def test_nothing_finished_registers_nothing(self, make: Make) -> None:
        study = make()
        assert study.register() == []
        assert study.client.search_registered_models() == []

    def test_again_changes_nothing(self, make: Make) -> None:
        study = make()
        study.finish(study.runs[0], 0.7)
        study.register()
        assert study.register() == []
        assert len(study.client.search_model_versions(f"name = '{MODEL}'")) == 1

    def test_a_better_one_takes_its_place_and_the_old_weights_go(self, make: Make) -> None:
        study = make()
        old = study.finish(study.runs[0], 0.7)
        study.register()
        assert study.weights(old) == [stored(study.runs[0])]
        new = study.finish(study.runs[1], 0.8)
        assert study.register() == [f"registered {MODEL} version 2 as best: unet, fold 1, seed 0, Dice 0.8000"]
        assert (study.best().version, study.weights(new)) == (2, [stored(study.runs[1])])
        assert study.weights(old) == []
        first = study.client.get_model_version(MODEL, "1")
        assert first.tags["weights"] == "deleted"
        assert first.description == "A better one took its place; its weights are deleted."

    def test_a_version_with_another_alias_keeps_its_weights(self, make: Make) -> None:
        study = make()
        old = study.finish(study.runs[0], 0.7)
        study.register()
        study.client.set_registered_model_alias(MODEL, "in-the-clinic", "1")
        study.finish(study.runs[1], 0.8)
        study.register()
        assert study.weights(old) == [stored(study.runs[0])]

    def test_weights_that_cannot_be_deleted_stay_and_are_told_of(
        self, make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(_self: object, _path: str) -> None:
            raise MlflowException("not here\nat all")

        monkeypatch.setattr(LocalArtifactRepository, "delete_artifacts", refuse)
        study = make()
        study.finish(study.runs[0], 0.7)
        study.register()
        study.finish(study.runs[1], 0.8)
        study.register()
        assert study.best().version == 2
        assert "the weights of medseg-discs-unet version 1 stay, got not here" in caplog.text
        assert "weights" not in study.client.get_model_version(MODEL, "1").tags

    def test_killed_before_the_alias_makes_no_second_version(self, make: Make) -> None:
        study = make()
        study.finish(study.runs[0], 0.7)
        study.register()
        study.client.delete_registered_model_alias(MODEL, "best")
        assert len(study.register()) == 1
        assert study.best().version == 1

    def test_training_of_another_store_is_kept_at_the_study(self, make: Make) -> None:
        study = make()
        study.finish(study.runs[0], 0.7, tracked=False)
        study.register()
        assert study.best().run_id == study.parent.run_id
        study.finish(study.runs[1], 0.8, tracked=False)
        study.register()
        assert study.weights(study.parent.run_id) == [stored(study.runs[1])]

    def test_weights_of_other_settings_are_not_registered(self, make: Make) -> None:
        study = make()
        study.finish(study.runs[0], 0.7)
        study.runs = [replace(run, config_sha256="0" * 64) for run in study.runs]
        assert study.register() == []


class TestTwoStudies:
    @pytest.mark.parametrize(("dice", "version"), [(0.69, 1), (0.71, 2)])
    def test_on_the_same_folds_the_higher_dice_has_the_alias(self, make: Make, dice: float, version: int) -> None:
        first, second = make(), make("cells_again")
        first.finish(first.runs[0], 0.7)
        first.register()
        second.finish(second.runs[1], dice)
        second.register()
        assert first.best().version == version

    def test_on_other_data_the_newer_has_it(self, make: Make, tmp_path: Path) -> None:
        first, second = make(), make("more", make_prepared(tmp_path / "more" / "discs", cases=4, groups=2))
        first.finish(first.runs[0], 0.7)
        first.register()
        second.finish(second.runs[0], 0.6)
        second.register()
        assert first.best().tags["study"] == "more"

    @pytest.mark.parametrize("leaky_first", [False, True])
    def test_a_leaky_split_gives_way(self, make: Make, tmp_path: Path, leaky_first: bool) -> None:
        random = make("random", make_prepared(tmp_path / "random" / "discs", cases=4, groups=2))
        order = [(random, 0.9, True), (make("grouped"), 0.6, False)]
        for study, dice, leaky in order if leaky_first else reversed(order):
            study.finish(study.runs[0], dice, leaky=leaky)
            study.register()
        assert random.best().tags["study"] == "grouped"


class TestRegisteredModel:
    @pytest.fixture
    def registered(self, make: Make) -> Registering:
        study = make()
        study.finish(study.runs[0], 0.7)
        study.register()
        return study

    def test_gives_the_network_s_probabilities(self, registered: Registering) -> None:
        model = mlflow.pyfunc.load_model(f"models:/{MODEL}@best")
        images = np.random.default_rng(0).integers(0, 300, (2, 1, 32, 48)).astype(np.float32)
        network = UNet(in_channels=1, out_channels=1, widths=WIDTHS)
        network.load_state_dict(torch.load(registered.work.best_weights("unet"), weights_only=True))
        with torch.no_grad():
            scaled = torch.as_tensor(images.clip(0, 255) / 127.5 - 1)
            expected = network.eval()(scaled).sigmoid().numpy()
        assert model.predict(images) == pytest.approx(expected, abs=1e-5)

    def test_resizes_for_the_network_and_back(self, make: Make, prepared: Manifest, medseg: Medseg) -> None:
        """As ``medseg predict`` does, which takes the download."""
        study = make()
        study.finish(study.runs[0], 0.7, image_size=[32, 32])
        study.register()
        model = mlflow.pyfunc.load_model(f"models:/{MODEL}@best")
        download = Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL}@best", dst_path=str(study.work.root)))
        scan = prepared.root / prepared.cases[0].image
        medseg("predict", scan, "--bundle", download / "data/unet", "--output", "out", "--probabilities").succeeded()
        (written,) = Path("out").glob("*_probability.nii.gz")
        image = np.asarray(nib.load(scan).dataobj, dtype=np.float32)
        found = model.predict(image.transpose(2, 0, 1)[:, None])
        assert found.shape == (1, 1, 48, 40)
        assert found[0, 0] == pytest.approx(np.asarray(nib.load(written).dataobj)[..., 0], abs=2e-3)
