"""Interval and p value of a mean from resampling.

Percentiles of the resampled means, taken as far out as Student's t goes instead of the normal distribution (Hesterberg
2015, "expanded percentile").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from medseg.statistics.evidence import Interval
from medseg.statistics.resample import Source, degrees, draw

__all__ = ["interval_and_p"]

RESAMPLES = 10_000


def interval_and_p(
    mean: float, sources: Sequence[Source], *, confidence: float, rng: np.random.Generator
) -> tuple[Interval | None, float]:
    """Interval of a mean, and the two-sided p value of its being 0.

    Returns:
        The interval, None without sources; and the p value, 1 without sources or where nothing but 0 was seen.
    """
    if not sources:
        return None, 1.0
    means = mean + draw(sources, RESAMPLES, rng)
    freedom = degrees(sources)
    tail = norm.cdf(t.ppf((1 - confidence) / 2, freedom))
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(low), float(high)), _p_value(means, freedom)


def _p_value(means: NDArray[np.float64], freedom: float) -> float:
    below = ((means < 0).sum() + (means == 0).sum() / 2) / len(means)
    share = max(min(below, 1 - below), 1 / len(means))
    return float(min(2 * t.cdf(norm.ppf(share), freedom), 1.0))
