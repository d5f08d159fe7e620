"""MLflow stores of made-up trainings, with what :class:`medseg.tracking.RunTracker` leaves of a real one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from PIL import Image

from medseg.tracking import open_store
from medseg.tracking.store import experiment_id

PARAMETERS = {
    "unet": 7_759_521,
    "unet_early_skip": 7_765_409,
    "unet_early_skip_concat": 8_289_697,
    "fcn8s": 134_264_547,
}
COLOURS = {"unet": "red", "unet_early_skip": "lime", "unet_early_skip_concat": "blue", "fcn8s": "yellow"}


@dataclass(frozen=True)
class Training:
    """A finished training; ``started`` orders them in time."""

    architecture: str = "unet"
    name: str = "a"
    dataset: str = "discs"
    fingerprint: str = "d" * 64
    split: str = "group"
    split_sha256: str | None = "5" * 64
    leaky: bool = False
    image_size: str = "None"
    fold: int = 0
    seed: int = 0
    iou: float = 0.8
    dice: float = 0.9
    images: int = 6
    status: str = "FINISHED"
    started: int = 1
    summary: str | None = None
    pictures: tuple[str, ...] = ("disc_000_000.png", "disc_003_000.png")
    tags: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    @property
    def run_name(self) -> str:
        return f"{self.architecture}-{self.name}"

    def level(self) -> dict[str, Any]:
        """Image level of its ``summary_last.json``."""

        def spread(mean: float) -> dict[str, Any]:
            known = self.images > 1
            low, high = (mean - 0.0125, mean + 0.0075) if known else (None, None)
            return {"mean": mean, "std": 0.01 if known else None, "ci95_low": low, "ci95_high": high, "n": self.images}

        return {"iou": spread(self.iou), "iou_both": spread((self.iou + 1) / 2), "dice": spread(self.dice)}


def add(uri: str, *trainings: Training) -> list[str]:
    """Put trainings into the store at ``uri``; returns their runs' ids."""
    client = open_store(uri)
    return [_add(client, uri, training) for training in trainings]


def _add(client: MlflowClient, uri: str, training: Training) -> str:
    experiment = experiment_id(client, training.dataset, uri)
    tags = {name: value for name, value in _tags(training).items() if name not in training.without}
    run_id: str = client.create_run(experiment, training.started, tags, training.run_name).info.run_id
    metrics = {"best_val_dice": training.dice + 0.01, "train_loss_sum": 2.5, "total_seconds": 2031.0}
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, 1, 0) for name, value in metrics.items() if name not in training.without],
        params=[Param(name, value) for name, value in _params(training).items() if name not in training.without],
    )
    _log_files(client, run_id, training)
    if training.status != "RUNNING":
        client.set_terminated(run_id, training.status)
    return run_id


def _params(training: Training) -> dict[str, str]:
    parameters = {"parameters": str(PARAMETERS.get(training.architecture, 1000)), "max_epochs": "32"}
    split = {} if training.split_sha256 is None else {"split_sha256": training.split_sha256}
    return {**parameters, **split, "image_size": training.image_size}


def _tags(training: Training) -> dict[str, str]:
    return {
        "bundle_name": training.architecture,
        "dataset": training.dataset,
        "fold": str(training.fold),
        "seed": str(training.seed),
        "split": training.split,
        "leaky": str(training.leaky),
        "device": "cpu",
        "fingerprint": training.fingerprint,
        **training.tags,
    }


def _log_files(client: MlflowClient, run_id: str, training: Training) -> None:
    with TemporaryDirectory() as temporary:
        overlays = Path(temporary) / "overlays"
        overlays.mkdir()
        for name in training.pictures:
            Image.new("RGB", (32, 64), COLOURS.get(training.architecture, "grey")).save(overlays / name)
        if "summary_last.json" not in training.without:
            summary = training.summary or json.dumps({"image_level": training.level()})
            (Path(temporary) / "summary_last.json").write_text(summary, encoding="utf-8")
        client.log_artifacts(run_id, temporary)
