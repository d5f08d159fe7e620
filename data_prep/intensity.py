"""Facts about all images' values, in memory that does not grow with their number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.manifest import Intensity

__all__ = ["IntensityCounter"]

_FLOAT_KEY_BITS = 20  # sign, exponent and 11 bits of mantissa: percentiles of floats are exact to 0.05 %


class IntensityCounter:
    """A histogram over images of one type.

    Integers have a bin a value, so everything is exact. Floats are binned by the leading bits of their binary form,
    which keeps their order; minimum, maximum, mean and standard deviation are exact for them too.

    Args:
        dtype: uint8, uint16 or float32.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self._is_float = np.issubdtype(dtype, np.floating)
        bins = 2**_FLOAT_KEY_BITS if self._is_float else 2 ** (8 * dtype.itemsize)
        self._counts = np.zeros(bins, dtype=np.int64)
        self._min, self._max = np.inf, -np.inf
        self._sum = self._sum_of_squares = 0.0

    def add(self, image: NDArray[Any]) -> None:
        """Count an image's values."""
        keys = _float_keys(image) if self._is_float else image
        self._counts += np.bincount(keys.ravel(order="K"), minlength=len(self._counts))
        self._min = min(self._min, float(image.min()))
        self._max = max(self._max, float(image.max()))
        if self._is_float:
            self._sum += float(image.sum(dtype=np.float64))
            self._sum_of_squares += float(np.square(image, dtype=np.float64).sum())

    def facts(self) -> Intensity:
        """The facts; at least one image must have been counted."""
        total = int(self._counts.sum())
        if self._is_float:
            mean = self._sum / total
            variance = max(self._sum_of_squares / total - mean**2, 0.0)
        else:
            values = np.arange(len(self._counts))
            mean = int((self._counts * values).sum()) / total
            variance = float((self._counts * (values - mean) ** 2).sum()) / total
        return Intensity(
            dtype=self.dtype.name,
            min=self._min,
            max=self._max,
            mean=mean,
            std=float(np.sqrt(variance)),
            percentile_0_5=self._percentile(0.5, total),
            percentile_99_5=self._percentile(99.5, total),
        )

    def _percentile(self, percent: float, total: int) -> float:
        """As ``numpy.percentile``: linear between the two values around the rank."""
        rank = percent / 100 * (total - 1)
        below = int(rank)
        cumulative = np.cumsum(self._counts)
        low, high = (
            self._value(int(np.searchsorted(cumulative, index, side="right")))
            for index in (below, min(below + 1, total - 1))
        )
        return low + (rank - below) * (high - low)

    def _value(self, key: int) -> float:
        if not self._is_float:
            return float(key)
        bits = np.uint32(key << (32 - _FLOAT_KEY_BITS))
        sign = np.uint32(1 << 31)
        value = float((bits ^ sign if bits & sign else ~bits).view(np.float32))
        return min(max(value, self._min), self._max)


def _float_keys(image: NDArray[Any]) -> NDArray[np.int64]:
    """Leading bits of float32, changed so that they sort as the values do."""
    bits = np.ascontiguousarray(image, dtype=np.float32).view(np.uint32)
    sign = np.uint32(1 << 31)
    ordered = np.where(bits & sign, ~bits, bits | sign)
    return (ordered >> np.uint32(32 - _FLOAT_KEY_BITS)).astype(np.int64)
