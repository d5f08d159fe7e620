"""Scores and pictures in the forms in which MLflow shows several runs beside each other."""

from __future__ import annotations

import json
import re

import pandas as pd
from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS
from PIL import Image

from medseg.runs import RunFolder

__all__ = ["log_pictures", "log_score_sheet"]

_SHEET = "scores_last.json"


def log_score_sheet(client: MlflowClient, run_id: str, folder: RunFolder) -> None:
    """Log the last scores for the table view of an experiment's runs: an image a row, a run a column; four digits."""
    if not folder.scores("last").is_file():
        return
    scores = pd.read_csv(folder.scores("last"))
    sheet = scores.drop(columns=["case", "slice"]).round(4)
    # The view groups by the first column and compares the second, Dice.
    sheet.insert(0, "image", [f"{case}, slice {index}" for case, index in zip(scores.case, scores.slice, strict=True)])
    client.log_text(run_id, sheet.to_json(orient="split", index=False), _SHEET)
    # MlflowClient.log_table would append to the file when a training that goes on ends a second time.
    client.set_tag(run_id, MLFLOW_LOGGED_ARTIFACTS, json.dumps([{"path": _SHEET, "type": "table"}]))


def log_pictures(client: MlflowClient, run_id: str, folder: RunFolder) -> None:
    """Log the overlays for the chart view's image grid: a slice a row, a run a column.

    All are logged as step 0, where the grid begins, since trainings differ in their last epoch.
    """
    for picture in sorted(folder.overlays.glob("*.png")):
        key = re.sub(r"[^a-zA-Z0-9_\-. ]", "_", picture.stem)  # what MLflow takes
        with Image.open(picture) as image:
            client.log_image(run_id, image, key=key, step=0)
