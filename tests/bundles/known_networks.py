"""Networks whose predictions are known."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Threshold(nn.Module):
    """Foreground where the input is above the middle of the window."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1000.0))

    def forward(self, img: Tensor) -> Tensor:
        """Logits ``(B, 1, H, W)`` for ``img`` of the same shape."""
        return img * self.gain


class LowCorner(nn.Module):
    """Foreground in the quarter of low x and low y, whatever the input."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1000.0))

    def forward(self, img: Tensor) -> Tensor:
        """Logits ``(B, 1, H, W)`` for ``img`` of the same shape."""
        logits = -self.gain * torch.ones_like(img)
        logits[:, :, : img.shape[2] // 2, : img.shape[3] // 2] *= -1
        return logits
