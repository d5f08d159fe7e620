"""Closed contours into pixels.

A pixel is covered if its centre lies inside by the even-odd rule over all contours together, or on a contour. So a
contour within another is a hole, contours side by side add up, the keyhole that joins a hole to its outer contour
leaves no trace, and contours drawn from pixel centre to pixel centre give back the pixels on which they were drawn. The
border of what is covered is within half a pixel of the contour.

Where no centre lies on a contour, scikit-image's ``polygon`` covers the same pixels. It tests each of them against each
edge, 27 ms for 300 points around 31000 pixels and 820 ms for 1500 around 126000; here each row is crossed with the
edges that reach it, 2 ms for either.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["fill_contours"]

# Positions are decimal texts of mm, so a contour runs through a pixel's centre to rounding.
_ON_PX = 1e-3
# Contours of a slice cross its rows some thousand times; this many take 200 MB.
_MOST_CROSSINGS = 2**22

_Stretches = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]
"""Rows, and where on them a stretch of covered places begins and ends."""


def fill_contours(contours: Sequence[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Cover the inside of the contours of one slice.

    Args:
        contours: Each ``(n, 2)`` pixel indices (x, y); the last point joins the first.
        shape: ``(x, y)`` of the slice; what lies beyond is left out.

    Returns:
        ``(x, y)``.

    Raises:
        ValueError: If the contours cross rows so often that it would take too much memory.
    """
    snapped = [_snap(contour) for contour in contours]
    starts = np.concatenate(snapped)
    ends = np.concatenate([np.roll(contour, -1, axis=0) for contour in snapped])
    inside = _inside(starts, ends, shape[1])
    # Rows are crossed from one end of an edge up to the other, without it: tops and level edges are added.
    level = starts[:, 1] == ends[:, 1]
    on = [_along_rows(starts[level], ends[level]), _along_rows(starts, starts)]
    rows, first, last = (np.concatenate(parts) for parts in zip(inside, *on, strict=True))
    return _cover(rows, first, last, shape)


def _snap(points: NDArray[np.float64]) -> NDArray[np.float64]:
    nearest = np.rint(points)
    return np.where(np.abs(points - nearest) < _ON_PX, nearest, points)


def _inside(starts: NDArray[np.float64], ends: NDArray[np.float64], height: int) -> _Stretches:
    """Stretches between each odd crossing of a row and the next."""
    low, high = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    first = np.clip(np.ceil(low), 0, height).astype(np.int64)
    counts = np.clip(np.ceil(high), 0, height).astype(np.int64) - first
    total = int(counts.sum())
    if total > _MOST_CROSSINGS:
        raise ValueError(f"contours of a slice must cross its rows at most {_MOST_CROSSINGS} times, got {total}")
    edge = np.repeat(np.arange(len(counts)), counts)
    rows = first[edge] + np.arange(total) - (np.cumsum(counts) - counts)[edge]
    run, rise = (ends - starts)[edge].T
    places = starts[edge, 0] + (rows - starts[edge, 1]) * run / rise
    order = np.lexsort((places, rows))
    return rows[order][::2], places[order][::2], places[order][1::2]


def _along_rows(starts: NDArray[np.float64], ends: NDArray[np.float64]) -> _Stretches:
    """Points and level edges that lie on a row of centres."""
    on = starts[:, 1] == np.rint(starts[:, 1])
    places = starts[on, 0], ends[on, 0]
    return starts[on, 1].astype(np.int64), np.minimum(*places), np.maximum(*places)


def _cover(
    rows: NDArray[np.int64], first: NDArray[np.float64], last: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Pixels whose centres lie on the stretches."""
    width, height = shape
    begin = np.clip(np.ceil(first - _ON_PX), 0, width).astype(np.int64)
    end = np.clip(np.floor(last + _ON_PX) + 1, 0, width).astype(np.int64)
    kept = (begin < end) & (rows >= 0) & (rows < height)
    at = rows[kept] * (width + 1)
    changes = [np.bincount(at + places[kept], minlength=height * (width + 1)) for places in (begin, end)]
    depth = (changes[0] - changes[1]).reshape(height, width + 1).cumsum(axis=1)
    return depth[:, :width].T > 0
