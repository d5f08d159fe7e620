"""RT Structure Sets (SOP class 1.2.840.10008.5.1.4.1.1.481.3) as masks.

Contours lie on slices; what they cover there is told in :mod:`medseg.io.labels.contour_fill`. Contours of a structure
on one slice must be apart or one within another, which makes a hole; others are refused, since readers differ on what
overlapping contours mean. Slices without a contour stay background, with a warning where they lie between others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy.ndimage import binary_erosion

from medseg.errors import SourceError
from medseg.io.dicom.resample import Regrid
from medseg.io.labels.choose import LabelClass, LabelMask, choose_classes
from medseg.io.labels.contour_fill import fill_contours
from medseg.io.labels.dicom_object import read_object, readable, required
from medseg.io.labels.rt_contours import Contour, read_contours
from medseg.io.volume import Volume

__all__ = ["RTSTRUCT_CLASS", "read_rtstruct"]

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
_KIND = "RT Structure Set"
# What the reader of series allows a slice, in slice distances; further away contours were drawn on another series.
_OFF_SLICE = 0.2
_MOST_CONTOURS = 1000
_CHECK = "check that it was drawn on this series"


def read_rtstruct(
    path: Path, image: Volume, foreground: Sequence[str] | None = None, *, regrid: Regrid | None = None
) -> LabelMask:
    """Rasterise the chosen structures.

    Args:
        path: RT Structure Set.
        image: The series on which the contours were drawn, as it was acquired
            (:func:`medseg.io.dicom.read_acquired`).
        foreground: ROI numbers (3006,0022) or names (3006,0026); None where there is one structure.
        regrid: What puts the image on a regular grid, as read with it: of slices at unequal gaps an affine cannot say
            where they lie. None where the image is on such a grid.

    Raises:
        SourceError: If the file is damaged; a contour is open, lies between slices, reaches out of the image or
            overlaps another; or a choice is needed.
    """
    data = read_object(path, (RTSTRUCT_CLASS,), _KIND).data
    warnings: list[str] = []
    mask = np.zeros_like(image.voxels, dtype=bool)
    slices = np.arange(float(image.voxels.shape[2])) if regrid is None else regrid.places
    with readable(path, _KIND):
        classes = tuple(
            LabelClass(int(required(path, roi, "ROINumber")), str(roi.get("ROIName") or "").strip())
            for roi in required(path, data, "StructureSetROISequence")
        )
        chosen, absent = choose_classes(path, classes, foreground)
        _require_named(path, data, {item.value for item in classes})
        for item in chosen:
            contours, odd = read_contours(path, data, item.value)
            by_slice = _by_slice(path, contours, image, slices)
            for index, placed in by_slice.items():
                mask[..., index] |= _fill(path, placed, image.voxels.shape)
            warnings += [*odd, *_left_out(by_slice)]
    return LabelMask(mask.view(np.uint8), classes, absent, tuple(dict.fromkeys(warnings)))


def _require_named(path: Path, data: Dataset, known: Collection[int]) -> None:
    drawn = {int(required(path, roi, "ReferencedROINumber")) for roi in required(path, data, "ROIContourSequence")}
    if not drawn <= set(known):
        raise SourceError(
            path,
            "contours must be of structures (3006,0084) that the structure set ROI sequence (3006,0020) names, got"
            " others; export it again",
        )


@dataclass(frozen=True, eq=False)
class _Placed:
    """A contour on its slice, ``(n, 2)`` pixel indices (x, y)."""

    points: NDArray[np.float64]
    exclusive: bool


def _by_slice(
    path: Path, contours: Iterable[Contour], image: Volume, slices: NDArray[np.float64]
) -> dict[int, list[_Placed]]:
    to_index = np.linalg.inv(image.affine_mm)
    found: dict[int, list[_Placed]] = defaultdict(list)
    for contour in contours:
        indices = contour.points_mm @ to_index[:3, :3].T + to_index[:3, 3]
        index = _slice(path, indices[:, 2], slices)
        _check_inside(path, indices[:, :2], image.voxels.shape)
        found[index].append(_Placed(indices[:, :2], contour.exclusive))
    return found


def _slice(path: Path, places: NDArray[np.float64], slices: NDArray[np.float64]) -> int:
    index = int(np.abs(slices - np.median(places)).argmin())
    if np.abs(places - slices[index]).max() > _OFF_SLICE:
        raise SourceError(
            path,
            f"contour (3006,0050) must lie on a slice of the image, 0 to {len(slices) - 1}, got one from"
            f" {places.min():.2f} to {places.max():.2f}; {_CHECK}",
        )
    return index


def _check_inside(path: Path, places: NDArray[np.float64], shape: tuple[int, ...]) -> None:
    """A contour may run around the image's outermost pixels, half a pixel from their centres, and to rounding."""
    low, high = places.min(axis=0), places.max(axis=0)
    if (low < -1).any() or (high > shape[:2]).any():
        raise SourceError(
            path,
            f"contour (3006,0050) must lie inside the image, {shape[0]} x {shape[1]} pixels, got one from"
            f" ({low[0]:.1f}, {low[1]:.1f}) to ({high[0]:.1f}, {high[1]:.1f}); {_CHECK}",
        )


def _fill(path: Path, placed: Sequence[_Placed], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """``(x, y)`` pixels that the contours of a structure cover on a slice."""
    size = shape[0], shape[1]
    if len(placed) > _MOST_CONTOURS:
        raise SourceError(
            path, f"a structure must have at most {_MOST_CONTOURS} contours on a slice, got {len(placed)}; join them"
        )
    try:
        if len(placed) > 1 and not any(contour.exclusive for contour in placed):
            _check_apart(path, [_cover(contour.points, size) for contour in placed], size)
        return fill_contours([contour.points for contour in placed], size)
    except ValueError as error:
        raise SourceError(path, f"{error}; simplify the contours") from error


@dataclass(frozen=True, eq=False)
class _Cover:
    """What a contour covers, ``(x, y)``, in the box in which it lies."""

    box: tuple[slice, slice]
    pixels: NDArray[np.bool_]


def _cover(points: NDArray[np.float64], size: tuple[int, int]) -> _Cover:
    low = np.clip(np.floor(points.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)) + 1, low, size).astype(int)
    (left, bottom), (width, height) = low.tolist(), (high - low).tolist()
    box = slice(left, left + width), slice(bottom, bottom + height)
    return _Cover(box, fill_contours([points - low], (width, height)))


def _check_apart(path: Path, covers: Sequence[_Cover], size: tuple[int, int]) -> None:
    """Each contour must lie all inside or all outside of what the larger ones make, but for its outermost pixels."""
    made = np.zeros(size, dtype=bool)
    earlier: set[tuple[str, bytes]] = set()
    for cover in sorted(covers, key=lambda cover: np.count_nonzero(cover.pixels), reverse=True):
        below = made[cover.box][binary_erosion(cover.pixels)]
        same = str(cover.box), cover.pixels.tobytes()
        if (below.any() and not below.all()) or (cover.pixels.any() and same in earlier):
            raise SourceError(
                path,
                "contours (3006,0050) of a structure on one slice must be apart or one within another, got some that"
                " overlap; join them",
            )
        earlier.add(same)
        made[cover.box] ^= cover.pixels


def _left_out(by_slice: Mapping[int, object]) -> tuple[str, ...]:
    if not by_slice:
        return ()
    without = max(by_slice) - min(by_slice) + 1 - len(by_slice)
    if not without:
        return ()
    return (f"a chosen structure has no contour on {without} slices between others; they stay background",)
