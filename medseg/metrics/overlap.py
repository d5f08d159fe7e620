"""Overlap of two binary masks, from counts of pixels."""

from __future__ import annotations

__all__ = ["OVERLAP", "overlap"]

OVERLAP = ("dice", "iou", "iou_both", "precision", "recall")
"""What :func:`overlap` gives, in this order."""


def overlap(true_positive: int, false_positive: int, false_negative: int, true_negative: int) -> dict[str, float]:
    """Scores in [0, 1], higher is better.

    An empty prediction of an empty truth scores 1 in all of them; anything else against an empty truth, and an empty
    prediction of some truth, scores 0, also where precision or recall would divide by 0.

    Args:
        true_positive: Foreground in both masks.
        false_positive: Foreground in the prediction only.
        false_negative: Foreground in the truth only.
        true_negative: Background in both.

    Returns:
        ``dice``, ``iou``, ``iou_both`` (mean of the foreground's and the background's IoU), ``precision``, ``recall``.
    """
    wrong = false_positive + false_negative
    iou = _share(true_positive, true_positive + wrong, empty=1.0)
    return {
        "dice": _share(2 * true_positive, 2 * true_positive + wrong, empty=1.0),
        "iou": iou,
        "iou_both": (iou + _share(true_negative, true_negative + wrong, empty=1.0)) / 2,
        "precision": _share(true_positive, true_positive + false_positive, empty=float(wrong == 0)),
        "recall": _share(true_positive, true_positive + false_negative, empty=float(wrong == 0)),
    }


def _share(part: int, whole: int, *, empty: float) -> float:
    return part / whole if whole else empty
