from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from medseg.statistics.cells import arrange
from medseg.statistics.resample import Source, block_length, degrees, draw, sources_of, variance
from medseg.statistics.sample import Sample, condense

VALUES = [0.01, -0.02, 0.03, 0.0, 0.05, 0.02, -0.01]


def sample_of(values: list[list[float]], *, group: str | None = None) -> Sample:
    """A row a case in one fold, a column a seed; a unit a case, unless all are of one group."""
    rows = [
        ("unet", 0, seed, group or f"p{case}", f"c{case}", value)
        for case, scores in enumerate(values)
        for seed, value in enumerate(scores)
    ]
    cells = arrange(pd.DataFrame(rows, columns=["architecture", "fold", "seed", "group", "case", "dice"]), "dice")
    return condense(cells.values[0], cells)


class TestUnits:
    def test_variance_is_that_of_a_mean_of_independent_units(self) -> None:
        (source,) = sources_of(sample_of([[value] for value in VALUES]), within=False)
        assert source.variance == pytest.approx(np.var(VALUES, ddof=1) / 7)
        assert source.degrees == 6

    def test_draws_have_that_variance_and_no_bias(self) -> None:
        (source,) = sources_of(sample_of([[value] for value in VALUES]), within=False)
        drawn = draw([source], 40_000, np.random.default_rng(0))
        assert drawn.var() == pytest.approx(source.variance, rel=0.03)
        assert abs(drawn.mean()) < 4 * math.sqrt(source.variance / 40_000)

    def test_a_single_unit_has_no_source(self) -> None:
        assert sources_of(sample_of([[0.1, 0.2]]), within=False) == []


class TestTrainings:
    def test_add_the_variance_of_the_mean_of_seeds(self) -> None:
        # Training 1 is 0.02 above training 0 on all cases: variance 0.0002 over seeds, 0.0001 of their mean.
        values = [[value, value + 0.02] for value in VALUES]
        units, trainings = sources_of(sample_of(values), within=False)
        assert trainings.variance == pytest.approx(0.0001)
        assert trainings.degrees == 1
        assert units.variance == pytest.approx(np.var(VALUES, ddof=1) / 7)
        assert variance([units, trainings]) == pytest.approx(units.variance + trainings.variance)

    def test_all_draws_of_two_seeds_can_be_listed(self) -> None:
        trainings = sources_of(sample_of([[value, value + 0.02] for value in VALUES]), within=False)[1]
        drawn = np.unique(np.round(draw([trainings], 200, np.random.default_rng(0)), 9))
        # Deviations of -0.01 and 0.01, scaled by the root of 2 / (2 - 1), two of them averaged.
        assert drawn == pytest.approx([-0.01 * math.sqrt(2), 0, 0.01 * math.sqrt(2)])


class TestStretches:
    @pytest.mark.parametrize(("cases", "length"), [(1, 1), (3, 1), (4, 2), (6, 2), (24, 4), (30, 6), (400, 80)])
    def test_length_is_a_fifth_and_at_least_the_root(self, cases: int, length: int) -> None:
        assert block_length(cases) == length

    def test_pool_is_that_of_circular_blocks(self) -> None:
        values = [0.1, 0.4, 0.2, 0.3, 0.9, 0.5]
        (source,) = sources_of(sample_of([[value] for value in values], group="b"), within=True)
        pairs = [(values[i] + values[(i + 1) % 6]) / 2 - 0.4 for i in range(6)]
        assert source.pool == pytest.approx(np.array(pairs) * math.sqrt(3 / 2))
        assert source.weights == pytest.approx([1 / 3] * 3)
        assert source.degrees == 2

    def test_draws_are_means_of_listed_blocks(self) -> None:
        values = [0.1, 0.4, 0.2, 0.3]
        (source,) = sources_of(sample_of([[value] for value in values], group="b"), within=True)
        blocks = [(values[i] + values[(i + 1) % 4]) / 2 - 0.25 for i in range(4)]
        possible = np.unique([(a + b) / 2 * math.sqrt(2) for a, b in itertools.product(blocks, repeat=2)])
        drawn = np.unique(np.round(draw([source], 500, np.random.default_rng(0)), 12))
        assert drawn == pytest.approx(np.unique(np.round(possible, 12)))

    def test_neighbours_that_are_alike_widen(self) -> None:
        alike = np.repeat([0.1, 0.3, 0.2, 0.5, 0.4, 0.0], 5)
        mixed = np.random.default_rng(0).permutation(alike)
        widths = [
            sources_of(sample_of([[v] for v in values], group="b"), within=True)[0].variance
            for values in (alike, mixed)
        ]
        assert widths[0] > 2 * widths[1]

    def test_units_stay_and_each_is_resampled(self) -> None:
        rng = np.random.default_rng(0)
        first, second = rng.random(16), rng.random(25)
        rows = [("unet", 0, 0, group, f"{group}{case}", value)
                for group, values in (("a", first), ("b", second)) for case, value in enumerate(values)]  # fmt: skip
        cells = arrange(pd.DataFrame(rows, columns=["architecture", "fold", "seed", "group", "case", "dice"]), "dice")
        sources = sources_of(condense(cells.values[0], cells), within=True)
        alone = [sources_of(sample_of([[v] for v in values], group="b"), within=True)[0] for values in (first, second)]
        assert variance(sources) == pytest.approx((alone[0].variance + alone[1].variance) / 4)

    def test_a_unit_with_a_single_case_leaves_nothing_to_resample(self) -> None:
        assert sources_of(sample_of([[0.1], [0.2]]), within=True) == []


class TestDegrees:
    def test_are_welch_and_satterthwaites(self) -> None:
        sources = [Source(np.array([-1.0, 1.0]), np.array([2.0]), 5), Source(np.array([-1.0, 1.0]), np.array([1.0]), 2)]
        assert variance(sources) == 5
        assert degrees(sources) == pytest.approx(25 / (16 / 5 + 1 / 2))

    def test_without_variance_are_all(self) -> None:
        assert degrees([Source(np.zeros(3), np.ones(3), 2), Source(np.zeros(2), np.ones(2), 1)]) == 3


class TestDraw:
    def test_parts_do_not_change_the_distribution(self, monkeypatch: pytest.MonkeyPatch) -> None:
        source = sources_of(sample_of([[value] for value in VALUES]), within=False)
        whole = draw(source, 5000, np.random.default_rng(3))
        monkeypatch.setattr("medseg.statistics.resample._DRAWN_AT_ONCE", 70)
        assert draw(source, 5000, np.random.default_rng(3)) == pytest.approx(whole)
