"""Where the slices of a series lie.

DICOM gives positions and directions in LPS+ mm; affines leave here in RAS+ mm. The slice normal is the cross product of
the direction in which the column index runs and that of the row index (0020,0037), and slices are counted along it.

Tolerances, and what scanners need of them:

- A slice may lie ``PLACE_MM`` = 0.1 mm, or a fifth of the spacing where that is less, away from where the volume's
  affine puts it. Positions rounded to 0.1 mm need that much at worst; a missing slice shifts others by a third of the
  spacing at least.
- Across the normal it may lie 0.1 mm, or ``ACROSS`` = 0.001 of the stack's length where that is more (0.06 degrees),
  away: what directions rounded to three decimals need. A gantry is tilted by half a degree or more.
- Images within ``SAME_MM`` = 0.01 mm along the normal are at one position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.io.dicom.header import Header

__all__ = [
    "PLACE_MM",
    "Stack",
    "affine_mm",
    "axes",
    "depth_mm",
    "normal",
    "place_tolerance_mm",
    "plane_of",
    "regular_grid_mm",
    "same_positions",
    "usual_gap_mm",
]

PLACE_MM = 0.1
PLACE_SHARE = 0.2
ACROSS = 0.001
SAME_MM = 0.01
_FINER = 0.75

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Stack:
    """Positions of slices in the order given.

    Attributes:
        along_mm: ``(n,)`` position along the normal.
        across_mm: ``(n, 2)`` offset from the first slice's normal, in the directions of the column and the row index.
    """

    along_mm: NDArray[np.float64]
    across_mm: NDArray[np.float64]

    @classmethod
    def of(cls, headers: Sequence[Header]) -> Stack:
        """Measure slices that all have position and orientation; the first one's orientation counts for all."""
        positions = np.array([header.position_mm for header in headers], dtype=np.float64)
        columns, rows = axes(headers[0])
        offsets = positions - positions[0]
        return cls(positions @ np.cross(columns, rows), np.stack([offsets @ columns, offsets @ rows], axis=1))

    @property
    def gaps_mm(self) -> NDArray[np.float64]:
        """``(n - 1,)`` distances of neighbours along the normal."""
        return np.diff(self.along_mm)

    @property
    def length_mm(self) -> float:
        """Distance of the last slice from the first along the normal."""
        return float(self.along_mm[-1] - self.along_mm[0])

    def slope(self) -> NDArray[np.float64]:
        """``(2,)`` drift across the normal per mm along it, from the first to the last slice."""
        drift: NDArray[np.float64] = self.across_mm[-1] / self.length_mm
        return drift

    def tilt_degrees(self) -> float:
        """Angle between the normal and the line from the first to the last position."""
        return float(np.degrees(np.arctan(np.linalg.norm(self.slope()))))

    def off_grid_mm(self) -> float:
        """Largest distance along the normal from the regular grid between first and last slice."""
        grid = np.linspace(self.along_mm[0], self.along_mm[-1], len(self.along_mm))
        return float(np.abs(self.along_mm - grid).max())

    def off_line_mm(self) -> float:
        """Largest distance across the normal from the straight line through the first and last position."""
        line = np.outer(self.along_mm - self.along_mm[0], self.slope())
        return float(np.linalg.norm(self.across_mm - line, axis=1).max())

    def across_tolerance_mm(self) -> float:
        """How far a slice may lie from its place across the normal."""
        return max(PLACE_MM, ACROSS * self.length_mm)


def place_tolerance_mm(spacing_mm: float) -> float:
    """How far a slice may lie from its place along the normal."""
    return min(PLACE_MM, PLACE_SHARE * spacing_mm)


def axes(header: Header) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit directions, LPS, in which the column index and the row index run (0020,0037)."""
    columns, rows = np.array(header.orientation, dtype=np.float64).reshape(2, 3)
    return columns / np.linalg.norm(columns), rows / np.linalg.norm(rows)


def normal(header: Header) -> NDArray[np.float64]:
    """Unit slice normal, LPS."""
    columns, rows = axes(header)
    cross = np.cross(columns, rows)
    unit: NDArray[np.float64] = cross / np.linalg.norm(cross)
    return unit


def depth_mm(header: Header) -> float | None:
    """Depth of a slice that stands alone: the spacing between slices (0018,0088), or else its thickness (0018,0050).

    SimpleITK and dcm2niix take the two in this order, too.

    Returns:
        None where neither is above 0.
    """
    spacing, thickness = abs(header.spacing_between_mm or 0), header.slice_thickness_mm or 0
    return spacing or (thickness if thickness > 0 else None)


def plane_of(header: Header) -> str:
    """``axial``, ``coronal`` or ``sagittal``: the body plane nearest to the slice's."""
    return ("sagittal", "coronal", "axial")[int(np.abs(normal(header)).argmax())]


def same_positions(along_mm: NDArray[np.float64]) -> list[list[int]]:
    """Indices of sorted slices by position; slices within :data:`SAME_MM` of their group's first share one."""
    groups: list[list[int]] = []
    for index, place in enumerate(along_mm):
        if groups and place - along_mm[groups[-1][0]] <= SAME_MM:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def usual_gap_mm(gaps_mm: NDArray[np.float64]) -> float:
    """The commonest gap, to 0.01 mm, the smallest of several."""
    rounded = np.round(gaps_mm, 2)
    counts = Counter(rounded.tolist())
    most = max(counts.values())
    return float(np.median(gaps_mm[rounded == min(gap for gap, count in counts.items() if count == most)]))


def regular_grid_mm(along_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions for unequally spaced slices, from the first to the last.

    Their distance is the usual gap, or the smallest where that is below three quarters of it, so that no finely scanned
    part loses slices, stretched or shrunk to reach the last slice exactly.
    """
    gaps = np.diff(along_mm)
    usual, smallest = usual_gap_mm(gaps), float(gaps.min())
    step = smallest if smallest < _FINER * usual else usual
    count = round(float(along_mm[-1] - along_mm[0]) / step) + 1
    return np.linspace(along_mm[0], along_mm[-1], max(count, 2))


def affine_mm(first: Header, step_mm: NDArray[Any]) -> NDArray[np.float64]:
    """Affine of a stack.

    Args:
        first: Slice 0, with position (0020,0032), orientation (0020,0037) and pixel spacing (0028,0030), which gives
            the distance between rows first.
        step_mm: ``(3,)`` from a slice to the next, LPS.

    Returns:
        4 x 4, indices (column, row, slice) to RAS+ mm.
    """
    columns, rows = axes(first)
    between_rows, between_columns = first.pixel_spacing_mm or ()
    affine = np.eye(4)
    affine[:3, 0] = columns * between_columns
    affine[:3, 1] = rows * between_rows
    affine[:3, 2] = step_mm
    affine[:3, 3] = first.position_mm
    ras: NDArray[np.float64] = _LPS_TO_RAS @ affine
    return ras
