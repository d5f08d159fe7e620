"""Tables of scores, made in code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

__all__ = ["one_score_each", "random_scores", "sections_of_one_block"]


def one_score_each(**scores: Sequence[float]) -> pd.DataFrame:
    """A patient a score, in one fold with one seed; a keyword a network."""
    rows = [
        {"architecture": name, "fold": 0, "seed": 0, "group": f"patient_{i}", "case": f"case_{i}", "dice": score}
        for name, values in scores.items()
        for i, score in enumerate(values)
    ]
    return pd.DataFrame(rows)


def sections_of_one_block(**scores: Sequence[float]) -> pd.DataFrame:
    """As :func:`one_score_each`, of one block."""
    return one_score_each(**scores).assign(group="block_0")


def random_scores(
    effects: Mapping[str, float],
    *,
    units: int,
    cases: int = 1,
    folds: int = 1,
    seeds: int = 1,
    noise: float = 0.02,
    training: float = 0.0,
    draw: int = 0,
) -> pd.DataFrame:
    """Seeded scores about 0.8 plus the network's effect; folds are contiguous runs of units."""
    rng = np.random.default_rng(draw)
    hardness = rng.normal(0, 0.05, (units, cases))
    rows = []
    for name, effect in effects.items():
        trainings = rng.normal(0, training, (folds, seeds))
        for unit in range(units):
            fold = unit * folds // units
            for case in range(cases):
                for seed in range(seeds):
                    score = 0.8 + effect + hardness[unit, case] + trainings[fold, seed] + rng.normal(0, noise)
                    where = {"architecture": name, "fold": fold, "seed": seed, "group": f"patient_{unit}"}
                    rows.append({**where, "case": f"case_{unit}_{case}", "dice": float(np.clip(score, 0, 1))})
    return pd.DataFrame(rows)
