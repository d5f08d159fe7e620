"""Scores of one image. Empty prediction on empty truth scores 1, anything else against empty truth 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from monai.metrics import compute_dice, compute_iou
from torch import Tensor

from medseg.metrics.overlap import overlap

__all__ = ["SliceScore", "both_class_pairs", "both_classes", "score_slice", "score_table"]


@dataclass(frozen=True)
class SliceScore:
    """Scores and pixel counts of one slice, of the foreground but for ``iou_both``.

    Attributes:
        group: Patient, block or other unit that the case belongs to.
        iou_both: Mean of the foreground's and the background's IoU.
        loss: Loss of the slice's logits, by whatever function the network was trained with.
        cross_entropy: Their mean cross-entropy in nats.
        calibration_error: Expected calibration error of their probabilities.
    """

    group: str
    case: str
    slice: int
    dice: float
    iou: float
    iou_both: float
    precision: float
    recall: float
    loss: float
    cross_entropy: float
    calibration_error: float
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


def score_slice(
    pred: Tensor,
    label: Tensor,
    *,
    loss: float,
    cross_entropy: float,
    calibration_error: float,
    group: str,
    case: str,
    index: int,
) -> SliceScore:
    """Score one slice, with MONAI's Dice and IoU, ``ignore_empty=False``, and what is known of its logits.

    Args:
        pred: Binary prediction ``(1, H, W)``.
        label: Binary truth of the same shape.
        loss: Loss of the slice's logits.
        cross_entropy: Their mean cross-entropy.
        calibration_error: Their expected calibration error.
        group: Group of the case.
        case: Case name.
        index: Slice of the case.
    """
    pred, label = torch.as_tensor(pred).float(), torch.as_tensor(label).float()
    positive, truth = pred > 0.5, label > 0.5
    pairs = ((positive, truth), (positive, ~truth), (~positive, truth), (~positive, ~truth))
    hit, beside, missed, background = (int((one & other).sum()) for one, other in pairs)
    counted = overlap(hit, beside, missed, background)
    return SliceScore(
        group=group,
        case=case,
        slice=index,
        dice=float(compute_dice(pred[None], label[None], ignore_empty=False)),
        iou=float(compute_iou(pred[None], label[None], ignore_empty=False)),
        iou_both=float(compute_iou(both_classes(pred)[None], both_classes(label)[None], ignore_empty=False).mean()),
        precision=counted["precision"],
        recall=counted["recall"],
        loss=loss,
        cross_entropy=cross_entropy,
        calibration_error=calibration_error,
        true_positive_px=hit,
        false_positive_px=beside,
        false_negative_px=missed,
        true_negative_px=background,
    )


def score_table(scores: Sequence[SliceScore]) -> pd.DataFrame:
    """One row a slice, by case and slice; a slice that a distributed sampler repeated counts once."""
    table = pd.DataFrame([vars(score) for score in scores])
    return table.drop_duplicates(["case", "slice"]).sort_values(["case", "slice"]).reset_index(drop=True)
