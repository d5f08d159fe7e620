"""Stored values into the values that they stand for, exactly.

``value = slope * stored + intercept`` (0028,1053), (0028,1052), slice by slice where slices differ; modalities without
rescale keep stored values. Types: CT is int16 where all values are whole and fit. Other modalities keep the stored type
(uint8, uint16, int16) without rescale, and with a whole one get the first of stored type, uint8, uint16 and int16 that
holds all values. Everything else is float32, which holds whole values to 2**24 and rounds fractions to 7 digits.

Pixel padding (0028,0120), what scanners put outside their field of view, stays as it is, rescaled like any other value;
where it occurs below -1024 HU there is a warning, since it may weigh in on statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.io.dicom.header import Header
from medseg.io.dicom.series import DicomSeriesError

__all__ = ["padding_warning", "rescale"]

_HELD_BY_FLOAT32 = 2**24
_AIR_HU = -1024


def rescale(stored: NDArray[Any], headers: Sequence[Header], *, ct: bool, where: str) -> NDArray[Any]:
    """Apply each slice's rescale.

    Args:
        stored: ``(x, y, z)`` integers; it may be changed, to save memory.
        headers: One a slice.
        ct: Whether values are Hounsfield units.
        where: Name of the series, for errors.

    Returns:
        ``(x, y, z)``.

    Raises:
        DicomSeriesError: If whole values are too large for float32 to hold exactly, or any are for it to hold at all.
    """
    pairs = [_pair(header) for header in headers]
    limits = [_limits(stored[..., index], pair) for index, pair in enumerate(pairs)]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    whole = all(_is_whole(stored[..., index], pair) for index, pair in enumerate(pairs))
    name = next((name for name in _types(stored, ct) if np.iinfo(name).min <= low and high <= np.iinfo(name).max), None)
    if whole and name:
        return _as_whole(stored, pairs, np.dtype(name))
    bound = _HELD_BY_FLOAT32 if whole else float(np.finfo(np.float32).max)
    if max(-low, high) > bound:
        raise DicomSeriesError(
            where,
            f"rescaled values must be within +-{bound:.4g}, got {low:.4g} to {high:.4g}; export 16 bits (0028,0100)",
        )
    return _as_float32(stored, pairs)


def padding_warning(voxels: NDArray[Any], headers: Sequence[Header]) -> str | None:
    """What to say of padded CT pixels, if there are any below air.

    Args:
        voxels: ``(x, y, z)`` in Hounsfield units.
        headers: One a slice.
    """
    padded = 0
    for index, header in enumerate(headers):
        slope, intercept = _pair(header)
        value = 0.0 if header.padding is None else header.padding * slope + intercept
        padded += int(np.count_nonzero(voxels[..., index] == value)) if value < _AIR_HU else 0
    if not padded:
        return None
    return f"{padded / voxels.size:.2%} of the pixels are padding (0028,0120) below {_AIR_HU} HU; they stay as they are"


def _pair(header: Header) -> tuple[float, float]:
    return float(1 if header.slope is None else header.slope), float(header.intercept or 0)


def _types(stored: NDArray[Any], ct: bool) -> list[str]:
    known = ["uint8", "uint16", "int16"]
    if ct:
        return ["int16"]
    return [stored.dtype.name, *known] if stored.dtype.name in known else known


def _limits(plane: NDArray[Any], pair: tuple[float, float]) -> tuple[float, float]:
    ends = [pair[0] * int(end) + pair[1] for end in (plane.min(), plane.max())]
    return min(ends), max(ends)


def _is_whole(plane: NDArray[Any], pair: tuple[float, float]) -> bool:
    if pair[0].is_integer() and pair[1].is_integer():
        return True
    values = np.unique(plane).astype(np.float64) * pair[0] + pair[1]
    return bool((values == np.rint(values)).all())


def _as_whole(stored: NDArray[Any], pairs: Sequence[tuple[float, float]], dtype: np.dtype[Any]) -> NDArray[Any]:
    if stored.dtype.itemsize == dtype.itemsize and all(a.is_integer() and b.is_integer() for a, b in pairs):
        return _in_place(stored, pairs, dtype)
    out = np.empty(stored.shape, dtype, order="F")
    for index, (slope, intercept) in enumerate(pairs):
        out[..., index] = stored[..., index].astype(np.float64) * slope + intercept
    return out


def _in_place(stored: NDArray[Any], pairs: Sequence[tuple[float, float]], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Rescale modulo 2**bits, which is right for every value that fits."""
    bits = 8 * dtype.itemsize
    unsigned = stored.view(f"u{dtype.itemsize}")
    for index, pair in enumerate(pairs):
        slope, intercept = (int(number) % 2**bits for number in pair)
        plane = unsigned[..., index]
        if slope != 1:
            plane *= slope
        if intercept:
            plane += intercept
    return unsigned.view(dtype)


def _as_float32(stored: NDArray[Any], pairs: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    out = np.empty(stored.shape, np.float32, order="F")
    for index, (slope, intercept) in enumerate(pairs):
        out[..., index] = stored[..., index].astype(np.float64) * slope + intercept
    return out
