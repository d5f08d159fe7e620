"""Slices of a volume through a 2D network, some at a time.

MONAI's ``SliceInferer`` runs a sliding window over each slice, and weighs and counts its windows where there is only
one. This gives the same logits without that; networks pad and crop by themselves (:mod:`medseg.networks.padding`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import Inferer

from medseg.errors import UsageError

__all__ = ["SlicewiseInferer"]

_NO_FLIP: tuple[int, ...] = ()
_FLIPS = (_NO_FLIP, (2,), (3,), (2, 3))


class SlicewiseInferer(Inferer):
    """Predict each slice along a volume's last axis.

    Args:
        batch_size: Slices that the network gets at a time.
        flips: Whether to average the logits over the slice and its flips along x, y and both.

    Attributes:
        on_slices: Called with a number of slices when these are done.

    Raises:
        UsageError: If ``batch_size`` is below 1.
    """

    def __init__(self, batch_size: int = 1, *, flips: bool = False) -> None:
        super().__init__()
        if batch_size < 1:
            raise UsageError(f"batch_size must be a whole number from 1, got {batch_size}")
        self.batch_size = batch_size
        self.flips = _FLIPS if flips else (_NO_FLIP,)
        self.on_slices: Callable[[int], None] | None = None

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Predict a volume.

        Args:
            inputs: ``(B, C, x, y, z)``.
            network: Takes ``(n, C, x, y)`` and gives ``(n, K, x, y)``.
            args: For the network.
            kwargs: For the network.

        Returns:
            ``(B, K, x, y, z)``, float32.
        """
        volumes = inputs.as_subclass(torch.Tensor)
        return torch.stack([self._volume(volume, network, *args, **kwargs) for volume in volumes])

    def _volume(
        self, volume: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        slices = volume.permute(3, 0, 1, 2)
        out: torch.Tensor | None = None
        for start in range(0, len(slices), self.batch_size):
            batch = slices[start : start + self.batch_size].contiguous(memory_format=torch.channels_last)
            logits = self._averaged(batch, network, *args, **kwargs)
            if out is None:
                out = torch.empty((logits.shape[1], *volume.shape[1:]), dtype=torch.float32, device=logits.device)
            out[..., start : start + len(batch)] = logits.permute(1, 2, 3, 0)
            if self.on_slices is not None:
                self.on_slices(len(batch))
        assert out is not None  # a volume has at least one slice
        return out

    def _averaged(
        self, batch: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        views = [network(batch.flip(axes), *args, **kwargs).float().flip(axes) for axes in self.flips]
        return views[0] if len(views) == 1 else torch.stack(views).mean(dim=0)
