"""What columns of scores are called, and between which values they lie."""

from __future__ import annotations

import math

__all__ = ["bounds", "metric_name"]

_NAMES = {
    "dice": "Dice",
    "iou": "IoU",
    "iou_both": "IoU over both classes",
    "precision": "precision",
    "recall": "recall",
    "loss": "loss",
    "cross_entropy": "cross-entropy",
    "calibration_error": "calibration error",
    "surface_dice": "surface Dice",
    "hd95_mm": "HD95 in mm",
    "hd95_px": "HD95 in px",
    "assd_mm": "ASSD in mm",
    "assd_px": "ASSD in px",
}
_SHARES = frozenset({"dice", "iou", "iou_both", "precision", "recall", "calibration_error", "surface_dice"})
_FROM_0 = frozenset({"loss", "cross_entropy", "hd95_mm", "hd95_px", "assd_mm", "assd_px"})


def metric_name(column: str) -> str:
    """Name for sentences; the column's own where it has no other."""
    return _NAMES.get(column, column)


def bounds(column: str) -> tuple[float, float]:
    """Least and largest value that the metric can have."""
    if column in _SHARES:
        return 0.0, 1.0
    return (0.0 if column in _FROM_0 else -math.inf), math.inf
