"""Volumes as MONAI's tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray


def tensor(
    voxels: NDArray[Any], affine_mm: NDArray[np.float64] | None = None, *, file: str | None = None, space: str = "RAS"
) -> MetaTensor:
    """``(1, x, y, z)`` of ``(x, y, z)``, or ``(C, x, y, z)`` as it is."""
    channels = voxels if voxels.ndim == 4 else voxels[None]
    meta = {"space": space, **({"filename_or_obj": file} if file else {})}
    affine = torch.from_numpy(np.eye(4) if affine_mm is None else np.array(affine_mm))
    return MetaTensor(torch.from_numpy(np.ascontiguousarray(channels)), affine=affine, meta=meta)


def assert_same(img: MetaTensor, voxels: NDArray[Any], affine_mm: NDArray[np.float64]) -> None:
    """Voxels ``(x, y, z)`` are the tensor's only channel, exactly, and lie where they should."""
    np.testing.assert_array_equal(img.numpy()[0], voxels)
    np.testing.assert_allclose(img.affine.numpy(), affine_mm, atol=1e-9)
