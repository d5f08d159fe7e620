"""Resampling to another voxel size, by choice only.

The new grid has the old one's centre and directions, and as many voxels as cover its extent best. Between voxels values
are interpolated (scipy.ndimage); beyond the outermost ones, at most half a new voxel, they are continued. Values are
taken at points: where voxels become much larger, fine detail is skipped, not averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.errors import UsageError
from medseg.io.affine import spacing_mm
from medseg.io.stored import MAX_VOXELS
from medseg.io.volume import Volume

__all__ = ["Order", "resample_spacing", "resample_to"]

Order = Literal[0, 1, 3]


def resample_spacing(volume: Volume, wanted_mm: Sequence[float], order: Order = 1) -> Volume:
    """Bring a volume to a voxel size.

    Args:
        volume: Any; for a size along R, A and S turn it first (:func:`medseg.io.orient.to_ras`).
        wanted_mm: Size along x, y and z.
        order: 0 takes the nearest voxel (labels), 1 interpolates linearly, 3 by cubic splines.

    Returns:
        The volume in the same type. Its centre keeps its place.

    Raises:
        UsageError: If a size is not above 0, or the volume would become too large.
    """
    wanted = np.asarray(wanted_mm, dtype=np.float64)
    if wanted.shape != (3,) or not (np.isfinite(wanted).all() and (wanted > 0).all()):
        raise UsageError(f"--spacing must be three sizes in mm above 0, got {tuple(wanted_mm)}")
    old_shape = np.array(volume.voxels.shape)
    factors = wanted / spacing_mm(volume.affine_mm)
    # Rounded half up, after taking off what float arithmetic may have added.
    shape = np.maximum(np.floor(np.round(old_shape / factors, 6) + 0.5), 1)
    if shape.prod() > MAX_VOXELS:
        raise UsageError(
            f"--spacing must give at most {MAX_VOXELS} voxels a volume, got {shape.prod():.3g}; ask for more mm"
        )
    first = (old_shape - 1) / 2 - factors * (shape - 1) / 2
    affine = volume.affine_mm.copy()
    affine[:3, :3] *= factors
    affine[:3, 3] += volume.affine_mm[:3, :3] @ first
    sizes = " x ".join(f"{size:g}" for size in wanted)
    return replace(
        resample_to(volume, affine, (int(shape[0]), int(shape[1]), int(shape[2])), order),
        decisions=(*volume.decisions, f"resampled to {sizes} mm with order {order}"),
    )


def resample_to(volume: Volume, affine_mm: NDArray[np.float64], shape: tuple[int, int, int], order: Order) -> Volume:
    """Values of a volume at another grid's voxels; its outermost voxels continue beyond its edge.

    Args:
        volume: Any.
        affine_mm: 4 x 4 of the other grid, voxel indices to RAS+ mm.
        shape: ``(x, y, z)`` of the other grid.
        order: As for :func:`resample_spacing`.

    Returns:
        A volume on the other grid in the same type; integers are rounded.
    """
    relative = np.linalg.solve(volume.affine_mm, affine_mm)
    matrix, offset = relative[:3, :3], relative[:3, 3]
    scale = np.diag(matrix)
    if np.abs(matrix - np.diag(scale)).max() * max(shape) < 1e-6:
        matrix = scale  # scipy takes a diagonal axis by axis
    voxels = ndimage.affine_transform(
        volume.voxels,
        matrix,
        # Exact halves go up, whatever float arithmetic made of them.
        offset + (1e-9 if order == 0 else 0),
        output_shape=shape,
        output=volume.voxels.dtype if order == 0 else np.float32,
        order=order,
        mode="nearest",
    )
    return replace(volume, voxels=_as_type(voxels, volume.voxels.dtype), affine_mm=affine_mm)


def _as_type(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if values.dtype == dtype:
        return values
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values, out=values), limits.min, limits.max, out=values).astype(dtype)
