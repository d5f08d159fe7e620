"""Bins and ticks at round numbers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from data_prep.report.facts import ReportFacts

__all__ = ["ValueBins", "round_edges", "round_step"]

_MOST_VALUE_BINS = 128
_MARGIN = 0.1
_ROUNDING = 1e-9


def round_step(span: float, most: int, *, whole: bool = False) -> float:
    """The smallest of 1, 2, 5, 10, ... times a power of ten of which at most ``most`` fit into a span above 0."""
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if span / (power * factor) <= most * (1 + _ROUNDING))
    return max(step, 1.0) if whole else step


def round_edges(low: float, high: float, most: int, *, whole: bool = False) -> NDArray[np.float64]:
    """Edges of equal bins at round numbers around ``low`` and ``high``, which may be equal; each value lies in one bin.

    Args:
        low: Least value.
        high: Largest value.
        most: Most bins, give or take one.
        whole: Whether values are whole numbers, of which each bin must hold equally many.
    """
    step = round_step(high - low or abs(high) or 1.0, most, whole=whole)
    edges = np.arange(math.floor(low / step), math.floor(high / step + _ROUNDING) + 2) * step
    # To the digits of the step, so that the edge at 33.9 is no more than the value 33.9.
    return edges.astype(np.float64).round(max(0, -math.floor(math.log10(step) + _ROUNDING)))


class ValueBins:
    """Histograms of images' values, all over the same bins.

    Args:
        report: The bins reach from its intensities' 0.5th to 99.5th percentile and a tenth of that beyond, so that a
            few extreme voxels do not squeeze the rest.
    """

    def __init__(self, report: ReportFacts) -> None:
        intensity = report.manifest.intensity
        low, high = intensity.percentile_0_5, intensity.percentile_99_5
        margin = _MARGIN * (high - low)
        self.edges = round_edges(
            max(low - margin, intensity.min),
            min(high + margin, intensity.max),
            _MOST_VALUE_BINS,
            whole=not any(facts.dtype.startswith("float") for _, facts in report.cases),
        )

    def count(self, values: tuple[float, ...], counts: tuple[int, ...]) -> NDArray[np.float64]:
        """Voxels in each bin.

        Args:
            values: Different values.
            counts: How often each occurs.
        """
        found: NDArray[np.float64] = np.histogram(np.array(values), self.edges, weights=np.array(counts, np.float64))[0]
        return found
