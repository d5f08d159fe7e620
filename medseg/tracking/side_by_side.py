"""Scores and pictures in the forms in which MLflow shows several runs beside each other."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS
from PIL import Image

from medseg.runs import RunFolder
from medseg.runs.score_files import read_table

__all__ = ["log_means", "log_pictures", "log_score_sheet"]

_SHEET = "scores_last.json"

_CURVES = ("dice", "iou", "iou_both", "loss")
"""What is logged after each epoch anyway."""


def log_score_sheet(client: MlflowClient, run_id: str, folder: RunFolder) -> None:
    """Log the last scores for the table view of an experiment's runs: an image a row, a run a column; four digits."""
    if not folder.scores("last").is_file():
        return
    scores = read_table(folder.scores("last"))
    sheet = scores.drop(columns=["group", "case", "slice"]).round(4)
    # The view groups by the first column and compares the second, Dice.
    sheet.insert(0, "image", [f"{case}, slice {index}" for case, index in zip(scores.case, scores.slice, strict=True)])
    client.log_text(run_id, sheet.to_json(orient="split", index=False), _SHEET)
    # MlflowClient.log_table would append to the file when a training that goes on ends a second time.
    client.set_tag(run_id, MLFLOW_LOGGED_ARTIFACTS, json.dumps([{"path": _SHEET, "type": "table"}]))


def log_means(client: MlflowClient, run_id: str, folder: RunFolder) -> None:
    """Log the last epoch's means that are no curve, such as ``val_precision``, over volumes ``val_volume_dice``.

    The best epoch's begin with ``best_``. A mean is over the cases of which a score is known; where that is none, and
    where a training ended before its cases were scored, nothing is logged.
    """
    now_ms = int(time.time() * 1000)
    metrics = [
        Metric(f"{prefix}{name}", value, now_ms, 0)
        for which, prefix in (("last", ""), ("best", "best_"))
        for name, value in _means(folder, which).items()
    ]
    client.log_batch(run_id, metrics=metrics)


def log_pictures(client: MlflowClient, run_id: str, folder: RunFolder) -> None:
    """Log the overlays for the chart view's image grid: a slice a row, a run a column.

    All are logged as step 0, where the grid begins, since trainings differ in their last epoch.
    """
    known = {Path(item.path).name.split("%")[0] for item in client.list_artifacts(run_id, "images")}
    for picture in sorted(folder.overlays.glob("*.png")):
        key = re.sub(r"[^a-zA-Z0-9_\-. ]", "_", picture.stem)  # what MLflow takes
        if key not in known:  # each call makes a file of another name
            with Image.open(picture) as image:
                client.log_image(run_id, image, key=key, step=0)


def _means(folder: RunFolder, which: str) -> dict[str, float]:
    if not folder.volumes(which).is_file():
        return {}
    summary = json.loads(folder.summary(which).read_text(encoding="utf-8"))
    volumes = {f"val_volume_{name}": spread for name, spread in summary.get("volume_level", {}).items()}
    images = {f"val_{name}": spread for name, spread in summary["image_level"].items() if name not in _CURVES}
    return {name: spread["mean"] for name, spread in (images | volumes).items() if spread["mean"] is not None}
