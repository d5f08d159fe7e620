from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image

from medseg.io.pictures import write_rgb
from medseg.runs import RunFolder
from medseg.tracking import open_store
from medseg.tracking.side_by_side import log_means, log_pictures, log_score_sheet
from medseg.tracking.store import experiment_id


@pytest.fixture
def client(tmp_path: Path) -> MlflowClient:
    return open_store(f"sqlite:///{tmp_path / 'mlflow.db'}")


@pytest.fixture
def run_id(client: MlflowClient, tmp_path: Path) -> str:
    experiment = experiment_id(client, "discs", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return str(client.create_run(experiment).info.run_id)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.root.mkdir()
    return made


def write(folder: RunFolder, **summaries: object) -> None:
    """Summaries of ``last`` and ``best``, and the tables that show that cases were scored."""
    for which, summary in summaries.items():
        folder.summary(which).write_text(json.dumps(summary))
        folder.volumes(which).touch()


class TestLogScoreSheet:
    def test_has_an_image_a_row_and_dice_first(
        self, client: MlflowClient, run_id: str, folder: RunFolder, tmp_path: Path
    ) -> None:
        folder.scores("last").write_text("group,case,slice,dice,loss\ng,b,0,0.123456,2.0\ng,b,1,1.0,0.5\n")
        for _ in range(2):  # a training that went on ends a second time
            log_score_sheet(client, run_id, folder)
        sheet = json.loads(Path(client.download_artifacts(run_id, "scores_last.json", str(tmp_path))).read_text())
        assert sheet == {
            "columns": ["image", "dice", "loss"],
            "data": [["b, slice 0", 0.1235, 2.0], ["b, slice 1", 1.0, 0.5]],
        }
        tables = json.loads(client.get_run(run_id).data.tags["mlflow.loggedArtifacts"])
        assert tables == [{"path": "scores_last.json", "type": "table"}]

    def test_training_without_validation_has_none(self, client: MlflowClient, run_id: str, folder: RunFolder) -> None:
        log_score_sheet(client, run_id, folder)
        assert client.list_artifacts(run_id) == []


class TestLogMeans:
    def test_are_of_what_is_no_curve(self, client: MlflowClient, run_id: str, folder: RunFolder) -> None:
        summary = {
            "image_level": {"dice": {"mean": 0.5}, "precision": {"mean": 0.75}, "hd95_px": {"mean": None}},
            "pooled": {"dice": 0.6},
        }
        write(folder, last=summary)
        log_means(client, run_id, folder)
        assert client.get_run(run_id).data.metrics == {"val_precision": 0.75}

    def test_tell_volumes_and_the_best_epoch_apart(self, client: MlflowClient, run_id: str, folder: RunFolder) -> None:
        images = {"dice": {"mean": 0.5}, "recall": {"mean": 0.25}}
        volumes = {"dice": {"mean": 0.75}, "hd95_mm": {"mean": 4.5}}
        best = {"dice": {"mean": 0.875}, "hd95_mm": {"mean": 3.5}}
        write(
            folder,
            last={"image_level": images, "volume_level": volumes},
            best={"image_level": {}, "volume_level": best},
        )
        log_means(client, run_id, folder)
        assert client.get_run(run_id).data.metrics == {
            "val_recall": 0.25,
            "val_volume_dice": 0.75,
            "val_volume_hd95_mm": 4.5,
            "best_val_volume_dice": 0.875,
            "best_val_volume_hd95_mm": 3.5,
        }

    def test_training_that_ended_before_cases_were_scored_has_none(
        self, client: MlflowClient, run_id: str, folder: RunFolder
    ) -> None:
        write(folder, last={"image_level": {"precision": {"mean": 0.75}}})
        folder.volumes("last").unlink()
        log_means(client, run_id, folder)
        assert client.get_run(run_id).data.metrics == {}


class TestLogPictures:
    def test_are_at_step_0_under_names_that_mlflow_takes(
        self, client: MlflowClient, run_id: str, folder: RunFolder, tmp_path: Path
    ) -> None:
        pixels = np.full((6, 4, 3), 200, dtype=np.uint8)
        write_rgb(folder.overlays / "case+é_000.png", pixels)
        log_pictures(client, run_id, folder)
        names = [item.path for item in client.list_artifacts(run_id, "images")]
        assert all(name.startswith("images/case___000+step+0+timestamp+") for name in names)
        (png,) = (name for name in names if name.endswith(".png"))
        with Image.open(client.download_artifacts(run_id, png, str(tmp_path))) as image:
            assert image.size == (6, 4)
            assert np.asarray(image).mean() == 200
