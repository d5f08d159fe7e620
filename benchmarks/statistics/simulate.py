"""Scores of networks on made-up patients, whose true differences are known.

A difference of Dice is skewed, since hard patients differ more than easy ones; it is bounded; and it is exactly zero
where both networks have found nothing, or all. Trainings move all cases of a fold together. Sections of a block
resemble their neighbours (autoregressive, order 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medseg.statistics.cells import Cells, arrange

__all__ = ["Design", "cells_of", "draw_differences", "draw_scores"]

# Skewness 1.5, bounded on both sides.
_BETA = (1.0, 9.0)
_BETA_MEAN, _BETA_SD = 0.1, (9 / (100 * 11)) ** 0.5
_ZEROS = 0.15


@dataclass(frozen=True)
class Design:
    """What is scored, and how much chance there is in it.

    Attributes:
        units: Number of patients or blocks.
        cases: Images of each.
        folds: Units (or, of fewer units than folds, stretches of their cases) are parted into so many.
        seeds: Trainings of a fold.
        unit_sd: Of the difference, over units.
        case_sd: Over the cases of a unit.
        training_sd: Over trainings of a fold.
        residual_sd: What is left, of each score.
        likeness: Correlation of neighbouring cases.
        set_sd: What the training sets of the folds, which overlap, have in common and by themselves; more seeds
            do not reveal it.
    """

    units: int
    cases: int = 1
    folds: int = 5
    seeds: int = 1
    unit_sd: float = 0.02
    case_sd: float = 0.0
    training_sd: float = 0.0
    residual_sd: float = 0.01
    likeness: float = 0.0
    set_sd: float = 0.0


def cells_of(design: Design) -> Cells:
    """The cells of a design, with one network whose scores are 0."""
    return arrange(_table(design).assign(architecture="a", score=0.0), "score")


def draw_differences(
    design: Design, cells: Cells, mean: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """Differences of two networks, one a cell, and their true mean for these trainings.

    Their true mean over all trainings is ``mean``, that over these differs by the trainings' effects.
    """
    shown = (rng.random(cells.case.max() + 1) >= _ZEROS)[cells.case] / (1 - _ZEROS)
    trainings = _training_effects(design, rng)[cells.fold, cells.seed]
    own = design.residual_sd * rng.standard_normal(len(cells.case))
    values = shown * (
        mean + _unit_effects(design, rng)[cells.unit] + _case_effects(design, cells, rng) + trainings + own
    )
    _, first, number = np.unique(cells.unit, return_index=True, return_counts=True)
    weight = (1 / (len(first) * number))[cells.unit]
    return np.clip(values, -1, 1), mean + float((weight * trainings).sum())


def draw_scores(design: Design, effects: Sequence[float], rng: np.random.Generator) -> pd.DataFrame:
    """Scores of as many networks as ``effects``, which are added to the score of each; else they are exchangeable."""
    table = _table(design)
    cells = arrange(table.assign(architecture="a", score=0.0), "score")
    hardness = 0.15 + 0.05 * rng.standard_normal(cells.case.max() + 1)[cells.case]
    both = np.sqrt(0.5)  # a difference has twice the variance of one network's effect
    parts = []
    for number, effect in enumerate(effects):
        values, _ = draw_differences(design, cells, 0.0, rng)
        score = np.clip(1 - hardness + effect + both * values, 0, 1)
        parts.append(cells.names.assign(architecture=f"network {number + 1}", dice=score))
    return pd.concat(parts, ignore_index=True)


def _table(design: Design) -> pd.DataFrame:
    number = design.units * design.cases
    case = np.repeat(np.arange(number), design.seeds)
    parted = case if design.units < design.folds else case // design.cases
    fold = parted * design.folds // (parted.max() + 1)
    seed = np.tile(np.arange(design.seeds), number)
    return pd.DataFrame({"fold": fold, "seed": seed, "group": case // design.cases, "case": case})


def _unit_effects(design: Design, rng: np.random.Generator) -> NDArray[np.float64]:
    # Of few units the interval is about these ones: their effects are no chance.
    if design.unit_sd == 0:
        return np.zeros(design.units)
    return design.unit_sd * (rng.beta(*_BETA, design.units) - _BETA_MEAN) / _BETA_SD


def _case_effects(design: Design, cells: Cells, rng: np.random.Generator) -> NDArray[np.float64]:
    steps = rng.standard_normal((design.units, design.cases))
    for index in range(1, design.cases):
        own = np.sqrt(1 - design.likeness**2) * steps[:, index]
        steps[:, index] = design.likeness * steps[:, index - 1] + own
    return design.case_sd * steps.reshape(-1)[cells.case]


def _training_effects(design: Design, rng: np.random.Generator) -> NDArray[np.float64]:
    """``(folds, seeds)``."""
    effects = design.training_sd * rng.standard_normal((design.folds, design.seeds))
    # K-fold training sets share (K - 2) / (K - 1) of their cases, and are held to share as much of their effect.
    shared = (design.folds - 2) / (design.folds - 1) if design.folds > 1 else 1.0
    common = np.sqrt(shared) * rng.standard_normal() + np.sqrt(1 - shared) * rng.standard_normal((design.folds, 1))
    return effects + design.set_sd * common
