"""A table a data set of the trainings in an MLflow store."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from medseg.errors import UsageError
from medseg.paper import paper_rows
from medseg.tracking import open_store, reap_dead_runs

__all__ = ["Comparison", "ComparisonRow", "compare", "download_overlays"]

logger = logging.getLogger(__name__)
_ORDER = ("unet", "unet_early_skip", "unet_early_skip_concat", "fcn8s")


@dataclass(frozen=True)
class ComparisonRow:
    """One training: means per image of its last epoch, with 95 % intervals over the images.

    Attributes:
        iou: Foreground IoU; the paper's "mIoU".
        iou_both: Mean of foreground's and background's IoU.
        loss_sum: Training loss summed over the last epoch's batches; most likely the paper's "loss".
        images: Number of validation images.
        seconds: Training time with validation.
    """

    architecture: str
    run: str
    run_id: str
    fold: int
    seed: int
    parameters: int
    iou: float
    iou_ci95: tuple[float, float]
    iou_both: float
    dice: float
    dice_ci95: tuple[float, float]
    best_dice: float
    loss_sum: float
    images: int
    epochs: int
    seconds: float
    device: str


@dataclass(frozen=True)
class Comparison:
    """Trainings on the same pixels, split the same way.

    Attributes:
        fingerprint: Hash over the data set's pixels.
        split: How folds were made.
        image_size: What images were resized to; ``None`` is their own size.
        leaky: Whether scores are too good, since neighbours stand on both sides of the split.
        rows: The trainings.
    """

    dataset: str
    fingerprint: str
    split: str
    image_size: str
    leaky: bool
    rows: tuple[ComparisonRow, ...]

    @property
    def title(self) -> str:
        """One line that says what is compared."""
        size = "images at their own size" if self.image_size == "None" else f"images resized to {self.image_size}"
        mark = " LEAKY: images of one patient may be on both sides, so scores are too good" if self.leaky else ""
        return f"{self.dataset} (data {self.fingerprint[:8]}, {self.split} split, {size}){mark}"

    def table(self) -> pd.DataFrame:
        """Rows as people read them, the paper's figures after ours where the data are the paper's."""
        lines = [_line(row) for row in self.rows]
        for name, paper in paper_rows(self.fingerprint).items():
            if any(row.architecture == name for row in self.rows):
                cells = {"mIoU": f"{paper.iou:.4f}", "Dice": f"{paper.dice:.4f}", "loss": f"{paper.loss:.3f}"}
                lines.append({"architecture": name, "run": "paper", **cells, "epochs": "32"})
        return pd.DataFrame(lines).fillna("")

    def csv_table(self) -> pd.DataFrame:
        """Rows with all digits, for further work."""
        head = {"dataset": self.dataset, "fingerprint": self.fingerprint, "split": self.split, "leaky": self.leaky}
        return pd.DataFrame([{**head, "image_size": self.image_size, **_flat(row)} for row in self.rows])


def compare(tracking_uri: str, *, dataset: str | None = None, all_runs: bool = False) -> list[Comparison]:
    """Group finished trainings by data set, split and image size.

    Args:
        tracking_uri: MLflow store.
        dataset: Name of one data set, or None for all.
        all_runs: Every training rather than the newest of each architecture, fold and seed.

    Raises:
        UsageError: If the store holds no finished training (of that data set).
    """
    client = open_store(tracking_uri)
    for name in reap_dead_runs(client):
        logger.warning("run %s: its process is gone, so it was ended as KILLED", name)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    groups: dict[tuple[str, ...], dict[tuple[str, ...], ComparisonRow]] = {}
    for run in _finished(client, experiments):
        if dataset is not None and run.data.tags["dataset"] != dataset:
            continue
        key = (*(run.data.tags[name] for name in ("dataset", "fingerprint", "split", "leaky")), _size(run))
        same = (run.info.run_id,) if all_runs else tuple(run.data.tags[n] for n in ("bundle_name", "fold", "seed"))
        groups.setdefault(key, {}).setdefault(same, _row(client, run))
    if not groups:
        of = "" if dataset is None else f" of data set {dataset!r}"
        raise UsageError(f"{tracking_uri}: must hold a finished training{of}, got none; train a bundle with --tracking")
    return [
        Comparison(key[0], key[1], key[2], key[4], key[3] == "True", tuple(sorted(rows.values(), key=_position)))
        for key, rows in sorted(groups.items())
    ]


def download_overlays(tracking_uri: str, run_id: str, folder: Path) -> list[Path]:
    """Copy a training's pictures into ``folder``; returns their paths in name order."""
    client = open_store(tracking_uri)
    names = [item.path for item in client.list_artifacts(run_id, "overlays")]
    return sorted(Path(client.download_artifacts(run_id, name, str(folder))) for name in names)


def _finished(client: MlflowClient, experiments: list[str]) -> list[Run]:
    """Finished trainings, newest first."""
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            experiments,
            "attributes.status = 'FINISHED' and tags.bundle_name != ''",
            order_by=["attributes.start_time DESC"],
            page_token=token,
        )
        runs += page
        token = page.token
        if not token:
            return runs


def _row(client: MlflowClient, run: Run) -> ComparisonRow:
    tags, params, metrics = run.data.tags, run.data.params, run.data.metrics
    level = _summary(client, run.info.run_id)["image_level"]
    return ComparisonRow(
        architecture=tags["bundle_name"],
        run=str(run.info.run_name),
        run_id=run.info.run_id,
        fold=int(tags["fold"]),
        seed=int(tags["seed"]),
        parameters=int(params["parameters"]),
        iou=level["iou"]["mean"],
        iou_ci95=(level["iou"]["ci95_low"], level["iou"]["ci95_high"]),
        iou_both=level["iou_both"]["mean"],
        dice=level["dice"]["mean"],
        dice_ci95=(level["dice"]["ci95_low"], level["dice"]["ci95_high"]),
        best_dice=metrics["best_val_dice"],
        loss_sum=metrics["train_loss_sum"],
        images=level["dice"]["n"],
        epochs=int(params["max_epochs"]),
        seconds=metrics["total_seconds"],
        device=tags["device"],
    )


def _summary(client: MlflowClient, run_id: str) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        try:
            path = client.download_artifacts(run_id, "summary_last.json", folder)
        except (MlflowException, OSError) as error:
            raise UsageError(
                f"run {run_id}: must have its scores as artifact summary_last.json, got {error}"
            ) from error
        content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return content


def _size(run: Run) -> str:
    return str(run.data.params["image_size"])


def _position(row: ComparisonRow) -> tuple[int, str, int, int]:
    known = _ORDER.index(row.architecture) if row.architecture in _ORDER else len(_ORDER)
    return (known, row.architecture, row.fold, row.seed)


def _line(row: ComparisonRow) -> dict[str, str]:
    return {
        "architecture": row.architecture,
        "run": row.run.removeprefix(f"{row.architecture}-"),
        "fold, seed": f"{row.fold}, {row.seed}",
        "parameters": f"{row.parameters:,}",
        "mIoU": f"{row.iou:.4f} ({row.iou_ci95[0]:.4f} to {row.iou_ci95[1]:.4f})",
        "mIoU both": f"{row.iou_both:.4f}",
        "Dice": f"{row.dice:.4f} ({row.dice_ci95[0]:.4f} to {row.dice_ci95[1]:.4f})",
        "best epoch's Dice": f"{row.best_dice:.4f}",
        "n": str(row.images),
        "loss": f"{row.loss_sum:.3f}",
        "epochs": str(row.epochs),
        "time": f"{row.seconds / 60:.1f} min",
    }


def _flat(row: ComparisonRow) -> dict[str, Any]:
    values = asdict(row)
    for name in ("iou_ci95", "dice_ci95"):
        values[f"{name}_low"], values[f"{name}_high"] = values.pop(name)
    return values
