"""To RAS+ and back by flips and axis swaps only, so voxel for voxel.

The slice axis is the last: S for axial slices, A for coronal and R for sagittal ones, and the other axes keep the order
R, A, S. An axis is named after the nearest direction of the body (nibabel's closest canonical orientation). A label and
a prediction take the orientation of their image, so that they can't part from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from medseg.errors import UsageError
from medseg.io.affine import spacing_mm
from medseg.io.volume import Volume

__all__ = ["BodyPlane", "Orientation", "Plane", "acquired_plane", "find_orientation", "plane_warning", "to_ras"]

BodyPlane = Literal["axial", "coronal", "sagittal"]
Plane = Literal["axial", "coronal", "sagittal", "source"]

_PLANE_OF_AXIS: tuple[BodyPlane, BodyPlane, BodyPlane] = ("sagittal", "coronal", "axial")
# Which of R, A, S come first, second and last.
_ORDERS = {"axial": (0, 1, 2), "coronal": (0, 2, 1), "sagittal": (1, 2, 0)}
# Moves directions off exact ties, which rounding would decide otherwise: an axis may lie 45 degrees between two.
_OFF_TIES = Rotation.from_rotvec(1e-5 * np.array([3.0, 2.0, 1.0])).as_matrix()
_SAME_SPACING = 0.02


@dataclass(frozen=True)
class Orientation:
    """How a source's axes become the prepared ones.

    Attributes:
        axes: The source axis that becomes x, y and z.
        flipped: Whether that axis is turned round.
    """

    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]

    def apply(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Turn ``(x, y, z)`` of the source into the prepared order; a view."""
        return voxels.transpose(self.axes)[self._steps()]

    def undo(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Turn ``(x, y, z)`` in the prepared order back into the source's; a view."""
        return voxels[self._steps()].transpose(np.argsort(self.axes).tolist())

    def apply_affine(self, affine_mm: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Affine of :meth:`apply`'s result.

        Args:
            affine_mm: 4 x 4 of the source.
            shape: ``(x, y, z)`` of the source.
        """
        turned = np.array(affine_mm, dtype=np.float64)
        for column, (axis, flipped) in enumerate(zip(self.axes, self.flipped, strict=True)):
            turned[:3, column] = -affine_mm[:3, axis] if flipped else affine_mm[:3, axis]
            if flipped:
                turned[:3, 3] += (shape[axis] - 1) * affine_mm[:3, axis]
        return turned

    def _steps(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1 if flipped else 1) for flipped in self.flipped)


def to_ras(volume: Volume, plane: Plane = "axial") -> tuple[Volume, Orientation]:
    """Turn a volume so that each axis runs to R, A or S and slices lie along the last.

    Args:
        volume: On any grid.
        plane: Plane of the slices; ``source`` keeps the one in which the scan was acquired.

    Returns:
        The volume, whose voxels are a view, and the orientation that undoes it. World coordinates stay.

    Raises:
        UsageError: If the plane is none of those named.
    """
    orientation = find_orientation(volume.affine_mm, volume.voxels.shape, plane)
    turned = replace(
        volume,
        voxels=orientation.apply(volume.voxels),
        affine_mm=orientation.apply_affine(volume.affine_mm, volume.voxels.shape),
        decisions=(*volume.decisions, *([] if plane == "axial" else [f"slices by --plane {plane}"])),
    )
    return turned, orientation


def find_orientation(affine_mm: NDArray[np.float64], shape: tuple[int, ...], plane: Plane = "axial") -> Orientation:
    """The flips and swaps that :func:`to_ras` makes.

    Args:
        affine_mm: 4 x 4, voxel indices to RAS+ mm.
        shape: ``(x, y, z)``.
        plane: As for :func:`to_ras`.

    Raises:
        UsageError: If the plane is none of those named.
    """
    if plane not in get_args(Plane):
        raise UsageError(f"--plane must be {', '.join(get_args(Plane)[:-1])} or source, got {plane!r}")
    body = (acquired_plane(affine_mm, shape) or "axial") if plane == "source" else plane
    nearest, signs = _nearest(affine_mm)
    axes = [nearest.index(direction) for direction in _ORDERS[body]]
    x, y, z = axes
    return Orientation((x, y, z), (signs[x] < 0, signs[y] < 0, signs[z] < 0))


def acquired_plane(affine_mm: NDArray[np.float64], shape: tuple[int, ...]) -> BodyPlane | None:
    """Plane in which a scan was acquired, from what sets the slice axis apart.

    Pixels are square, so the slice axis is the one with a spacing of its own; where all spacings differ, that with the
    largest; where all are the same, the one with a number of voxels of its own.

    Returns:
        The body's plane nearest to that of the slices; None where nothing sets an axis apart.
    """
    axis = _odd_one(spacing_mm(affine_mm), _SAME_SPACING)
    if axis is None:
        axis = _odd_one(np.array(shape, dtype=np.float64), 0.0)
    return None if axis is None else _PLANE_OF_AXIS[_nearest(affine_mm)[0][axis]]


def plane_warning(affine_mm: NDArray[np.float64], shape: tuple[int, ...], plane: Plane = "axial") -> tuple[str, ...]:
    """A warning if slices will not lie as the scan was acquired, and so be stacks of rows from many images."""
    acquired = acquired_plane(affine_mm, shape)
    if acquired is None or plane in ("source", acquired):
        return ()
    return (f"acquired in the {acquired} plane, so {plane} slices are coarse; --plane {acquired} keeps its own",)


def _nearest(affine_mm: NDArray[np.float64]) -> tuple[list[int], list[float]]:
    """For each index the nearest direction (0 R, 1 A, 2 S), and its sign."""
    turned = np.eye(4)
    turned[:3, :3] = _OFF_TIES @ (affine_mm[:3, :3] / spacing_mm(affine_mm))
    directions = nib.orientations.io_orientation(turned)
    return directions[:, 0].astype(int).tolist(), directions[:, 1].tolist()


def _odd_one(sizes: NDArray[np.float64], tolerance: float) -> int | None:
    """Index of the size that differs from two equal ones, or of the largest of three; None if all are equal."""
    same = [abs(sizes[a] - sizes[b]) <= tolerance * max(sizes[a], sizes[b]) for a, b in ((1, 2), (0, 2), (0, 1))]
    if sum(same) > 1:
        return None
    return same.index(True) if any(same) else int(sizes.argmax())
