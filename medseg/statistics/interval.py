"""Interval and p value of a mean from resampling.

Two intervals are taken from the same resampling, and on each side the end that lies farther out. Percentiles of the
resampled means lean to the side of the longer tail, as differences of Dice have one; they are taken as far out as
Student's t goes (Hesterberg 2015, "expanded percentile"). But percentiles end where resampled means end, which is too
near for two seeds or six sections: Student's t with the resampling's standard error does not. Coverage was simulated:
docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from medseg.statistics.evidence import Interval
from medseg.statistics.resample import Source, degrees, draw, variance

__all__ = ["interval_and_p"]

_RESAMPLES = 10_000


def interval_and_p(
    mean: float,
    sources: Sequence[Source],
    *,
    confidence: float,
    rng: np.random.Generator,
    resamples: int = _RESAMPLES,
) -> tuple[Interval | None, float]:
    """Interval of a mean, and the two-sided p value of its being 0: 1 - confidence where the interval would end at 0.

    Returns:
        The interval, None without sources; and the p value, 1 without sources or where nothing but 0 was seen.
    """
    if not sources:
        return None, 1.0
    freedom, error = degrees(sources), math.sqrt(variance(sources))
    means = mean + draw(sources, resamples, rng)
    reach = float(t.ppf((1 + confidence) / 2, freedom))
    tail = norm.cdf(-reach)
    low, high = np.quantile(means, [tail, 1 - tail])
    interval = Interval(min(float(low), mean - reach * error), max(float(high), mean + reach * error))
    statistics = [_percentile_statistic(means)] + ([abs(mean) / error] if error > 0 else [])
    return interval, float(min(2 * t.sf(min(statistics), freedom), 1.0))


def _percentile_statistic(means: NDArray[np.float64]) -> float:
    """How far out 0 is among the resampled means; infinite where all lie on one side."""
    below = ((means < 0).sum() + (means == 0).sum() / 2) / len(means)
    return float(norm.isf(min(below, 1 - below)))
