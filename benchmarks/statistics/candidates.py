"""Kinds of intervals that were considered, and the one that is used."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from medseg.statistics.interval import interval_and_p
from medseg.statistics.resample import Source, degrees, draw, variance

__all__ = ["CANDIDATES"]

Ends = tuple[float, float]
_TAILS = (0.025, 0.975)


def percentile(mean: float, sources: Sequence[Source], resamples: int, rng: np.random.Generator) -> Ends:
    """Percentiles of resampled means, without any correction for small numbers."""
    low, high = np.quantile(mean + draw(_plain(sources), resamples, rng), _TAILS)
    return float(low), float(high)


def bca(mean: float, sources: Sequence[Source], resamples: int, rng: np.random.Generator) -> Ends:
    """Efron's bias-corrected and accelerated percentiles."""
    deviations = draw(_plain(sources), resamples, rng)
    bias = norm.ppf(np.clip(((deviations < 0).mean() + (deviations <= 0).mean()) / 2, 1e-6, 1 - 1e-6))
    third = sum((source.pool**3).mean() * (source.weights**3).sum() for source in sources)
    second = variance(sources)
    acceleration = third / (6 * second**1.5) if second > 0 else 0.0
    shifted = bias + norm.ppf(_TAILS)
    low, high = np.quantile(mean + deviations, norm.cdf(bias + shifted / (1 - acceleration * shifted)))
    return float(low), float(high)


def student(mean: float, sources: Sequence[Source], resamples: int, rng: np.random.Generator) -> Ends:
    """Student's t with the bootstrap's standard error."""
    reach = float(t.ppf(_TAILS[1], degrees(sources))) * math.sqrt(variance(sources))
    return mean - reach, mean + reach


def expanded_percentile(mean: float, sources: Sequence[Source], resamples: int, rng: np.random.Generator) -> Ends:
    """Percentiles as far out as Student's t goes, of deviations scaled up for small numbers (Hesterberg 2015)."""
    tails = norm.cdf(t.ppf(_TAILS, degrees(sources)))
    low, high = np.quantile(mean + draw(sources, resamples, rng), tails)
    return float(low), float(high)


def studentised(mean: float, sources: Sequence[Source], resamples: int, rng: np.random.Generator) -> Ends:
    """Bootstrap-t: each resample's deviation by its own standard error."""
    deviation, spread = np.zeros(resamples), np.zeros(resamples)
    for source in sources:
        drawn = source.pool[rng.integers(0, len(source.pool), (resamples, len(source.weights)))]
        deviation += drawn @ source.weights
        spread += drawn.var(axis=1, ddof=1) * (source.weights**2).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.nan_to_num(deviation / np.sqrt(spread), nan=0.0, posinf=1e6, neginf=-1e6)
    error = math.sqrt(variance(sources))
    low, high = mean - error * np.quantile(ratios, _TAILS[::-1])
    return float(low), float(high)


def used(mean: float, sources: Sequence[Source], resamples: int, rng: np.random.Generator) -> Ends:
    """What comparisons use."""
    interval, _ = interval_and_p(mean, sources, confidence=0.95, rng=rng, resamples=resamples)
    assert interval is not None
    return interval.low, interval.high


CANDIDATES: Mapping[str, Callable[[float, Sequence[Source], int, np.random.Generator], Ends]] = {
    "percentile": percentile,
    "BCa": bca,
    "Student's t": student,
    "expanded percentile": expanded_percentile,
    "bootstrap-t": studentised,
    "farther end of t and expanded (used)": used,
}


def _plain(sources: Sequence[Source]) -> list[Source]:
    """The sources as plain resampling has them."""
    return [Source(_unscaled(source), source.weights, source.degrees) for source in sources]


def _unscaled(source: Source) -> NDArray[np.float64]:
    return source.pool * math.sqrt(source.degrees / (source.degrees + 1))
