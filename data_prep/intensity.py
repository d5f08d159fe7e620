"""Facts about images' values: counted case by case, summed up over all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.case_facts import CaseFacts
from medseg.manifest import Intensity

__all__ = ["MIXED", "CountedValues", "count_values", "intensity_facts"]

MIXED = "mixed"
"""``Intensity.dtype`` where cases are stored in different types."""

_FLOAT_KEY_BITS = 20  # sign, exponent and 11 bits of mantissa: percentiles of floats are exact to 0.05 %
_SIGN = np.uint32(1 << 31)


@dataclass(frozen=True)
class CountedValues:
    """A histogram of an image.

    Integers have a bin a value, so everything is exact. Floats are binned by the leading bits of their binary form,
    which keeps their order; the first and the last bin are called by minimum and maximum, which are exact.

    Attributes:
        values: Ascending; what a bin is called.
        counts: How many voxels it has.
        total: Sum of all voxels' values, and of their squares.
    """

    values: tuple[float, ...]
    counts: tuple[int, ...]
    total: tuple[float, float]


def count_values(image: NDArray[Any]) -> CountedValues:
    """Count an image's values, slice by slice, so that no large array is made.

    Args:
        image: ``(x, y, z)`` in an integer type of at most 16 bits, or float32.
    """
    is_float = np.issubdtype(image.dtype, np.floating)
    low = 0 if is_float else int(image.min())
    bins = 2**_FLOAT_KEY_BITS if is_float else int(image.max()) - low + 1
    counts = np.zeros(bins, dtype=np.int64)
    total = [0.0, 0.0]
    for z in range(image.shape[2]):
        layer = image[..., z].ravel(order="K")
        keys = _float_keys(layer) if is_float else np.subtract(layer, low, dtype=np.int64)
        counts += np.bincount(keys, minlength=bins)
        if is_float:
            total[0] += float(layer.sum(dtype=np.float64))
            total[1] += float(np.square(layer, dtype=np.float64).sum())
    found = np.flatnonzero(counts)
    if is_float:
        return CountedValues(*_float_bins(image, counts, found), (total[0], total[1]))
    values = found + low
    total = [float(int((counts[found] * values**power).sum())) for power in (1, 2)]
    return CountedValues(tuple(map(float, values)), tuple(map(int, counts[found])), (total[0], total[1]))


def intensity_facts(cases: Sequence[CaseFacts]) -> Intensity:
    """Facts over all cases, of which there must be one; percentiles as ``numpy.percentile`` gives them."""
    merged: Counter[float] = Counter()
    for case in cases:
        for value, count in zip(case.values, case.counts, strict=True):
            merged[value] += count
    values = sorted(merged)
    counts = np.array([merged[value] for value in values])
    total = int(counts.sum())
    mean = sum(case.total[0] for case in cases) / total
    dtypes = sorted({case.dtype for case in cases})
    if dtypes == ["float32"]:
        variance = max(sum(case.total[1] for case in cases) / total - mean**2, 0.0)
    else:
        variance = float((counts * (np.array(values) - mean) ** 2).sum()) / total
    cumulative = np.cumsum(counts)
    return Intensity(
        dtype=dtypes[0] if len(dtypes) == 1 else MIXED,
        min=values[0],
        max=values[-1],
        mean=mean,
        std=float(np.sqrt(variance)),
        percentile_0_5=_percentile(0.5, values, cumulative),
        percentile_99_5=_percentile(99.5, values, cumulative),
    )


def _percentile(percent: float, values: Sequence[float], cumulative: NDArray[np.int64]) -> float:
    """Linear between the two values around the rank."""
    last = int(cumulative[-1]) - 1
    rank = percent / 100 * last
    below = int(rank)
    low, high = (
        values[int(np.searchsorted(cumulative, index, side="right"))] for index in (below, min(below + 1, last))
    )
    return low + (rank - below) * (high - low)


def _float_keys(values: NDArray[Any]) -> NDArray[np.int64]:
    """Leading bits of float32, changed so that they sort as the values do."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return (ordered >> np.uint32(32 - _FLOAT_KEY_BITS)).astype(np.int64)


def _float_bins(
    image: NDArray[Any], counts: NDArray[np.int64], found: NDArray[np.int64]
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    low, high = float(image.min()), float(image.max())
    if len(found) == 1 and low < high:
        most = int((image == high).sum())
        return (low, high), (int(counts[found[0]]) - most, most)
    values = [*map(_float_value, found)]
    values[0], values[-1] = low, high
    return tuple(values), tuple(map(int, counts[found]))


def _float_value(key: int) -> float:
    bits = np.uint32(int(key) << (32 - _FLOAT_KEY_BITS))
    return float((bits ^ _SIGN if bits & _SIGN else ~bits).view(np.float32))
