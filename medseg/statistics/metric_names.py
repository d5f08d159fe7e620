"""What columns of scores are called, and which of them are shares."""

from __future__ import annotations

__all__ = ["between_0_and_1", "metric_name"]

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


def metric_name(column: str) -> str:
    """Name for sentences; the column's own where it has no other."""
    return _NAMES.get(column, column)


def between_0_and_1(column: str) -> bool:
    """Whether no value of the metric can lie outside 0 to 1."""
    return column in _SHARES
