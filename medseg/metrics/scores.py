"""Scores of one image, and their summaries at the three levels that are always told apart.

Per image: mean over slices. Per volume: the slices of a case stacked. Pooled: all pixels together. Empty prediction on
empty truth scores 1, anything else against empty truth 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from monai.metrics import compute_dice, compute_iou
from torch import Tensor

from medseg.metrics.interval import mean_interval

__all__ = ["SliceScore", "both_class_pairs", "both_classes", "score_slice", "score_table", "summarise"]


@dataclass(frozen=True)
class SliceScore:
    """Foreground scores and pixel counts of one slice; ``loss`` is its mean cross-entropy."""

    case: str
    slice: int
    dice: float
    iou: float
    iou_both: float
    loss: float
    true_positive_px: int
    false_positive_px: int
    false_negative_px: int
    true_negative_px: int


def both_classes(mask: Tensor) -> Tensor:
    """Background and foreground as two channels, ``(2, H, W)``, of a binary ``mask`` ``(1, H, W)``."""
    return torch.cat([1 - mask, mask], dim=0)


def both_class_pairs(output: Sequence[Mapping[str, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    """Predictions and labels of an engine's decollated output, as two channels each, for the IoU over both classes."""
    return [both_classes(item["pred"]) for item in output], [both_classes(item["label"]) for item in output]


def score_slice(pred: Tensor, label: Tensor, *, loss: float, case: str, index: int) -> SliceScore:
    """Score one slice with MONAI's Dice and IoU, ``ignore_empty=False``.

    Args:
        pred: Binary prediction ``(1, H, W)``.
        label: Binary truth of the same shape.
        loss: Mean cross-entropy of the slice's logits.
        case: Case name.
        index: Slice of the case.
    """
    pred, label = torch.as_tensor(pred).float(), torch.as_tensor(label).float()
    positive, truth = pred > 0.5, label > 0.5
    return SliceScore(
        case=case,
        slice=index,
        dice=float(compute_dice(pred[None], label[None], ignore_empty=False)),
        iou=float(compute_iou(pred[None], label[None], ignore_empty=False)),
        iou_both=float(compute_iou(both_classes(pred)[None], both_classes(label)[None], ignore_empty=False).mean()),
        loss=loss,
        true_positive_px=int((positive & truth).sum()),
        false_positive_px=int((positive & ~truth).sum()),
        false_negative_px=int((~positive & truth).sum()),
        true_negative_px=int((~positive & ~truth).sum()),
    )


def score_table(scores: Sequence[SliceScore]) -> pd.DataFrame:
    """One row a slice, by case and slice; a slice that a distributed sampler repeated counts once."""
    table = pd.DataFrame([vars(score) for score in scores])
    return table.drop_duplicates(["case", "slice"]).sort_values(["case", "slice"]).reset_index(drop=True)


def summarise(table: pd.DataFrame) -> dict[str, Any]:
    """Summaries at image, volume and pooled level.

    Args:
        table: As :func:`score_table` gives it.

    Returns:
        By level, Dice and IoU with their number ``n``, as JSON types; the image level as mean, standard deviation and
        95 % bootstrap interval (:func:`~medseg.metrics.interval.mean_interval`) over all slices, and over those with
        foreground in the truth. Volume level is there only where a case has several slices. None stands for what is
        not known: deviation and interval below two images, the mean of none, all three where a value is not finite,
        as the loss of a training that diverged.
    """
    foreground = table[table.true_positive_px + table.false_negative_px > 0]
    counts = table.groupby("case")[["true_positive_px", "false_positive_px", "false_negative_px"]].sum()
    summary: dict[str, Any] = {
        "image_level": {metric: _spread(table[metric]) for metric in ("dice", "iou", "iou_both", "loss")},
        "image_level_with_foreground": {metric: _spread(foreground[metric]) for metric in ("dice", "iou")},
        "pooled": _overlap(*(int(value) for value in counts.sum())) | {"n_slices": len(table)},
    }
    if len(counts) < len(table):
        volumes = pd.DataFrame([_overlap(*(int(value) for value in row)) for row in counts.to_numpy()])
        summary["volume_level"] = {metric: _spread(volumes[metric]) for metric in ("dice", "iou")}
    return summary


def _overlap(true_positive: int, false_positive: int, false_negative: int) -> dict[str, float]:
    union = true_positive + false_positive + false_negative
    if union == 0:
        return {"dice": 1.0, "iou": 1.0}
    return {"dice": 2 * true_positive / (union + true_positive), "iou": true_positive / union}


def _spread(values: pd.Series) -> dict[str, float | None]:
    spread: dict[str, float | None] = {"mean": None, "std": None, "ci95_low": None, "ci95_high": None, "n": len(values)}
    if len(values) == 0 or not all(map(math.isfinite, values)):
        return spread
    interval = mean_interval(values.to_numpy())
    if interval is not None:
        spread |= {"std": float(values.std(ddof=1)), "ci95_low": interval[0], "ci95_high": interval[1]}
    return spread | {"mean": float(values.mean())}
