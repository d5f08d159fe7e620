"""Bootstrap interval of a mean.

Efron, "Better Bootstrap Confidence Intervals", 1987, https://doi.org/10.1080/01621459.1987.10478410 (BCa). Scores are
bounded and skewed: an interval from the normal approximation passes 1, this one stays within the scores and leans to
the side of their tail.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import bootstrap

__all__ = ["mean_interval"]

_RESAMPLES = 5000
# Drawn in parts, so that memory does not grow with the number of values.
_DRAWN_AT_ONCE = 2_000_000


def mean_interval(values: ArrayLike, *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Bootstrap interval (BCa) of the mean of independent values.

    The same values in the same order give the same interval: resampling has a seed of its own. Of few values it is too
    narrow, and it knows nothing of what was the same for all of them, such as the training's seed.

    Args:
        values: Finite, one an image or volume.
        confidence: Share of such intervals that hold the true mean, for many values.

    Returns:
        Lower and upper end, in the values' unit and within their range. Where values differ by no more than rounding,
        the least and the largest. None below two values.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.size < 2:
        return None
    least, largest = float(sample.min()), float(sample.max())
    if np.isclose(least, largest, rtol=1e-9, atol=1e-12):  # BCa divides by the spread
        return least, largest
    ends = bootstrap(
        (sample,),
        np.mean,
        n_resamples=_RESAMPLES,
        batch=max(_DRAWN_AT_ONCE // sample.size, 1),
        vectorized=True,
        confidence_level=confidence,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    # A mean of equal values may miss them by rounding.
    return max(float(ends.low), least), min(float(ends.high), largest)
