"""Faults of geometry: they change where the scanner looks, so the pictures are those of the faulty planes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from data_prep.phantom.acquisition import Acquisition, Plane
from data_prep.phantom.shapes import Triple

__all__ = [
    "duplicate_slice",
    "irregular_gaps",
    "missing_slice",
    "mixed_orientation",
    "mixed_size",
    "mixed_spacing",
    "tilt",
    "two_acquisitions",
]

_TILT_DEGREES = 14.0


def tilt(scan: Acquisition) -> Acquisition:
    """Turn each plane about the patient's left-right axis while the table moves along the body."""
    cos, sin = np.cos(np.radians(_TILT_DEGREES)), np.sin(np.radians(_TILT_DEGREES))

    def turned(plane: Plane) -> Plane:
        y = plane.column[1]
        return _about_centre(plane, plane.row, (0.0, float(y * cos), float(-y * sin)))

    return replace(scan, planes=tuple(map(turned, scan.planes)), tilt_degrees=_TILT_DEGREES)


def missing_slice(scan: Acquisition) -> Acquisition:
    """Leave out the middle slice."""
    middle = len(scan.planes) // 2
    return replace(scan, planes=(*scan.planes[:middle], *scan.planes[middle + 1 :]))


def duplicate_slice(scan: Acquisition) -> Acquisition:
    """Scan the middle slice twice, under two instance numbers."""
    middle = len(scan.planes) // 2
    twin = replace(scan.planes[middle], number=_next_number(scan))
    return replace(scan, planes=(*scan.planes[: middle + 1], twin, *scan.planes[middle + 1 :]))


def irregular_gaps(scan: Acquisition) -> Acquisition:
    """Make the gaps half as large again from the middle on."""
    middle = len(scan.planes) // 2
    step_mm = 0.5 * scan.gap_mm

    def moved(index: int, plane: Plane) -> Plane:
        x, y, z = np.asarray(plane.position_mm) + max(0, index - middle) * step_mm * plane.normal
        return replace(plane, position_mm=(float(x), float(y), round(float(z), 3)))

    return replace(scan, planes=tuple(moved(index, plane) for index, plane in enumerate(scan.planes)))


def two_acquisitions(scan: Acquisition) -> Acquisition:
    """Scan everything again at once, under the same SeriesInstanceUID and another AcquisitionNumber."""
    first = _next_number(scan)
    again = [replace(plane, number=first + plane.number, acquisition=2) for plane in scan.planes]
    return replace(scan, planes=(*scan.planes, *again))


def mixed_orientation(scan: Acquisition) -> Acquisition:
    """Make the last third coronal."""
    return _change_last_third(scan, lambda plane: _about_centre(plane, (1.0, 0.0, 0.0), (0.0, 0.0, -1.0)))


def mixed_spacing(scan: Acquisition) -> Acquisition:
    """Zoom into the last third."""
    return _change_last_third(
        scan, lambda plane: _about_centre(replace(plane, pixel_mm=round(0.8 * plane.pixel_mm, 4)), like=plane)
    )


def mixed_size(scan: Acquisition) -> Acquisition:
    """Give the last third half as many columns and rows over the same field."""

    def coarser(plane: Plane) -> Plane:
        columns, rows = (size // 2 for size in plane.size_px)
        return _about_centre(replace(plane, size_px=(columns, rows), pixel_mm=2 * plane.pixel_mm), like=plane)

    return _change_last_third(scan, coarser)


def _change_last_third(scan: Acquisition, change: Callable[[Plane], Plane]) -> Acquisition:
    kept = len(scan.planes) - max(1, len(scan.planes) // 3)
    return replace(scan, planes=(*scan.planes[:kept], *map(change, scan.planes[kept:])))


def _about_centre(
    plane: Plane, row: Triple | None = None, column: Triple | None = None, *, like: Plane | None = None
) -> Plane:
    """The plane with other directions, or other pixels, and with the centre of ``like``, which is itself by default."""
    centre = (plane if like is None else like).centre_mm
    turned = replace(plane, row=row or plane.row, column=column or plane.column)
    x, y, z = (round(float(value), 6) for value in np.asarray(plane.position_mm) + centre - turned.centre_mm)
    return replace(turned, position_mm=(x, y, z))


def _next_number(scan: Acquisition) -> int:
    return max(plane.number for plane in scan.planes) + 1
