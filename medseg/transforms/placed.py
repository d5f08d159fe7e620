"""Where the voxels of MONAI's tensors lie, in RAS+ mm as everywhere in medseg."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from monai.data import MetaTensor
from monai.utils import ImageMetaKey, MetaKeys, SpaceKeys
from numpy.typing import NDArray

from medseg.errors import UsageError

__all__ = ["affine_mm", "on_grid", "source_of"]

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def affine_mm(img: torch.Tensor) -> NDArray[np.float64]:
    """4 x 4, voxel indices of a tensor ``(C, x, y, z)`` to RAS+ mm.

    Raises:
        UsageError: If the tensor does not know where it lies, or is not one volume with channels first.
    """
    if not isinstance(img, MetaTensor):
        raise UsageError(
            f"image must be a MetaTensor, which knows where it lies, got {type(img).__name__}; load it with LoadImaged,"
            " and leave set_track_meta on"
        )
    if img.ndim != 4:
        raise UsageError(
            f"image must be (channel, x, y, z), got shape {tuple(img.shape)}; load it with ensure_channel_first=True"
        )
    affine = np.asarray(img.affine.detach().cpu(), dtype=np.float64)
    return _to_ras(img) @ affine


def on_grid(img: MetaTensor, voxels: torch.Tensor, affine_ras_mm: NDArray[np.float64]) -> MetaTensor:
    """Voxels on a grid, with everything else that a tensor knows.

    Args:
        img: What the voxels were made of.
        voxels: ``(C, x, y, z)``.
        affine_ras_mm: 4 x 4, voxel indices to RAS+ mm.
    """
    out = MetaTensor(voxels, meta=deepcopy(img.meta), applied_operations=deepcopy(img.applied_operations))
    out.affine = torch.from_numpy(_to_ras(img) @ affine_ras_mm)
    return out


def source_of(img: MetaTensor, otherwise: str) -> str:
    """The file of a tensor, for messages."""
    return str(img.meta.get(ImageMetaKey.FILENAME_OR_OBJ, otherwise))


def _to_ras(img: MetaTensor) -> NDArray[np.float64]:
    """From the tensor's space to RAS, or back, which is the same."""
    lps = img.meta.get(MetaKeys.SPACE, SpaceKeys.RAS) == SpaceKeys.LPS
    return _LPS_TO_RAS if lps else np.eye(4)
