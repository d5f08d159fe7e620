from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from medseg.statistics.cells import Cells, arrange
from medseg.statistics.sample import condense


def cells_of(*rows: tuple[int, int, str, str]) -> Cells:
    """Fold, seed, group and case of each cell, in the order of cells."""
    table = pd.DataFrame(rows, columns=["fold", "seed", "group", "case"])
    return arrange(table.assign(architecture="unet", dice=0.5), "dice")


TWO_FOLDS = cells_of(
    (0, 0, "p0", "c0"),
    (0, 1, "p0", "c0"),
    (0, 0, "p0", "c1"),
    (0, 1, "p0", "c1"),
    (1, 0, "p1", "c2"),
    (1, 1, "p1", "c2"),
)


class TestCondense:
    def test_units_weigh_the_same_and_cases_within_them(self) -> None:
        sample = condense(np.array([0.1, 0.3, 0.6, 0.8, 0.9, 0.7]), TWO_FOLDS)
        assert [cases.tolist() for cases in sample.cases] == [pytest.approx([0.2, 0.7]), pytest.approx([0.8])]
        assert sample.units == pytest.approx([0.45, 0.8])
        assert sample.mean == pytest.approx(0.625)
        assert sample.case_sd == pytest.approx(np.std([0.2, 0.7, 0.8], ddof=1))
        assert sample.unit_sd == pytest.approx(0.35 / math.sqrt(2))
        assert (sample.seeds, sample.folds) == (2, 2)

    def test_spread_of_seeds_is_pooled_over_folds(self) -> None:
        # Fold 0: means 0.35 and 0.55, variance 0.02. Fold 1: 0.9 and 0.7, variance 0.02.
        runs = condense(np.array([0.1, 0.3, 0.6, 0.8, 0.9, 0.7]), TWO_FOLDS).runs
        assert runs.effects == pytest.approx([-0.1, 0.1, 0.1, -0.1])
        assert runs.shares == pytest.approx([0.25] * 4)
        assert runs.degrees == 2
        assert runs.sd == pytest.approx(math.sqrt(0.02))
        assert runs.scales == pytest.approx([math.sqrt(2)] * 4)

    def test_a_fold_with_three_seeds_beside_one_with_one(self) -> None:
        cells = cells_of((0, 0, "p0", "c0"), (0, 1, "p0", "c0"), (0, 2, "p0", "c0"), (1, 0, "p1", "c1"))
        runs = condense(np.array([0.1, 0.2, 0.6, 0.9]), cells).runs
        assert runs.shares == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])
        assert runs.effects == pytest.approx([-0.2, -0.1, 0.3])
        assert runs.degrees == 2
        assert runs.sd == pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1))

    def test_a_single_seed_has_no_spread(self) -> None:
        sample = condense(np.array([0.1, 0.2]), cells_of((0, 0, "p0", "c0"), (1, 0, "p1", "c1")))
        assert sample.runs.sd is None
        assert sample.runs.degrees == 0

    def test_trainings_without_a_common_case_have_no_spread(self) -> None:
        sample = condense(np.array([0.1, 0.2]), cells_of((0, 0, "p0", "c0"), (0, 1, "p1", "c1")))
        assert sample.runs.sd is None

    def test_a_single_case_has_no_deviations(self) -> None:
        sample = condense(np.array([0.1]), cells_of((0, 0, "p0", "c0")))
        assert (sample.case_sd, sample.unit_sd, sample.mean) == (None, None, 0.1)

    def test_cells_without_a_value_do_not_count(self) -> None:
        values = np.array([0.1, np.nan, np.nan, np.nan, 0.9, 0.7])
        sample = condense(values, TWO_FOLDS)
        assert [cases.tolist() for cases in sample.cases] == [[0.1], pytest.approx([0.8])]
        # Fold 0 has one training left, which deviates from no other one.
        assert sample.runs.effects == pytest.approx([0.1, -0.1])
        assert sample.runs.shares == pytest.approx([0.5, 0.25, 0.25])

    def test_equal_scores_give_zeros_in_spite_of_rounding(self) -> None:
        sample = condense(np.array([0.1, 0.1, 0.1]), cells_of(*[(0, seed, "p0", "c0") for seed in range(3)]))
        assert sample.units.tolist() == [0.1]
        assert sample.runs.effects.tolist() == [0.0, 0.0, 0.0]
