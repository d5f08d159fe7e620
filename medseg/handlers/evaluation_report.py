"""Per-image CSV and summary of an evaluation."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch.distributed as dist
from ignite.engine import Engine, Events

from medseg.handlers.score_table import ScoreTable
from medseg.io.atomic import atomic_path, write_json
from medseg.manifest import read_manifest
from medseg.metrics import summarise
from medseg.runs import check_unseen

__all__ = ["EvaluationReport"]

logger = logging.getLogger(__name__)


class EvaluationReport:
    """Write ``scores.csv`` and ``summary.json`` when an evaluator ends, and log the means with n and interval.

    Attach after ``scores``.

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
        manifest = read_manifest(self.dataset_dir)
        marks: dict[str, Any] = {
            "dataset": manifest.name,
            "fingerprint": manifest.fingerprint,
            "fold": self.fold,
            "leaky_split": manifest.split.leaky,
            "seen_in_training": check_unseen(self.weights, self.dataset_dir, self.fold, allow_seen=self.allow_seen),
        }
        summary = summarise(self.scores.table)
        with atomic_path(self.folder / "scores.csv") as partial:
            self.scores.table.to_csv(partial, index=False)
        write_json(self.folder / "summary.json", {**marks, **summary})
        warnings = [name for name in ("leaky_split", "seen_in_training") if marks[name]]
        mark = f" MARKED: {', '.join(warnings)}" if warnings else ""
        for metric in ("dice", "iou", "iou_both"):
            logger.info("%s per image %s%s", metric, _in_words(summary["image_level"][metric]), mark)
        logger.info("written: %s", self.folder.resolve())


def _in_words(spread: dict[str, Any]) -> str:
    """Mean, interval and number of images; one image has no interval."""
    low, high = spread["ci95_low"], spread["ci95_high"]
    interval = "no interval" if low is None else f"95% interval {low:.4f} to {high:.4f}"
    return f"{spread['mean']:.4f} ({interval}, n = {spread['n']})"
