"""Where the frames of a DICOM Segmentation lie, and on which slices of its image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from medseg.errors import SourceError
from medseg.io.affine import spacing_mm
from medseg.io.dicom.geometry import place_tolerance_mm
from medseg.io.grids import label_on_image_grid
from medseg.io.labels.dicom_object import required
from medseg.io.volume import Volume

__all__ = ["Slice", "frame_affine_mm", "group", "on_slice", "slice_of"]

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_CHECK = "check that it segments this series"


@dataclass(frozen=True, eq=False)
class Slice:
    """A frame's slice.

    Attributes:
        index: Of the slice in its image.
        affine_mm: 4 x 4 of the frame, (column, row, slice) to RAS+ mm, moved onto the slice's plane.
    """

    index: int
    affine_mm: NDArray[np.float64]


def group(path: Path, name: str, own: Dataset, shared: Dataset) -> Dataset:
    """A functional group: the frame's own (5200,9230), or else the shared one (5200,9229)."""
    found: Dataset = required(path, own if own.get(name) else shared, name)[0]
    return found


def frame_affine_mm(path: Path, own: Dataset, shared: Dataset) -> NDArray[np.float64]:
    """Affine of a frame, (column, row) to RAS+ mm; its third column is the unit normal, as a frame has no depth."""
    directions = required(path, group(path, "PlaneOrientationSequence", own, shared), "ImageOrientationPatient")
    position = required(path, group(path, "PlanePositionSequence", own, shared), "ImagePositionPatient")
    sizes = required(path, group(path, "PixelMeasuresSequence", own, shared), "PixelSpacing")
    columns, rows = np.array(directions, dtype=np.float64).reshape(2, 3)
    between_rows, between_columns = (float(size) for size in sizes)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = columns * between_columns, rows * between_rows
    affine[:3, 2] = np.cross(columns, rows)
    affine[:3, 3] = position
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-12:
        raise SourceError(
            path,
            "orientation (0020,0037) and pixel spacing (0028,0030) must span a plane, got others; export it again",
        )
    ras: NDArray[np.float64] = _LPS_TO_RAS @ affine
    return ras


def slice_of(
    path: Path,
    affine_mm: NDArray[np.float64],
    size: tuple[int, int],
    image: Volume,
    places: NDArray[np.float64] | None = None,
) -> Slice:
    """The slice of an image on which a frame lies.

    Frames take over positions of slices, each of which may lie a little beside the image's regular grid: 0.1 mm or a
    fifth of a voxel's longest side, as the reader of series allows. A frame's centre may do so, too.

    Args:
        path: The file, for messages.
        affine_mm: Of the frame.
        size: Columns and rows of the frame.
        image: The series on its own grid.
        places: Where its slices lie along its affine's third axis, if not at 0, 1, 2 and so on.

    Raises:
        SourceError: If the frame is of another size, or does not lie on a slice.
    """
    slices = image.voxels.shape[2]
    if size[0] * size[1] != image.voxels.shape[0] * image.voxels.shape[1]:
        ours, theirs = ("{} x {}".format(*sizes) for sizes in (image.voxels.shape, size))
        raise SourceError(path, f"frames must have the size of the image, {ours} pixels, got {theirs}; {_CHECK}")
    centre = affine_mm @ [(size[0] - 1) / 2, (size[1] - 1) / 2, 0, 1]
    place = float((np.linalg.inv(image.affine_mm) @ centre)[2])
    known = np.arange(slices) if places is None else places
    index = int(np.abs(known - place).argmin())
    middle = (image.voxels.shape[0] - 1) / 2, (image.voxels.shape[1] - 1) / 2
    away = image.affine_mm @ [*middle, known[index], 1] - centre
    if np.linalg.norm(away) > place_tolerance_mm(float(spacing_mm(image.affine_mm).max())):
        raise SourceError(
            path,
            f"each frame must lie on a slice of the image, 0 to {slices - 1}, got one at {place:.3f},"
            f" {np.linalg.norm(away):.3f} mm from it; {_CHECK}",
        )
    moved = affine_mm.copy()
    moved[:, 3] += image.affine_mm @ [*middle, index, 1] - centre
    # Frame and slice are one voxel deep, so their depth is whatever makes them the same.
    moved[:, 2] = image.affine_mm[:, 2]
    return Slice(index, moved)


def on_slice(path: Path, frame: NDArray[np.uint8], place: Slice, image: Volume) -> Volume:
    """A frame, ``(column, row)``, in the order of its slice's voxels, ``(x, y, 1)``.

    Raises:
        SourceError: If its pixels are not those of the slice.
    """
    own = image.affine_mm.copy()
    own[:, 3] = image.affine_mm @ [0, 0, place.index, 1]
    one = Volume(image.voxels[..., place.index : place.index + 1], own)
    return label_on_image_grid(path, one, Volume(frame[..., None], place.affine_mm))
