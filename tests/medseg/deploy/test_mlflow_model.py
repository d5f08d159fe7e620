from __future__ import annotations

import json
import warnings
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from mlflow.exceptions import MlflowException

from medseg.deploy.mlflow_model import save_mlflow_model, weights_path
from medseg.io.atomic import write_json
from medseg.networks import UNet
from tests.commands import ROOT

UNET = ROOT / "bundles" / "unet"
NARROW = {"_target_": "medseg.networks.UNet", "in_channels": 1, "out_channels": 1, "widths": [4, 4, 4, 4, 4]}
SETTINGS = {"network_def": NARROW, "bundle_name": "narrow", "learning_rate": 0.1}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an MLflow model of a narrow U-Net that goes by another name, with weights."""
    root = tmp_path_factory.mktemp("model")
    write_json(root / "model.json", {"window": [0, 200], "image_size": None, "modality": "microscopy"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_mlflow_model(UNET, "narrow", root / "model.json", root / "model", SETTINGS)
    torch.manual_seed(0)
    network = UNet(in_channels=1, out_channels=1, widths=[4, 4, 4, 4, 4])
    torch.save(network.state_dict(), root / "model" / weights_path("narrow") / "model.pt")
    return root / "model"


class TestSaveMlflowModel:
    def test_holds_the_bundle_with_the_network_that_was_trained(self, model: Path) -> None:
        saved = json.loads((model / "data/narrow/configs/inference.json").read_text())
        shipped = json.loads((UNET / "configs/inference.json").read_text())
        assert saved == {**shipped, "network_def": NARROW, "bundle_name": "narrow"}
        for name in ("configs/train.json", "configs/metadata.json", "LICENSE", "docs/README.md"):
            assert (model / "data/narrow" / name).read_bytes() == (UNET / name).read_bytes()

    def test_shipped_bundles_stay_as_they_are(self, model: Path) -> None:
        shipped = json.loads((UNET / "configs/inference.json").read_text())
        assert (shipped["bundle_name"], "widths" in shipped["network_def"]) == ("unet", False)

    def test_requirements_name_versions_that_anyone_can_install(self, model: Path) -> None:
        lines = (model / "requirements.txt").read_text().splitlines()
        assert [line.split("==")[0] for line in lines] == ["mlflow", "medseg", "monai", "torch", "numpy"]
        assert not [line for line in lines if "+" in line]

    def test_holds_no_pickled_object(self, model: Path) -> None:
        assert not [path for path in model.rglob("*") if path.suffix in (".pkl", ".pth")]
        torch.load(model / weights_path("narrow") / "model.pt", weights_only=True)


class TestBundleModel:
    def test_maps_the_window_and_gives_probabilities(self, model: Path) -> None:
        loaded = mlflow.pyfunc.load_model(str(model))
        images = np.random.default_rng(1).integers(0, 255, (3, 1, 33, 48)).astype(np.float32)
        with torch.no_grad():
            logits = loaded.get_raw_model()(torch.as_tensor(images.clip(0, 200) / 100 - 1))
        assert loaded.predict(images) == pytest.approx(logits.sigmoid().numpy(), abs=1e-5)

    def test_other_shapes_are_refused(self, model: Path) -> None:
        with pytest.raises(MlflowException, match="shape"):
            mlflow.pyfunc.load_model(str(model)).predict(np.zeros((1, 2, 32, 32), dtype=np.float32))
