"""What a mean over units may have been instead: resampling of units, of stretches of neighbours, of trainings.

Each source of chance is resampled by itself and the deviations are added: units (or, within a block, stretches of
neighbouring cases) and trainings, which all cases of a fold share. Resampling k values understates their variance by
(k - 1) / k, which matters for two seeds or six patients, so deviations are scaled up (Hesterberg, "What Teachers Should
Know About the Bootstrap", 2015, https://doi.org/10.1080/00031305.2015.1089789).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.statistics.sample import Sample

__all__ = ["Source", "block_length", "degrees", "draw", "sources_of", "variance"]

# Drawn in parts, so that memory does not grow with the number of cases.
_DRAWN_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Source:
    """One source of chance in a mean.

    Attributes:
        pool: Deviations to draw from with replacement, their mean being 0.
        weights: A deviation is drawn for each; the mean deviates by their weighted sum.
        degrees: Degrees of freedom of the pool's variance.
    """

    pool: NDArray[np.float64]
    weights: NDArray[np.float64]
    degrees: float

    @property
    def variance(self) -> float:
        """Of the mean, from this source."""
        return float((self.pool**2).mean() * (self.weights**2).sum())


def sources_of(sample: Sample, *, within: bool) -> list[Source]:
    """Sources of chance in ``sample.mean``.

    Args:
        sample: The values.
        within: Whether units stay as they are and stretches of their cases are resampled, for too few units.

    Returns:
        Empty where nothing can be resampled: a single unit, or single cases within units.
    """
    if within:
        several = all(len(cases) > 1 for cases in sample.cases)
        sources = [_stretches(cases, len(sample.units)) for cases in sample.cases] if several else []
    else:
        sources = [_units(sample.units)] if len(sample.units) > 1 else []
    if sources and sample.runs.degrees:
        runs = sample.runs
        sources.append(Source(runs.effects * runs.scales, runs.shares, runs.degrees))
    return sources


def block_length(cases: int) -> int:
    """Length of the stretches of neighbours that are resampled together: a fifth of ``cases``, and at least the root.

    The root would be about best for neighbours that correlate by 0.5, but slices of a scan do so by more, and an
    interval of few long stretches holds the truth more often than one of many short ones (docs/statistics.md).
    """
    return max(math.isqrt(cases), cases // 5)


def variance(sources: Sequence[Source]) -> float:
    """Of the mean, from all sources."""
    return sum(source.variance for source in sources)


def degrees(sources: Sequence[Source]) -> float:
    """Welch and Satterthwaite's degrees of freedom of the sum of variances; that of all where none varies."""
    spread = sum(source.variance**2 / source.degrees for source in sources)
    return variance(sources) ** 2 / spread if spread > 0 else sum(source.degrees for source in sources)


def draw(sources: Sequence[Source], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Deviations of the mean in ``resamples`` resamples."""
    deviations = np.zeros(resamples)
    for source in sources:
        at_once = max(_DRAWN_AT_ONCE // len(source.weights), 1)
        for start in range(0, resamples, at_once):
            part = deviations[start : start + at_once]
            chosen = rng.integers(0, len(source.pool), (len(part), len(source.weights)))
            part += source.pool[chosen] @ source.weights
    return deviations


def _units(units: NDArray[np.float64]) -> Source:
    number = len(units)
    pool = (units - units.mean()) * math.sqrt(number / (number - 1))
    return Source(pool, np.full(number, 1 / number), number - 1)


def _stretches(cases: NDArray[np.float64], units: int) -> Source:
    """Circular block bootstrap (Politis and Romano 1992) of one unit of ``units``."""
    length = block_length(len(cases))
    around = np.concatenate([cases, cases[: length - 1]])
    means = np.convolve(around, np.full(length, 1 / length), mode="valid")
    stretches = len(cases) / length
    drawn = math.ceil(stretches)
    pool = (means - cases.mean()) * math.sqrt(stretches / (stretches - 1))
    return Source(pool, np.full(drawn, 1 / (units * math.sqrt(drawn * stretches))), stretches - 1)
