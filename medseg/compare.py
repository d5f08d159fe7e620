"""A comparison a data set of the trainings in an MLflow store."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from medseg.errors import UsageError
from medseg.tracking import open_store, reap_dead_runs
from medseg.tracking.store import without_password

__all__ = ["Comparison", "ComparisonRow", "compare", "download_overlays"]

logger = logging.getLogger(__name__)
_ORDER = ("unet", "unet_early_skip", "unet_early_skip_concat", "fcn8s")


@dataclass(frozen=True)
class ComparisonRow:
    """One training: means per image of its last epoch, with 95 % intervals over the images.

    Attributes:
        iou: Foreground IoU; the paper's "mIoU".
        iou_ci95: Lower and upper end; None of one image.
        iou_both: Mean of foreground's and background's IoU.
        best_dice: The best epoch's, chosen on the same images.
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
    iou_ci95: tuple[float, float] | None
    iou_both: float
    dice: float
    dice_ci95: tuple[float, float] | None
    best_dice: float
    loss_sum: float
    images: int
    epochs: int
    seconds: float
    device: str


@dataclass(frozen=True, order=True)
class Comparison:
    """Trainings on the same pixels, split the same way.

    Attributes:
        fingerprint: Hash over the data set's pixels.
        split: How folds were made.
        split_sha256: Hash over the folds; empty where a training did not record it.
        image_size: What images were resized to; ``None`` is their own size.
        leaky: Whether scores are too good, since neighbours stand on both sides of the split.
        rows: The trainings, by architecture, fold and seed.
    """

    dataset: str
    fingerprint: str
    split: str
    split_sha256: str
    image_size: str
    leaky: bool
    rows: tuple[ComparisonRow, ...] = ()

    @property
    def title(self) -> str:
        """One line that says what is compared."""
        size = "images at their own size" if self.image_size == "None" else f"images resized to {self.image_size}"
        split = " ".join(filter(None, (self.split, "split", self.split_sha256[:8])))
        mark = " LEAKY: images of one patient may be on both sides, so scores are too good" if self.leaky else ""
        return f"{self.dataset} (data {self.fingerprint[:8]}, {split}, {size}){mark}"

    def csv_table(self) -> pd.DataFrame:
        """Rows with all digits, for further work."""
        head = {name: value for name, value in vars(self).items() if name != "rows"}
        return pd.DataFrame([{**head, **_flat(row)} for row in self.rows])


# Rows of each comparison by what may stand in it once.
_Groups = dict[Comparison, dict[tuple[str, ...], ComparisonRow]]


def compare(tracking_uri: str, *, dataset: str | None = None, all_runs: bool = False) -> list[Comparison]:
    """Group finished trainings by data set, split and image size.

    Args:
        tracking_uri: MLflow store.
        dataset: Name of one data set, or None for all.
        all_runs: Every training rather than the newest of each architecture, fold and seed.

    Raises:
        UsageError: If the store holds no finished training (of that data set), or not all that one should have left.
    """
    client = open_store(tracking_uri)
    for name in reap_dead_runs(client):
        logger.warning("run %s: its process is gone, so it was ended as KILLED", name)
    finished = _finished(client)
    names = sorted({run.data.tags.get("dataset", "") for run in finished})
    groups: _Groups = {}
    for run in finished:
        if dataset is not None and run.data.tags.get("dataset") != dataset:
            continue
        try:
            _add(groups, client, run, all_runs=all_runs)
        except KeyError as error:
            raise _incomplete(run, f"have recorded {error}, but it did not") from error
    if not groups:
        what = "a finished training" if dataset is None else f"a finished training of data set {dataset!r}"
        known = f"trainings of {', '.join(names)} only" if names else "none; train a bundle with --tracking"
        raise UsageError(f"{without_password(tracking_uri)}: must hold {what}, got {known}")
    return [replace(group, rows=tuple(sorted(groups[group].values(), key=_position))) for group in sorted(groups)]


def download_overlays(tracking_uri: str, run_id: str, folder: Path) -> list[Path]:
    """Copy a training's pictures into ``folder``; returns their paths in name order."""
    client = open_store(tracking_uri)
    names = [item.path for item in client.list_artifacts(run_id, "overlays")]
    return sorted(Path(client.download_artifacts(run_id, name, str(folder))) for name in names)


def _incomplete(run: Run, what: str) -> UsageError:
    way_out = f"leave it out with: mlflow runs delete --run-id {run.info.run_id}"
    return UsageError(f"run {run.info.run_name}: must {what}; {way_out}")


def _finished(client: MlflowClient) -> list[Run]:
    """Finished trainings, newest first."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
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


def _add(groups: _Groups, client: MlflowClient, run: Run, *, all_runs: bool) -> None:
    """Add a training to its group, unless a newer one of the same kind is there.

    Raises:
        KeyError: If it did not record what is compared.
    """
    tags, params = run.data.tags, run.data.params
    group = Comparison(
        dataset=tags["dataset"],
        fingerprint=tags["fingerprint"],
        split=tags["split"],
        split_sha256=params.get("split_sha256", ""),
        image_size=params["image_size"],
        leaky=tags["leaky"] == "True",
    )
    same = (run.info.run_id,) if all_runs else tuple(tags[name] for name in ("bundle_name", "fold", "seed"))
    rows = groups.setdefault(group, {})
    if same not in rows:
        rows[same] = _row(client, run)


def _row(client: MlflowClient, run: Run) -> ComparisonRow:
    tags, params, metrics = run.data.tags, run.data.params, run.data.metrics
    level = _summary(client, run)["image_level"]
    return ComparisonRow(
        architecture=tags["bundle_name"],
        run=str(run.info.run_name),
        run_id=run.info.run_id,
        fold=int(tags["fold"]),
        seed=int(tags["seed"]),
        parameters=int(params["parameters"]),
        iou=level["iou"]["mean"],
        iou_ci95=_interval(level["iou"]),
        iou_both=level["iou_both"]["mean"],
        dice=level["dice"]["mean"],
        dice_ci95=_interval(level["dice"]),
        best_dice=metrics["best_val_dice"],
        loss_sum=metrics["train_loss_sum"],
        images=level["dice"]["n"],
        epochs=int(params["max_epochs"]),
        seconds=metrics["total_seconds"],
        device=tags["device"],
    )


def _summary(client: MlflowClient, run: Run) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        try:
            path = client.download_artifacts(run.info.run_id, "summary_last.json", folder)
            content: dict[str, Any] = json.loads(
                Path(path).read_text(encoding="utf-8"),
                parse_constant=lambda _nan: None,  # as an earlier version wrote what is not known
            )
        except (MlflowException, OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise _incomplete(run, f"have its scores as artifact summary_last.json, got {reason}") from error
    return content


def _interval(spread: dict[str, Any]) -> tuple[float, float] | None:
    return None if spread["ci95_low"] is None else (spread["ci95_low"], spread["ci95_high"])


def _position(row: ComparisonRow) -> tuple[int, str, int, int, str]:
    known = _ORDER.index(row.architecture) if row.architecture in _ORDER else len(_ORDER)
    return (known, row.architecture, row.fold, row.seed, row.run)


def _flat(row: ComparisonRow) -> dict[str, Any]:
    values = asdict(row)
    for name in ("iou_ci95", "dice_ci95"):
        values[f"{name}_low"], values[f"{name}_high"] = values.pop(name) or (None, None)
    return values
