"""Padding to the multiple that a network's poolings need, and back.

This is the one place where sizes are made to fit: every network takes any height and width, pads its input at the
far ends by repeating the border, and crops its logits to the input's size. Inferers and transforms need not care.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["crop_to", "pad_to_multiple"]


def pad_to_multiple(img: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples of ``multiple``.

    Args:
        img: ``(B, C, H, W)``.
        multiple: In pixels, at least 1.

    Returns:
        ``(B, C, H', W')`` with the input in its leading corner.
    """
    rows = (multiple - img.shape[2] % multiple) % multiple
    cols = (multiple - img.shape[3] % multiple) % multiple
    return F.pad(img, [0, cols, 0, rows], mode="replicate")


def crop_to(img: Tensor, height: int, width: int) -> Tensor:
    """Leading corner of ``img``, ``(B, C, H', W')``, as ``(B, C, height, width)``."""
    return img[:, :, :height, :width]
