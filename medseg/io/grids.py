"""Whether an image and its label stand on one grid.

What counts is where voxels lie: the largest distance in mm between the two grids' corner voxels. An error of 1e-4 in a
direction hardly shows in the matrix but moves the far corner of a scan by 0.05 mm. Public sets differ by up to 3e-4 mm
from rounding (MSD, LiTS); 0.005 mm is allowed, and less where that is more than 5 % of the smallest voxel size.

A label may keep the same voxels in another order, with axes swapped or running the other way, as its affine says. It is
then turned as that affine says, which is exact, with a warning. Nothing is moved or resampled.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.affine import corners_mm, spacing_mm
from medseg.io.orient import Orientation
from medseg.io.volume import Volume

__all__ = ["check_same_grid", "grid_difference", "label_on_image_grid", "tolerance_mm"]

_TOLERANCE_MM = 0.005
_TOLERANCE_VOXELS = 0.05
_PARALLEL = 0.9998  # cosine of 1 degree
_AXES = "xyz"


def label_on_image_grid(where: object, image: Volume, label: Volume) -> Volume:
    """Bring a label's voxels into the order of its image's.

    Args:
        where: The label's file, for the message.
        image: The scan.
        label: Its label map.

    Returns:
        The label on the image's grid, a view with the image's affine; with a warning if its axes were turned.

    Raises:
        SourceError: If the label's voxels are not where the image's are.
    """
    order = _relation(image.affine_mm, label.affine_mm)
    if order is None or order == Orientation((0, 1, 2), (False, False, False)):
        check_same_grid(where, image, label)
        return replace(label, affine_mm=image.affine_mm)
    voxels, affine = order.apply(label.voxels), order.apply_affine(label.affine_mm, label.voxels.shape)
    if grid_difference(image.voxels.shape, image.affine_mm, voxels.shape, affine):
        check_same_grid(where, image, label)
    warning = f"label {_describe(order)} as its own affine says; turned to its image's order"
    return replace(label, voxels=voxels, affine_mm=image.affine_mm, warnings=(*label.warnings, warning))


def check_same_grid(where: object, image: Volume, label: Volume) -> None:
    """Refuse a label whose grid is not that of its image, voxel by voxel.

    Args:
        where: The label's file, for the message.
        image: The scan.
        label: Its label map.

    Raises:
        SourceError: If shapes differ, or corners are further apart than the tolerance.
    """
    difference = grid_difference(image.voxels.shape, image.affine_mm, label.voxels.shape, label.affine_mm)
    if difference:
        raise SourceError(
            where,
            f"label must stand on its image's grid, got one that {difference}; check the pairing, or save it on"
            " that grid",
        )


def grid_difference(
    shape: tuple[int, ...], affine_mm: NDArray[np.float64], other_shape: tuple[int, ...], other_mm: NDArray[np.float64]
) -> str | None:
    """How another grid differs from a grid, as a person would say it.

    Args:
        shape: ``(x, y, z)`` of the grid.
        affine_mm: 4 x 4, voxel indices to mm.
        other_shape: ``(x, y, z)`` of the other.
        other_mm: 4 x 4 of the other; both must be regular.

    Returns:
        Such as ``is mirrored along x``; None if the grids are the same.
    """
    if shape == other_shape:
        apart = np.linalg.norm(corners_mm(affine_mm, shape) - corners_mm(other_mm, shape), axis=1).max()
        if apart <= tolerance_mm(affine_mm):
            return None
        return f"{_reason(affine_mm, other_mm)} (corners up to {apart:.4g} mm apart)"
    ours, theirs = (" x ".join(map(str, sizes)) for sizes in (shape, other_shape))
    order = _relation(affine_mm, other_mm)
    turned = order is not None and order.axes != (0, 1, 2)
    return f"has {theirs} voxels instead of {ours}" + (f" and {_describe(order)}" if order and turned else "")


def tolerance_mm(affine_mm: NDArray[np.float64]) -> float:
    """How far apart a grid's corners may be from another's."""
    return float(min(_TOLERANCE_MM, _TOLERANCE_VOXELS * spacing_mm(affine_mm).min()))


def _relation(affine_mm: NDArray[np.float64], other_mm: NDArray[np.float64]) -> Orientation | None:
    """The swaps and flips that make the other grid's axes run as the grid's; None where it is turned otherwise."""
    cosines = _directions(affine_mm).T @ _directions(other_mm)
    nearest = np.abs(cosines).argmax(axis=1)
    x, y, z = (int(axis) for axis in nearest)
    along = cosines[range(3), nearest]
    if {x, y, z} != {0, 1, 2} or np.abs(along).min() < _PARALLEL:
        return None
    return Orientation((x, y, z), (bool(along[0] < 0), bool(along[1] < 0), bool(along[2] < 0)))


def _describe(order: Orientation) -> str:
    """What swaps and flips undo."""
    if order.axes != (0, 1, 2):
        stored = ", ".join(_AXES[order.axes.index(axis)] for axis in range(3))
        return f"has its axes in the order {stored}"
    return f"is mirrored along {' and '.join(name for name, flip in zip(_AXES, order.flipped, strict=True) if flip)}"


def _reason(affine_mm: NDArray[np.float64], other_mm: NDArray[np.float64]) -> str:
    """Why corners of grids of one shape are apart."""
    order = _relation(affine_mm, other_mm)
    if order is not None and (order.axes != (0, 1, 2) or any(order.flipped)):
        return _describe(order)
    ours, theirs = spacing_mm(affine_mm), spacing_mm(other_mm)
    if not np.allclose(ours, theirs, rtol=1e-4, atol=0):
        sizes = [" x ".join(f"{size:.6g}" for size in spacing) for spacing in (theirs, ours)]
        return f"has voxels of {sizes[0]} mm instead of {sizes[1]} mm"
    cosines = np.einsum("ij,ij->j", _directions(affine_mm), _directions(other_mm))
    degrees = float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).max())
    if degrees > 0.01:
        return f"is turned by {degrees:.2f} degrees"
    return _shift(affine_mm, other_mm)


def _shift(affine_mm: NDArray[np.float64], other_mm: NDArray[np.float64]) -> str:
    steps = np.linalg.solve(affine_mm[:3, :3], other_mm[:3, 3] - affine_mm[:3, 3])
    shifts = [f"{step:+.4g} voxels along {name}" for name, step in zip(_AXES, steps, strict=True) if abs(step) > 5e-4]
    return f"is shifted by {' and '.join(shifts)}" if shifts else "differs slightly"


def _directions(affine_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = affine_mm[:3, :3] / spacing_mm(affine_mm)
    return unit
