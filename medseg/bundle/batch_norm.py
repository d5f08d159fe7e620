"""Refuse, before a training starts, a batch so small that batch norm has nothing to normalise over."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from medseg.errors import UsageError

__all__ = ["check_batch_norm", "smallest_batch"]


def check_batch_norm(network: torch.nn.Module, sizes_px: Iterable[tuple[int, int]], batch: int) -> None:
    """Check that batch norm gets more than one value a channel, as torch demands in training.

    Networks that say by ``multiple`` how far they shrink an image are checked, at their coarsest features.

    Args:
        network: The network to train.
        sizes_px: Sizes that images come in, along x and y.
        batch: Number of images in the smallest batch.

    Raises:
        UsageError: If one image of a size leaves a single value.
    """
    multiple = getattr(network, "multiple", None)
    if multiple is None or not any(isinstance(module, _BatchNorm) for module in network.modules()):
        return
    for width, height in sorted(sizes_px):
        if batch * math.ceil(width / multiple) * math.ceil(height / multiple) == 1:
            raise UsageError(
                f"images must be larger than {multiple} x {multiple} pixels where batch norm sees one at a time, got"
                f' {width} x {height}; give --image_size "[{2 * multiple},{2 * multiple}]", which scores on the'
                " original grid all the same"
            )


def smallest_batch(loader: DataLoader[object], epoch_length: int | None) -> int:
    """Number of items in the smallest batch of an epoch, which may be the last one.

    Args:
        loader: Loader of equally treated items.
        epoch_length: Batches an epoch; None is a whole pass.
    """
    items, size = len(loader.sampler), loader.batch_size or 1  # type: ignore[arg-type]
    whole, left = divmod(items, size)
    reached = epoch_length is None or epoch_length > whole
    return left if left and reached and not loader.drop_last else size
