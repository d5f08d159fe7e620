"""The outline of a mask's pixels as closed contours.

Contours follow the pixels' edges, a hundredth of a pixel inside of them. So they run through no pixel's centre and,
channels apart, along no row or column of centres: every reader that asks whether a centre lies inside gets the mask
back exactly, and so do readers that round points to whole pixels and cover what they join, as OpenCV's ``fillPoly``.
Area and border are the mask's own, to that hundredth.

Pixels that touch at a corner only are apart: each part that hangs together by its pixels' edges gets one contour. Holes
are joined to it by a keyhole, a channel without width (PS3.3, C.8.8.6.3), since readers differ on what a contour within
another means: plastimatch fills it, others do not. A channel runs through foreground, a quarter of a pixel beside the
centres, and the contour passes through it in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["outline"]

_INSET_PX = 0.01
_CHANNEL_PX = 0.25

# Sides on which the foreground lies at a corner, by which of the four pixels around it are foreground: bits 1 to 8 for
# (-1, -1), (1, -1), (-1, 1) and (1, 1). Where two touch at the corner, each has one of its own.
_CORNERS = (
    *((1, (-1, -1)), (2, (1, -1)), (4, (-1, 1)), (8, (1, 1))),
    *((14, (1, 1)), (13, (-1, 1)), (11, (1, -1)), (7, (-1, -1))),
    *((6, (1, -1)), (6, (-1, 1)), (9, (-1, -1)), (9, (1, 1))),
)
_IS_CORNER = np.isin(np.arange(16), [around for around, _ in _CORNERS])

_Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Outline:
    """Corners of the pixels' outline; (i, j) is that between pixels i - 1 and i along x, j - 1 and j along y.

    Attributes:
        at: ``(n, 2)`` i and j.
        toward: ``(n, 2)`` -1 or 1: the side along x and y on which the foreground lies.
        after: ``(n,)`` the next corner, with the foreground to the left where x points right and y up.
    """

    at: _Ints
    toward: _Ints
    after: _Ints

    @property
    def points(self) -> NDArray[np.float64]:
        """``(n, 2)`` in pixels, (0, 0) being a centre."""
        points: NDArray[np.float64] = self.at - 0.5 + _INSET_PX * self.toward
        return points


def outline(mask_xy: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Outline a mask.

    Args:
        mask_xy: ``(x, y)`` of 0 and 1.

    Returns:
        Closed contours, one for each part of the mask, each ``(n, 2)`` pixel indices (x, y); the last point joins the
        first.
    """
    filled = [np.flatnonzero(mask_xy.any(axis=1 - axis)) for axis in range(2)]
    if not filled[0].size:
        return []
    (left, right), (bottom, top) = ((int(places[0]), int(places[-1]) + 1) for places in filled)
    return [contour + np.array((left, bottom)) for contour in _outline_part(mask_xy[left:right, bottom:top])]


def _outline_part(mask_xy: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    found = _trace(mask_xy)
    points, after = found.points.tolist(), found.after.tolist()
    for low, target in _channels(found, _loops(after)):
        _join(points, after, low, target, found.at[low, 1] + _CHANNEL_PX)
    return [np.array([points[index] for index in loop]) for loop in _loops(after)]


def _trace(mask_xy: NDArray[np.uint8]) -> _Outline:
    padded = np.pad(mask_xy, 1)
    around = padded[:-1, :-1] + 2 * padded[1:, :-1] + 4 * padded[:-1, 1:] + 8 * padded[1:, 1:]
    places = np.argwhere(_IS_CORNER[around])
    kinds = around[places[:, 0], places[:, 1]]
    chosen = [np.flatnonzero(kinds == kind) for kind, _ in _CORNERS]
    at = places[np.concatenate(chosen)]
    sides = np.array([side for _, side in _CORNERS], np.int64)
    toward = np.repeat(sides, [len(indices) for indices in chosen], axis=0)
    after = np.empty(len(at), np.int64)
    for axis in range(2):
        starts, ends = _edges(at, toward, axis)
        after[starts] = ends
    return _Outline(at, toward, after)


def _edges(at: _Ints, toward: _Ints, axis: int) -> tuple[_Ints, _Ints]:
    """Corners at which the edges along an axis start and end: neighbours on a line with the foreground on one side."""
    other = 1 - axis
    order = np.lexsort((at[:, axis], toward[:, other], at[:, other]))
    low, high = order[::2], order[1::2]
    # The foreground is to the left of what runs up a row or down a column on its upper side.
    forward = toward[low, other] == (1 if axis == 0 else -1)
    return np.where(forward, low, high), np.where(forward, high, low)


def _loops(after: list[int]) -> list[list[int]]:
    """Closed sequences of points."""
    left = [True] * len(after)
    found = []
    for start in range(len(after)):
        loop = []
        index = start
        while left[index]:
            left[index] = False
            loop.append(index)
            index = after[index]
        if loop:
            found.append(loop)
    return found


def _channels(found: _Outline, loops: list[list[int]]) -> list[tuple[int, int]]:
    """For each hole the lower corner of its leftmost edge, and the upper one of the edge to the left of it.

    What lies to the left bounds the same part of the mask: its outer contour, or a hole that reaches farther left and
    is joined itself. Several channels may reach one edge; they are sorted from its lower end on.
    """
    places = found.points[:, 0].tolist()
    x, y = found.at.T
    upright = x == x[found.after]
    first = [min((corner for corner in loop if upright[corner]), key=places.__getitem__) for loop in loops]
    # The leftmost edge of a hole has the foreground to its left, that of an outer contour to its right.
    holes = np.array([corner for corner in first if found.toward[corner, 0] < 0], np.int64)
    if not holes.size:
        return []
    holes = holes[np.argsort(y[holes], kind="stable")]
    upper = np.flatnonzero(upright & (found.toward[:, 0] > 0))
    lengths = y[upper] - y[found.after[upper]]
    edge = np.repeat(upper, lengths)
    rows = y[edge] - 1 - (np.arange(len(edge)) - np.repeat(np.cumsum(lengths) - lengths, lengths))
    width = int(x.max()) + 1
    keys = rows * width + x[edge]
    order = np.argsort(keys)
    beside = edge[order[np.searchsorted(keys[order], y[holes] * width + x[holes]) - 1]]
    return list(zip(holes.tolist(), beside.tolist(), strict=True))


def _join(points: list[list[float]], after: list[int], low: int, target: int, y: float) -> None:
    """Lead a contour through a channel at height ``y``, around the hole and back."""
    there, at_hole, from_hole, back = range(len(points), len(points) + 4)
    near, far = [points[target][0], y], [points[low][0], y]
    points += [near, far, far, near]
    after += [at_hole, after[low], back, after[target]]
    after[low], after[target] = from_hole, there
