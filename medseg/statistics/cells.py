"""The scores as arrays: a row a network, a column a training's score of a case."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medseg.statistics.evidence import Missing

__all__ = ["Cells", "arrange"]

_KEYS = ["fold", "seed", "group", "case"]


@dataclass(frozen=True)
class Cells:
    """Scores of all networks.

    A cell is a case in a fold and seed. Cells are in the order of units, then of cases, names with numbers counted as
    people count; codes start at 0.

    Attributes:
        architectures: Rows of ``values``, in the order of their first score.
        values: ``(networks, cells)``, NaN where a network has no score.
        unit: Code of each cell's unit.
        case: Code of each cell's case; ascending, and neighbours in a unit are neighbours in nature.
        fold: Code of each cell's fold.
        run: Code of each cell's fold and seed.
        seed: Code of each cell's seed.
        names: Fold, seed, group and case of each cell.
    """

    architectures: tuple[str, ...]
    values: NDArray[np.float64]
    unit: NDArray[np.intp]
    case: NDArray[np.intp]
    fold: NDArray[np.intp]
    run: NDArray[np.intp]
    seed: NDArray[np.intp]
    names: pd.DataFrame

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What networks lack that others have."""
        return tuple(
            Missing(architecture, int(fold), int(seed), tuple(map(str, part["case"])))
            for architecture, row in zip(self.architectures, self.values, strict=True)
            for (fold, seed), part in self.names[np.isnan(row)].groupby(["fold", "seed"])
        )


def arrange(scores: pd.DataFrame, metric: str) -> Cells:
    """Put checked scores into arrays (:func:`~medseg.statistics.check.check_scores`)."""
    architectures = tuple(map(str, scores["architecture"].unique()))
    table = scores.pivot(index=_KEYS, columns="architecture", values=metric)[list(architectures)]
    names = table.index.to_frame(index=False)
    keys = [(_counted(str(group)), _counted(str(case)), *training) for *training, group, case in table.index]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    names = names.iloc[order].reset_index(drop=True)
    return Cells(
        architectures,
        table.to_numpy(np.float64)[order].T,
        unit=pd.factorize(names["group"])[0],
        case=pd.factorize(names["case"])[0],
        fold=pd.factorize(names["fold"])[0],
        run=np.asarray(names.groupby(["fold", "seed"]).ngroup(), dtype=np.intp),
        seed=pd.factorize(names["seed"])[0],
        names=names,
    )


def _counted(name: str) -> list[tuple[int, str]]:
    """Key that sorts "case_9" before "case_10"."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
