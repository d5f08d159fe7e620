"""DICOM Segmentation objects (SOP class 1.2.840.10008.5.1.4.1.1.66.4 and label maps, .66.7) onto their image's grid.

Each frame is placed by its own position (0020,0032), so frames may be missing (empty ones often are), in any order, and
flipped against the image. Geometry is checked before pixels are decoded, so that no more of them are than the image has
for each chosen segment. Segments may overlap; the mask is their union. A fractional segmentation is foreground from
half of its maximum (0062,000E) on, with a warning.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from medseg.errors import SourceError
from medseg.io.dicom.resample import Regrid
from medseg.io.labels.choose import LabelClass, LabelMask, choose_classes, mask_of
from medseg.io.labels.dicom_object import read_object, readable, required
from medseg.io.labels.seg_pixels import read_seg_frames, seg_header
from medseg.io.labels.seg_place import Slice, frame_affine_mm, group, on_slice, slice_of
from medseg.io.volume import Volume

__all__ = ["SEG_CLASSES", "read_seg"]

SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_KIND = "DICOM Segmentation"
_TYPES = ("BINARY", "FRACTIONAL", "LABELMAP")
_HALVED = ("fractions (0062,0001) count as foreground from half of their maximum (0062,000E) on",)
_WAY_OUT = "export it again"


def read_seg(
    path: Path, image: Volume, foreground: Sequence[str] | None = None, *, regrid: Regrid | None = None
) -> LabelMask:
    """Read a segmentation.

    Args:
        path: DICOM SEG file.
        image: The series that it segments, as it was acquired (:func:`medseg.io.dicom.read_acquired`).
        foreground: Segment numbers (0062,0004) or labels (0062,0005); None where there is one segment.
        regrid: What puts the image on a regular grid, as read with it: of slices at unequal gaps an affine cannot say
            where they lie. None where the image is on such a grid.

    Raises:
        SourceError: If the file is damaged, a frame of a chosen segment does not lie on a slice of the image or shares
            it with another, or a choice is needed.
    """
    found = read_object(path, SEG_CLASSES, _KIND)
    data = found.data
    mask = np.zeros_like(image.voxels, dtype=np.uint8)
    with readable(path, _KIND):
        kind = _type(path, data)
        classes = _classes(path, data)
        chosen, absent = choose_classes(path, classes, foreground)
        header = seg_header(found)
        warnings = dict.fromkeys(_HALVED if kind == "FRACTIONAL" else ())
        for segment, numbers in _by_segment(path, data, kind, {item.value for item in classes}).items():
            if kind != "LABELMAP" and segment not in {item.value for item in chosen}:
                continue
            places = _places(path, data, numbers, image, regrid)
            for place, frame in zip(places, np.moveaxis(read_seg_frames(found, header, numbers), -1, 0), strict=True):
                placed = on_slice(path, _covered(path, data, kind, frame, chosen), place, image)
                mask[..., place.index] |= placed.voxels[..., 0]
                warnings |= dict.fromkeys(placed.warnings)
    return LabelMask(mask, classes, absent, tuple(warnings))


def _type(path: Path, data: Dataset) -> str:
    kind = str(required(path, data, "SegmentationType"))
    if kind not in _TYPES:
        raise SourceError(
            path, f"segmentation type (0062,0001) must be {', '.join(_TYPES)}, got another; export it as BINARY"
        )
    return kind


def _classes(path: Path, data: Dataset) -> tuple[LabelClass, ...]:
    """Segments; number 0 is the background of a label map."""
    items = [
        LabelClass(int(required(path, item, "SegmentNumber")), str(item.get("SegmentLabel") or "").strip())
        for item in required(path, data, "SegmentSequence")
    ]
    return tuple(item for item in items if item.value != 0)


def _by_segment(path: Path, data: Dataset, kind: str, known: Collection[int]) -> dict[int, list[int]]:
    """Numbers of each segment's frames, from 0; a label map's frames show all segments and stand under 0."""
    frames = required(path, data, "PerFrameFunctionalGroupsSequence")
    told = int(required(path, data, "NumberOfFrames"))
    if len(frames) != told:
        raise SourceError(
            path,
            f"per-frame functional groups (5200,9230) must be as many as frames (0028,0008), {told}, got {len(frames)};"
            f" {_WAY_OUT}",
        )
    if kind == "LABELMAP":
        return {0: [*range(told)]}
    found: dict[int, list[int]] = {}
    for number, own in enumerate(frames):
        segment = group(path, "SegmentIdentificationSequence", own, _shared(data))
        found.setdefault(int(required(path, segment, "ReferencedSegmentNumber")), []).append(number)
    if not found.keys() <= set(known):
        raise SourceError(
            path,
            "frames must show segments (0062,000B) that the segment sequence (0062,0002) describes, got others;"
            f" {_WAY_OUT}",
        )
    return found


def _places(path: Path, data: Dataset, numbers: Sequence[int], image: Volume, regrid: Regrid | None) -> list[Slice]:
    """Slices of a segment's frames."""
    size = int(required(path, data, "Columns")), int(required(path, data, "Rows"))
    frames, shared = data.PerFrameFunctionalGroupsSequence, _shared(data)
    along = None if regrid is None else regrid.places
    places = [slice_of(path, frame_affine_mm(path, frames[number], shared), size, image, along) for number in numbers]
    different = len({place.index for place in places})
    if different != len(places):
        raise SourceError(
            path,
            f"a segment must have one frame a slice, got {len(places)} frames on {different} slices; {_WAY_OUT} in"
            " parts",
        )
    return places


def _shared(data: Dataset) -> Dataset:
    groups = data.get("SharedFunctionalGroupsSequence")
    return groups[0] if groups else Dataset()


def _covered(
    path: Path, data: Dataset, kind: str, frame: NDArray[Any], chosen: Sequence[LabelClass]
) -> NDArray[np.uint8]:
    """Foreground of a frame, ``(column, row)``."""
    if kind == "LABELMAP":
        return mask_of(frame, chosen)
    least = 1 if kind == "BINARY" else _half(path, data, int(frame.max()))
    covered: NDArray[np.bool_] = frame >= least
    return covered.view(np.uint8)


def _half(path: Path, data: Dataset, got: int) -> float:
    most = int(required(path, data, "MaximumFractionalValue"))
    if most < 1 or got > most:
        raise SourceError(
            path,
            f"fractions must be at most their maximum (0062,000E), {most}, which is above 0, got {got}; {_WAY_OUT}",
        )
    return most / 2
