"""Tables and summary of an evaluation."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch.distributed as dist
from ignite.engine import Engine, Events

from medseg.handlers.score_table import ScoreTable
from medseg.io.atomic import write_json
from medseg.manifest import read_manifest
from medseg.metrics import calibration_table, summarise
from medseg.runs import check_unseen
from medseg.runs.score_files import write_table

__all__ = ["EvaluationReport"]

logger = logging.getLogger(__name__)

_LOGGED = {
    "image_level": ("dice", "iou", "iou_both", "hd95_mm", "hd95_px", "assd_mm", "assd_px", "surface_dice"),
    "volume_level": ("dice", "hd95_mm", "hd95_px", "assd_mm", "assd_px", "surface_dice"),
}


class EvaluationReport:
    """Write ``scores.csv``, ``volumes.csv``, ``calibration.csv`` and ``summary.json`` when an evaluator ends.

    The columns are those of a training's files. Means are logged with n and interval. Attach after ``scores``.

    Args:
        scores: Scores of the evaluator's epoch.
        folder: Where the files go.
        dataset_dir: Prepared data set that was scored.
        weights: State dict that was scored.
        fold: Fold whose validation cases were scored.
        allow_seen: Whether cases seen in training may be scored; the result is marked then.
    """

    def __init__(
        self, *, scores: ScoreTable, folder: str, dataset_dir: str, weights: Path, fold: int, allow_seen: bool
    ) -> None:
        self.scores = scores
        self.folder = Path(folder)
        self.dataset_dir = dataset_dir
        self.weights = weights
        self.fold = fold
        self.allow_seen = allow_seen

    def attach(self, engine: Engine) -> None:
        """Run when the evaluator has ended."""
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, _engine: Engine) -> None:
        """Write and log."""
        if dist.is_available() and dist.is_initialized() and dist.get_rank() > 0:
            return
        marks = self._marks()
        epoch = self.scores.epoch
        volumes = self.scores.volumes(epoch)
        summary = {**marks, **summarise(epoch.table, volumes)}
        write_table(self.folder / "scores.csv", epoch.table)
        write_table(self.folder / "volumes.csv", volumes)
        write_table(self.folder / "calibration.csv", calibration_table(epoch.calibration.values()))
        write_json(self.folder / "summary.json", summary)
        warnings = [name for name in ("leaky_split", "seen_in_training") if marks[name]]
        mark = f" MARKED: {', '.join(warnings)}" if warnings else ""
        for line in _lines(summary):
            logger.info("%s%s", line, mark)
        logger.info("written: %s", self.folder.resolve())

    def _marks(self) -> dict[str, Any]:
        manifest = read_manifest(self.dataset_dir)
        return {
            "dataset": manifest.name,
            "fingerprint": manifest.fingerprint,
            "fold": self.fold,
            "leaky_split": manifest.split.leaky,
            "seen_in_training": check_unseen(self.weights, self.dataset_dir, self.fold, allow_seen=self.allow_seen),
        }


def _lines(summary: dict[str, Any]) -> Iterator[str]:
    """Means of each level."""
    for level, metrics in _LOGGED.items():
        per = "image" if level == "image_level" else "volume"
        for metric in metrics:
            if metric in summary.get(level, {}):
                yield f"{metric} per {per} {_in_words(summary[level][metric])}"


def _in_words(spread: dict[str, Any]) -> str:
    """Mean, interval and number of images; one image has no interval, and distances to empty masks no mean."""
    if spread["mean"] is None:
        return f"not known (n = {spread['n']})"
    low, high = spread["ci95_low"], spread["ci95_high"]
    interval = "no interval" if low is None else f"95% interval {low:.4f} to {high:.4f}"
    return f"{spread['mean']:.4f} ({interval}, n = {spread['n']})"
