"""Closed contours of a structure in an RT Structure Set (PS3.3, C.8.8.6)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from medseg.errors import SourceError
from medseg.io.labels.dicom_object import required

__all__ = ["Contour", "read_contours"]

_CLOSED, _EXCLUSIVE = "CLOSED_PLANAR", "CLOSEDPLANAR_XOR"
_OPEN = ("OPEN_PLANAR", "OPEN_NONPLANAR")
_MARKER = "POINT"
_DATA = 0x30060050
_ITEM_GROUP = 0xFFFE
_FEWEST_POINTS = 3
# Beyond it a value is damage, not a body.
_FARTHEST_MM = 1e5
_WAY_OUT = "export it again"


@dataclass(frozen=True, eq=False)
class Contour:
    """A closed contour.

    Attributes:
        points_mm: ``(n, 3)`` RAS+, at least three; the last joins the first.
        exclusive: Whether its type says that where it overlaps others the structure ends and begins.
    """

    points_mm: NDArray[np.float64]
    exclusive: bool


def read_contours(path: Path, data: Dataset, number: int) -> tuple[list[Contour], tuple[str, ...]]:
    """Read the contours of a structure.

    Args:
        path: The file, for messages.
        data: The RT Structure Set.
        number: ROI number (3006,0022).

    Returns:
        Contours in the file's order, without points that are mere markers, and what is odd.

    Raises:
        SourceError: If a contour is open, damaged or cut short.
    """
    found: list[Contour] = []
    tiny = 0
    for roi in required(path, data, "ROIContourSequence"):
        _require_apart(path, roi)
        if int(required(path, roi, "ReferencedROINumber")) != number:
            continue
        for item in roi.get("ContourSequence") or []:
            _require_apart(path, item)
            kind = str(required(path, item, "ContourGeometricType"))
            if kind == _MARKER:
                continue
            _require_closed(path, kind)
            points = _points_mm(path, item)
            if len(points) < _FEWEST_POINTS:
                tiny += 1
            else:
                found.append(Contour(points, exclusive=kind == _EXCLUSIVE))
    return found, _warnings(found, tiny)


def _warnings(found: list[Contour], tiny: int) -> tuple[str, ...]:
    odd = []
    if tiny:
        odd.append(
            f"{tiny} contours of fewer than {_FEWEST_POINTS} points (3006,0046) enclose nothing and are left out"
        )
    if not found:
        odd.append("a chosen structure has no closed contour (3006,0042), so no voxels")
    return tuple(odd)


def _require_apart(path: Path, item: Dataset) -> None:
    """An item whose length is too large swallows those behind it, and their contours with them."""
    if any(tag >> 16 == _ITEM_GROUP for tag in item.keys()):  # noqa: SIM118
        raise SourceError(
            path, f"items of sequences (3006,0039), (3006,0040) must be apart, got some within another; {_WAY_OUT}"
        )


def _require_closed(path: Path, kind: str) -> None:
    if kind not in (_CLOSED, _EXCLUSIVE):
        got = kind if kind in _OPEN else "another"
        raise SourceError(
            path,
            f"contour type (3006,0042) must be {_CLOSED}, got {got}; export closed ones, or choose another structure",
        )


def _points_mm(path: Path, item: Dataset) -> NDArray[np.float64]:
    """``(n, 3)`` points of a contour, RAS+."""
    # pydicom's own conversion makes an object of each number.
    value: Any = item.get_item(_DATA).value if _DATA in item else None
    numbers = value.strip(b" \0").split(b"\\") if isinstance(value, bytes) else value or ()
    points = np.array([float(number) for number in numbers]).reshape(-1, 3)
    told = item.get("NumberOfContourPoints")
    if told is not None and int(told) != len(points):
        raise SourceError(
            path,
            f"contour data (3006,0050) must have the points that (3006,0046) tells, {int(told)}, got {len(points)};"
            f" {_WAY_OUT}",
        )
    if not (np.abs(points) <= _FARTHEST_MM).all():
        raise SourceError(
            path, f"contour data (3006,0050) must be within +-{_FARTHEST_MM:g} mm, got others; {_WAY_OUT}"
        )
    return points * [-1.0, -1.0, 1.0]
