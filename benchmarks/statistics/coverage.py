"""Coverage: how often an interval holds the true difference, and how wide it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.statistics.candidates import CANDIDATES
from benchmarks.statistics.simulate import Design, cells_of, draw_differences
from medseg.statistics.measure import LEAST_UNITS
from medseg.statistics.resample import sources_of
from medseg.statistics.sample import condense

__all__ = ["Coverage", "cover"]

_RESAMPLES = 2000
_MEAN = 0.01


@dataclass(frozen=True)
class Coverage:
    """Of one kind of interval.

    Attributes:
        architectures: Share of intervals that hold the mean over all trainings.
        trained: Share that hold the mean over these trainings.
        width: Median width.
        repetitions: Number of intervals.
    """

    architectures: float
    trained: float
    width: float
    repetitions: int


def cover(design: Design, repetitions: int, seed: int) -> Mapping[str, Coverage]:
    """Coverage of each candidate."""
    rng = np.random.default_rng(seed)
    cells = cells_of(design)
    ends: dict[str, list[tuple[float, float]]] = {name: [] for name in CANDIDATES}
    targets = []
    for _ in range(repetitions):
        values, trained = draw_differences(design, cells, _MEAN, rng)
        sample = condense(values, cells)
        sources = sources_of(sample, within=len(sample.units) < LEAST_UNITS)
        targets.append(trained)
        for name, interval in CANDIDATES.items():
            ends[name].append(interval(sample.mean, sources, _RESAMPLES, rng))
    return {name: _summary(np.array(found), np.array(targets)) for name, found in ends.items()}


def _summary(ends: np.ndarray, targets: np.ndarray) -> Coverage:
    low, high = ends.T
    return Coverage(
        architectures=float(((low <= _MEAN) & (high >= _MEAN)).mean()),
        trained=float(((low <= targets) & (targets <= high)).mean()),
        width=float(np.median(high - low)),
        repetitions=len(targets),
    )
