"""A training of seconds: a convolution learns discs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ignite.metrics import Average
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import IgniteMetricHandler, ValidationHandler, from_engine
from monai.metrics import DiceMetric
from monai.transforms import (
    Activationsd,
    AsDiscreted,
    Compose,
    CopyItemsd,
    RandFlipd,
    ScaleIntensityRanged,
)
from torch import nn

from medseg.data import LoadSliced, slice_items
from medseg.handlers import ClipGradients, EpochSeed, Overlays, RunRecorder, ScoreTable, ValidateLastEpoch
from medseg.manifest import Manifest
from medseg.runs import RunFolder


@dataclass
class Tiny:
    """A training and its parts, not yet run."""

    trainer: SupervisedTrainer
    evaluator: SupervisedEvaluator
    network: nn.Module
    recorder: RunRecorder
    scores: ScoreTable

    @property
    def losses(self) -> list[float]:
        """Training loss of each epoch."""
        return [row["train_loss"] for row in self.recorder.history]


def make_network() -> nn.Module:
    """Small, with dropout, so that training draws random numbers."""
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(4, 1, 3, padding=1))


def make_dataset(manifest: Manifest, section: Any, *, augment: bool) -> Dataset:
    flips = [RandFlipd(["image", "label"], prob=0.5, spatial_axis=axis) for axis in (0, 1)] if augment else []
    transform = Compose(
        [
            LoadSliced(["image", "label"]),
            ScaleIntensityRanged("image", a_min=0, a_max=255, b_min=-1, b_max=1, clip=True),
            *flips,
        ]
    )
    return Dataset(slice_items(str(manifest.root), fold=0, section=section), transform)


def make_evaluator(manifest: Manifest, network: nn.Module, handlers: list[Any]) -> SupervisedEvaluator:
    return SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(make_dataset(manifest, "val", augment=False), batch_size=1),
        network=network,
        postprocessing=Compose(
            [CopyItemsd("pred", names="logits"), Activationsd("pred", sigmoid=True), AsDiscreted("pred", threshold=0.5)]
        ),
        key_val_metric={
            "val_dice": IgniteMetricHandler(
                metric_fn=DiceMetric(ignore_empty=False), output_transform=from_engine(["pred", "label"])
            )
        },
        val_handlers=handlers,
    )


def make_facts(manifest: Manifest, **changed: Any) -> dict[str, Any]:
    facts = {
        "bundle_name": "tiny",
        "fingerprint": manifest.fingerprint,
        "fold": 0,
        "seed": 0,
        "max_epochs": 3,
        "batch_size": 1,
        "learning_rate": 0.01,
        "leaky": False,
        "train_cases_sha256": [manifest.case(name).sha256 for name in manifest.fold(0).train],
    }
    return {**facts, **changed}


def make_training(
    manifest: Manifest,
    folder: Path,
    *,
    seed: int = 0,
    max_epochs: int = 3,
    epoch_length: int | None = None,
    val_interval: int = 1,
    bundle_root: Path | None = None,
    resume: bool = False,
    handlers: tuple[Any, ...] = (),
    facts: dict[str, Any] | None = None,
) -> Tiny:
    """A training on fold 0 that is recorded in ``folder``; ``handlers`` come before the recorder."""
    torch.manual_seed(seed)
    network = make_network()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    loss = nn.BCEWithLogitsLoss()
    run = RunFolder(folder)
    scores = ScoreTable(loss, str(manifest.root))
    evaluator = make_evaluator(manifest, network, [scores, Overlays(run.overlays, count=1)])
    recorder = RunRecorder(
        folder=run,
        config={"max_epochs": max_epochs},
        facts=make_facts(manifest, seed=seed, max_epochs=max_epochs, **(facts or {})),
        checkpointed={"network": network, "optimizer": optimizer},
        evaluator=evaluator,
        scores=scores,
        bundle_root=None if bundle_root is None else str(bundle_root),
        resume=resume,
    )
    dataset = make_dataset(manifest, "train", augment=True)
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=max_epochs,
        epoch_length=epoch_length,
        train_data_loader=DataLoader(dataset, batch_size=1, shuffle=True),
        network=network,
        optimizer=optimizer,
        loss_function=loss,
        key_train_metric={"train_loss": Average(output_transform=from_engine(["loss"], first=True))},
        train_handlers=[
            EpochSeed(dataset, seed),
            ClipGradients(network, 1.0),
            ValidationHandler(interval=val_interval, validator=evaluator),
            ValidateLastEpoch(validator=evaluator, interval=val_interval),
            *handlers,
            recorder,
        ],
    )
    return Tiny(trainer, evaluator, network, recorder, scores)
