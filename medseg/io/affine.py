"""What a 4 x 4 affine says about a grid, and the rules that every source's affine keeps."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError

__all__ = ["check_affine", "corners_mm", "image_affine", "odd_spacing", "spacing_mm"]

_SHEAR_MM = 0.1
_SHEAR = 0.002  # 0.1 degrees; a gantry is tilted by half a degree or more
_SPACING_MM = (0.01, 50.0)
_AXIS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


def spacing_mm(affine_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(3,)`` distance between neighbouring voxels along each index."""
    lengths: NDArray[np.float64] = np.linalg.norm(affine_mm[:3, :3], axis=0)
    return lengths


def corners_mm(affine_mm: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """``(8, 3)`` positions of the centres of the eight corner voxels, in the order of their indices."""
    indices = np.array(list(product(*((0, size - 1) for size in shape))), dtype=np.float64)
    corners: NDArray[np.float64] = indices @ affine_mm[:3, :3].T + affine_mm[:3, 3]
    return corners


def check_affine(where: object, affine_mm: NDArray[np.float64], shape: tuple[int, ...], name: str) -> None:
    """Refuse an affine that places no voxels, or none on a rectangular grid.

    An axis may lean against another by 0.1 mm over the shorter one's length, or by 0.1 degrees where that is more:
    slice positions that were rounded to 0.1 mm and direction cosines of three digits need that much.

    Args:
        where: File, for the message.
        affine_mm: 4 x 4, voxel indices to mm.
        shape: ``(x, y, z)``.
        name: What the format calls the affine, for the message.

    Raises:
        SourceError: If a number is not finite, the matrix is singular, or axes are not at right angles.
    """
    if not np.isfinite(affine_mm).all():
        raise SourceError(where, f"{name} must be finite numbers, got NaN or infinity; write the geometry anew")
    spacing = spacing_mm(affine_mm)
    directions = affine_mm[:3, :3] / np.where(spacing > 0, spacing, 1)
    if not (spacing > 0).all() or abs(np.linalg.det(directions)) < 1e-3:
        sizes = " x ".join(f"{size:.4g}" for size in spacing)
        raise SourceError(
            where,
            f"{name} must span three directions, got a singular matrix (voxels of {sizes} mm); write the geometry anew",
        )
    _check_right_angles(where, directions, spacing * (np.array(shape) - 1), name)


def odd_spacing(affine_mm: NDArray[np.float64]) -> tuple[str, ...]:
    """A warning if a scan of a patient is unlikely to have such voxels, which wrong units show by."""
    spacing = spacing_mm(affine_mm)
    low, high = _SPACING_MM
    if (spacing >= low).all() and (spacing <= high).all():
        return ()
    sizes = " x ".join(f"{size:.4g}" for size in spacing)
    return (f"voxels of {sizes} mm are odd for a patient ({low:g} to {high:g} mm expected); check the units",)


def _check_right_angles(
    where: object, directions: NDArray[np.float64], lengths_mm: NDArray[np.float64], name: str
) -> None:
    for first, second in ((0, 1), (0, 2), (1, 2)):
        lean = abs(float(directions[:, first] @ directions[:, second]))
        length = float(min(lengths_mm[first], lengths_mm[second]))
        if lean > _SHEAR and lean * length > _SHEAR_MM:
            degrees = float(np.degrees(np.arccos(min(lean, 1.0))))
            raise SourceError(
                where,
                f"{name} must have axes at right angles, got {degrees:.2f} degrees between {'xyz'[first]} and"
                f" {'xyz'[second]}, as of a tilted gantry; resample the volume onto a rectangular grid, or give its"
                " DICOM series with --tilt resample",
            )


def image_affine(orientation: str | None) -> NDArray[np.float64]:
    """Affine of an image without spacing whose columns and rows run in the directions of ``orientation``.

    Args:
        orientation: Two letters such as ``LA``, or None for the identity.

    Returns:
        4 x 4, voxel indices to RAS+, one unit a pixel.
    """
    affine = np.eye(4)
    if orientation is None:
        return affine
    axes = [_AXIS[letter] for letter in orientation]
    rest = ({0, 1, 2} - {axis for axis, _ in axes}).pop()
    affine[:3, :3] = 0
    for column, (axis, sign) in enumerate([*axes, (rest, 1)]):
        affine[axis, column] = sign
    return affine
