"""Size, pieces and values of a predicted mask, and what about it looks implausible."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.io.affine import image_affine
from medseg.io.affine import spacing_mm as spacing_of
from medseg.io.atomic import atomic_path
from medseg.io.hounsfield import organ_range
from medseg.io.orient import Plane, find_orientation
from medseg.predict.sizes import odd_size

__all__ = ["COLUMNS", "Measurement", "measure", "write_measurements"]

COLUMNS = (
    "scan",
    "foreground_voxels",
    "volume_ml",
    "area_mm2",
    "area_px2",
    "slices_with_foreground",
    "components",
    "mean_intensity",
    "sd_intensity",
    "intensity_unit",
    "flags",
    "warnings",
)
"""Of ``measurements.csv``; the same for scans and pictures, with empty fields where something is not known."""

_ENDS = {"R": "right", "L": "left", "A": "anterior", "P": "posterior", "S": "superior", "I": "inferior"}
_OPPOSITE = dict(zip("RLAPSI", "LRPAIS", strict=True))


@dataclass(frozen=True)
class Measurement:
    """One row of ``measurements.csv``.

    Attributes:
        foreground_voxels: Number of voxels or pixels of the mask.
        volume_ml: Of scans with several slices; None otherwise.
        area_mm2: Of scans of one slice; None otherwise.
        area_px2: Of pictures, which have no spacing, over all their slices; None of scans.
        slices_with_foreground: Along the axis of the slices that the network saw.
        components: Connected pieces; voxels that share a face, edge or corner belong together (26 neighbours in a
            volume, 8 in an image).
        mean_intensity: Of the image in the mask; None of an empty mask.
        sd_intensity: Standard deviation of the same voxels, divided by their number; None of an empty mask.
        intensity_unit: ``HU`` or ``grey value``.
        flags: What looks implausible, one text each.
    """

    foreground_voxels: int
    volume_ml: float | None
    area_mm2: float | None
    area_px2: int | None
    slices_with_foreground: int
    components: int
    mean_intensity: float | None
    sd_intensity: float | None
    intensity_unit: str
    flags: tuple[str, ...] = ()


def measure(
    mask: NDArray[np.uint8],
    voxels: NDArray[Any],
    affine_mm: NDArray[np.float64] | None,
    facts: Mapping[str, Any],
    *,
    modality: str | None = None,
    orientation: str | None = None,
) -> Measurement:
    """Measure a mask on its source's grid.

    Flags: the mask is empty; it reaches the first or last voxels of the scan, where the organ may be cut off (not of
    pictures that show no patient, in which cells lie at every edge); its volume, or of pictures its largest slice, is
    below half the least or above twice the largest of the training set; the mean HU is one that no such organ has.

    Args:
        mask: ``(x, y, z)`` of 0 and 1.
        voxels: The image, of the same shape.
        affine_mm: 4 x 4, voxel indices to RAS+ mm; None for pictures, which have no spacing.
        facts: What the weights were trained with (``model.json``); ``training_set``, ``plane`` and ``foreground``
            count, and may be missing.
        modality: ``CT`` means that voxels are HU.
        orientation: Directions in which a picture's columns and rows run, such as ``LA``; None where it shows no
            patient.

    Raises:
        ValueError: If the shapes differ.
    """
    if mask.shape != voxels.shape or mask.ndim != 3:
        raise ValueError(f"mask must be (x, y, z) as its image, got {mask.shape} for {voxels.shape}")
    inside = mask != 0
    picture = affine_mm is None
    values = voxels[inside].astype(np.float64)
    areas_px2 = _slice_areas(inside, affine_mm, facts.get("plane", "axial"))
    volume_ml, area_mm2 = (None, None) if affine_mm is None else _sizes(values.size, affine_mm, mask.shape)
    measured = Measurement(
        foreground_voxels=values.size,
        volume_ml=volume_ml,
        area_mm2=area_mm2,
        area_px2=values.size if picture else None,
        slices_with_foreground=int(np.count_nonzero(areas_px2)),
        components=int(ndimage.label(inside, structure=np.ones((3, 3, 3)))[1]),
        mean_intensity=float(values.mean()) if values.size else None,
        sd_intensity=float(values.std()) if values.size else None,
        intensity_unit="HU" if modality == "CT" else "grey value",
    )
    if not values.size:
        return replace(measured, flags=("empty",))
    placed_mm = image_affine(orientation) if picture and orientation is not None else affine_mm
    flags = (
        *(() if placed_mm is None else _cut_off(inside, placed_mm)),
        *odd_size(volume_ml, int(areas_px2.max()) if picture else None, facts.get("training_set")),
        *_odd_mean(measured, str(facts.get("foreground", ""))),
    )
    return replace(measured, flags=flags)


def write_measurements(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``measurements.csv``, atomically.

    Args:
        path: The file.
        rows: What a scan is called (``scan``), the attributes of its :class:`Measurement`, and ``warnings``, texts that
            say what sets it apart from the training set.
    """
    with (
        atomic_path(path) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_field(row.get(column)) for column in COLUMNS] for row in rows)


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return "; ".join(value) if isinstance(value, list | tuple) else str(value)


def _slice_areas(inside: NDArray[np.bool_], affine_mm: NDArray[np.float64] | None, plane: Plane) -> NDArray[np.int64]:
    """Foreground pixels of each slice; of pictures, which have no affine, slices lie along z."""
    axis = 2 if affine_mm is None else find_orientation(affine_mm, inside.shape, plane).axes[2]
    areas: NDArray[np.int64] = np.count_nonzero(inside, axis=tuple(other for other in range(3) if other != axis))
    return areas


def _sizes(count: int, affine_mm: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[float | None, float | None]:
    """Volume in mL, or of a single slice its area in mm2: its thickness says nothing of what lies beside it."""
    flat = [axis for axis, size in enumerate(shape) if size == 1]
    if not flat:
        return count * abs(float(np.linalg.det(affine_mm[:3, :3]))) / 1000, None
    sides = np.delete(spacing_of(affine_mm), flat[-1])
    return None, count * float(sides[0] * sides[1])


def _cut_off(inside: NDArray[np.bool_], affine_mm: NDArray[np.float64]) -> tuple[str, ...]:
    """At which ends of the scan the mask reaches the outermost voxels; an axis of one voxel has none."""
    ends = []
    for axis, letter in enumerate(nib.orientations.aff2axcodes(affine_mm)):
        if inside.shape[axis] > 1:
            first, last = (bool(inside.take(index, axis).any()) for index in (0, -1))
            ends += [end for end, touches in ((_OPPOSITE[letter], first), (letter, last)) if touches]
    return tuple(f"cut off at {_ENDS[end]} end" for end in sorted(ends, key="SIRLAP".index))


def _odd_mean(measured: Measurement, foreground: str) -> tuple[str, ...]:
    if measured.mean_intensity is None or measured.intensity_unit != "HU":
        return ()
    expected = organ_range([foreground])
    if expected.holds(measured.mean_intensity):
        return ()
    return (
        f"mean {measured.mean_intensity:.0f} HU is absurd for {expected.organ}, which lies between {expected.low:g} and"
        f" {expected.high:g} HU",
    )
