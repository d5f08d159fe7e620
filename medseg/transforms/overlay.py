"""Masks and errors drawn over a grey image, in colours that colour-blind readers tell apart (Okabe and Ito)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

__all__ = ["ERROR_COLOURS", "error_overlay", "mask_overlay"]

ERROR_COLOURS = {
    "true positive": (0, 158, 115),
    "false positive": (230, 159, 0),
    "false negative": (204, 121, 167),
}


def error_overlay(
    img: NDArray[Any], pred: NDArray[Any], label: NDArray[Any], *, alpha: float = 0.45
) -> NDArray[np.uint8]:
    """Colour an image by where prediction and truth agree.

    Args:
        img: Grey image ``(x, y)``; scaled to its own range. Where its size is another than the masks' it is resized.
        pred: Binary ``(x, y)``.
        label: Binary ``(x, y)``.
        alpha: Weight of the colour.

    Returns:
        RGB ``(x, y, 3)``: green true positive, orange false positive, purple false negative.
    """
    positive, truth = pred > 0.5, label > 0.5
    masks = (positive & truth, positive & ~truth, ~positive & truth)
    return _blend(img, list(zip(masks, ERROR_COLOURS.values(), strict=True)), alpha)


def mask_overlay(img: NDArray[Any], mask: NDArray[Any], *, alpha: float = 0.4) -> NDArray[np.uint8]:
    """RGB ``(x, y, 3)`` of a grey image ``(x, y)`` with its binary mask in green."""
    return _blend(img, [(mask > 0.5, ERROR_COLOURS["true positive"])], alpha)


def _blend(
    img: NDArray[Any], layers: list[tuple[NDArray[np.bool_], tuple[int, int, int]]], alpha: float
) -> NDArray[np.uint8]:
    grey = np.asarray(img, dtype=np.float32)
    size = layers[0][0].shape
    if grey.shape != size:
        grey = zoom(grey, (size[0] / grey.shape[0], size[1] / grey.shape[1]), order=1)
    low, high = float(grey.min()), float(grey.max())
    rgb = np.repeat(((grey - low) / max(high - low, 1e-6) * 255)[..., None], 3, axis=2)
    for mask, colour in layers:
        rgb[mask] = (1 - alpha) * rgb[mask] + alpha * np.asarray(colour, dtype=np.float32)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
