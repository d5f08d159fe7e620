"""Masks for tests of scores."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medseg.metrics import SliceScore


def mask(*rows: str) -> Tensor:
    """Binary ``(1, H, W)`` from rows such as ``".#"``."""
    return torch.tensor([[[float(pixel == "#") for pixel in row] for row in rows]])


def box(shape: tuple[int, ...], *sides: tuple[int, int]) -> NDArray[np.bool_]:
    """Mask that is filled from the first to before the second index of each axis."""
    filled = np.zeros(shape, dtype=bool)
    filled[tuple(slice(*side) for side in sides)] = True
    return filled


def ball(shape: tuple[int, int, int], centre: tuple[float, ...], radius: float, spacing: tuple[float, ...]) -> NDArray:
    """Mask of the voxels whose centres are within ``radius`` of ``centre``, both in the unit of ``spacing``."""
    axes = np.ogrid[tuple(slice(side) for side in shape)]
    squares = [(axis * step - middle) ** 2 for axis, step, middle in zip(axes, spacing, centre, strict=True)]
    return sum(squares) <= radius**2


def row(
    case: str,
    index: int,
    tp: int,
    fp: int,
    fn: int,
    *,
    dice: float = 0.5,
    iou: float = 0.5,
    loss: float = 0.0,
    cross_entropy: float = 0.0,
    pixels: int = 100,
) -> SliceScore:
    """Score of a slice with some counts, of group ``of <case>``; what is not given is made up."""
    return SliceScore(
        group=f"of {case}",
        case=case,
        slice=index,
        dice=dice,
        iou=iou,
        iou_both=0.5,
        precision=0.25,
        recall=0.75,
        loss=loss,
        cross_entropy=cross_entropy,
        calibration_error=0.125,
        true_positive_px=tp,
        false_positive_px=fp,
        false_negative_px=fn,
        true_negative_px=pixels - tp - fp - fn,
    )
