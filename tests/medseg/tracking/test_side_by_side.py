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
from medseg.tracking.side_by_side import log_pictures, log_score_sheet
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


class TestLogScoreSheet:
    def test_has_an_image_a_row_and_dice_first(
        self, client: MlflowClient, run_id: str, folder: RunFolder, tmp_path: Path
    ) -> None:
        folder.scores("last").write_text("case,slice,dice,loss\nb,0,0.123456,2.0\nb,1,1.0,0.5\n")
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
