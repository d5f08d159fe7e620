"""Which values lie far from the others, by a rule that the outliers themselves do not blunt."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean, median

__all__ = ["LEAST_CASES", "RULE", "THRESHOLD", "outliers"]

LEAST_CASES = 5
THRESHOLD = 3.5
RULE = (
    f"An outlier has a modified z-score above {THRESHOLD} or below \N{MINUS SIGN}{THRESHOLD}: its distance from the"
    " median, divided by 1.4826 times the median distance, or by 1.2533 times the mean distance where more than half of"
    f" the cases have one value. Outliers are looked for from {LEAST_CASES} cases on."
)

# They make median and mean distance estimates of a normal distribution's standard deviation.
_MEDIAN_FACTOR, _MEAN_FACTOR = 1.4826, 1.2533


def outliers(values: Mapping[str, float]) -> dict[str, float]:
    """Modified z-scores of those beyond the threshold.

    After Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993. Where the median distance is 0 they leave the
    score open; the mean distance takes its place, as in IBM SPSS.

    Args:
        values: By case.

    Returns:
        By case, in order; empty if there are too few.
    """
    if len(values) < LEAST_CASES:
        return {}
    middle = median(values.values())
    distances = [abs(value - middle) for value in values.values()]
    scale = _MEDIAN_FACTOR * median(distances) or _MEAN_FACTOR * fmean(distances)
    if scale == 0:
        return {}
    scores = {name: (value - middle) / scale for name, value in values.items()}
    return {name: score for name, score in scores.items() if abs(score) > THRESHOLD}
