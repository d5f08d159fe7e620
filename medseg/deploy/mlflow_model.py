"""A trained bundle as an MLflow model, which holds the bundle itself: no pickled object, and the weights once.

``mlflow.pyfunc.load_model`` calls :func:`_load_pyfunc` of this module; ``medseg predict`` takes the folder
``data/<bundle>`` of a download.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow.pyfunc
import numpy as np
import torch
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from monai.bundle import ConfigParser
from numpy.typing import NDArray
from torch.nn import functional

from medseg.deploy.find_bundle import copy_bundle
from medseg.io.atomic import write_json
from medseg.predict.load_bundle import Bundle, load_bundle
from medseg.transforms import ScaleWindow

__all__ = ["BundleModel", "save_mlflow_model", "weights_path"]

_SLICES = TensorSpec(np.dtype(np.float32), (-1, 1, -1, -1))
_NEEDS = ("medseg", "monai", "torch", "numpy")


class BundleModel:
    """A bundle's network on slices that lie in memory.

    Args:
        bundle: As :func:`medseg.predict.load_bundle.load_bundle` gives it.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._scale = ScaleWindow(bundle.settings["window"])

    def get_raw_model(self) -> torch.nn.Module:
        """The network, which takes ``(B, 1, x, y)`` scaled to -1 to 1 and gives logits; the name is MLflow's."""
        return self.bundle.network

    def predict(self, model_input: NDArray[np.float32], params: Mapping[str, Any] | None = None) -> NDArray[np.float32]:
        """Probability of foreground.

        Args:
            model_input: ``(B, 1, x, y)``, intensities as in the prepared data set: HU, or grey values.
            params: MLflow's; there are none.

        Returns:
            ``(B, 1, x, y)``, 0 to 1.
        """
        images = torch.as_tensor(np.asarray(model_input, dtype=np.float32))
        with torch.no_grad():
            return np.concatenate([self._predict(image[None]) for image in images])

    def _predict(self, image: torch.Tensor) -> NDArray[np.float32]:
        scaled, size_px = self._scale(image).as_subclass(torch.Tensor), self.bundle.settings["image_size"]
        if size_px is not None:
            scaled = functional.interpolate(scaled, tuple(size_px), mode="bilinear")
        probabilities = self.bundle.network(scaled.to(self.bundle.device)).float().sigmoid()
        if size_px is not None:
            probabilities = functional.interpolate(probabilities, image.shape[2:], mode="bilinear")
        found: NDArray[np.float32] = probabilities.cpu().numpy()
        return found


def _load_pyfunc(data_path: str) -> BundleModel:
    """What MLflow calls to load the model."""
    return BundleModel(load_bundle(Path(data_path), {}))


def save_mlflow_model(bundle: Path, name: str, facts: Path, folder: Path, settings: Mapping[str, Any]) -> None:
    """Write all of an MLflow model but the weights, which belong to :func:`weights_path`.

    They are large, and can be copied there, or to a store, without a copy in between.

    Args:
        bundle: The bundle that was trained.
        name: What it goes by.
        facts: ``model.json`` of the weights.
        folder: The model's; must not exist yet.
        settings: Ids of ``train.json`` that the training overrode; those of the network and its name count.
    """
    with TemporaryDirectory() as temporary, warnings.catch_warnings():
        copied = copy_bundle(bundle, Path(temporary) / name)
        _change_network(copied / "configs" / "inference.json", settings)
        shutil.copyfile(facts, copied / "models" / "model.json")
        # An example would have to be predicted, which needs the weights.
        warnings.filterwarnings("ignore", message=".*An input example was not provided")
        mlflow.pyfunc.save_model(
            str(folder),
            loader_module=__name__,
            data_path=str(copied),
            # A local version such as 2.13.0+cpu is this machine's.
            pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in _NEEDS],
            signature=ModelSignature(Schema([_SLICES]), Schema([_SLICES])),
        )


def weights_path(name: str) -> str:
    """Folder of the weights below that of an MLflow model."""
    return f"data/{name}/models"


def _change_network(config: Path, settings: Mapping[str, Any]) -> None:
    """Predict with the network that was trained."""
    changed = {name: value for name, value in settings.items() if name.split("::")[0] in ("network_def", "bundle_name")}
    if changed:
        parser = ConfigParser(json.loads(config.read_text(encoding="utf-8")))
        parser.update(changed)
        write_json(config, parser.get())
