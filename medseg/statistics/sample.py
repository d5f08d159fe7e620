"""A value a cell, condensed to what the statistics need: means of cases and units, and how trainings deviate.

The values are one network's scores, or the differences of two. Weights: units weigh the same, within a unit its cases,
within a case its trainings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.statistics.cells import Cells

__all__ = ["Runs", "Sample", "condense"]

# Equal scores of a case may differ by rounding once they are averaged.
_DECIMALS = 12


@dataclass(frozen=True)
class Runs:
    """How trainings of one fold, which differ in their seed, deviate from each other.

    Attributes:
        shares: Weight of each training in the mean over units; their sum is 1.
        effects: Deviation of each training's mean from that of all trainings of its fold, on the same cases; only
            trainings that share cases with another one have it.
        scales: Factors that make up for what each effect loses to its fold's mean.
        degrees: Degrees of freedom of the effects: trainings less folds.
    """

    shares: NDArray[np.float64]
    effects: NDArray[np.float64]
    scales: NDArray[np.float64]
    degrees: int

    @property
    def sd(self) -> float | None:
        """Standard deviation of trainings' means, pooled over folds; None where no fold has several."""
        return math.sqrt(float((self.effects**2).sum()) / self.degrees) if self.degrees else None


@dataclass(frozen=True)
class Sample:
    """Values of one network or pair.

    Attributes:
        units: Mean of each unit.
        cases: Mean of each case over its trainings, an array a unit, in natural order.
        runs: The trainings.
        seeds: Number of seeds.
        folds: Number of folds.
    """

    units: NDArray[np.float64]
    cases: tuple[NDArray[np.float64], ...]
    runs: Runs
    seeds: int
    folds: int

    @property
    def mean(self) -> float:
        """Mean over units."""
        return float(self.units.mean())

    @property
    def all_cases(self) -> NDArray[np.float64]:
        """Mean of each case, all units together."""
        return np.concatenate(self.cases)

    @property
    def case_sd(self) -> float | None:
        """Standard deviation over cases; None with a single case."""
        return _deviation(self.all_cases)

    @property
    def unit_sd(self) -> float | None:
        """Standard deviation over units; None with a single unit."""
        return _deviation(self.units)


def condense(values: NDArray[np.float64], cells: Cells) -> Sample:
    """Condense ``values``, one a cell, NaN where there is none; at least one is a number."""
    known = np.isfinite(values)
    value = values[known]
    case, run, fold = (_dense(codes[known]) for codes in (cells.case, cells.run, cells.fold))
    unit_of_case = _dense(cells.unit[known])[np.unique(case, return_index=True)[1]]
    cell_share = (1 / np.bincount(case))[case]
    case_means = np.round(_sums(case, value * cell_share), _DECIMALS)
    case_share = (1 / np.bincount(unit_of_case))[unit_of_case]
    units = _sums(unit_of_case, case_means * case_share)
    weight = cell_share * case_share[case] / len(units)
    return Sample(
        units=units,
        cases=tuple(case_means[unit_of_case == unit] for unit in range(len(units))),
        runs=_runs(value, weight, case, run, fold),
        seeds=len(np.unique(cells.seed[known])),
        folds=len(np.unique(fold)),
    )


def _runs(
    value: NDArray[np.float64],
    weight: NDArray[np.float64],
    case: NDArray[np.intp],
    run: NDArray[np.intp],
    fold: NDArray[np.intp],
) -> Runs:
    shares = _sums(run, weight)
    # Cells of one case in one fold differ in nothing but the training.
    same = _dense(case * (fold.max() + 1) + fold)
    number = np.bincount(same)[same]
    repeated = number > 1
    if not repeated.any():
        return Runs(shares, np.zeros(0), np.zeros(0), 0)
    deviation = (value - (_sums(same, value) / np.bincount(same))[same])[repeated]
    weight, kept = weight[repeated], _dense(run[repeated])
    effects = np.round(_sums(kept, weight * deviation) / _sums(kept, weight), _DECIMALS)
    fold_of_run = fold[repeated][np.unique(kept, return_index=True)[1]]
    trainings = np.bincount(fold_of_run)[fold_of_run]
    degrees = len(effects) - len(np.unique(fold_of_run))
    return Runs(shares, effects, np.sqrt(trainings / (trainings - 1)), degrees)


def _sums(codes: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the values of each code."""
    return np.bincount(codes, values).astype(np.float64)


def _dense(codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """The codes without gaps, in the same order."""
    return np.unique(codes, return_inverse=True)[1]


def _deviation(values: NDArray[np.float64]) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None
