"""On made-up scores whose truth is known, intervals hold it and verdicts find it as often as they should.

The same simulations as ``python -m benchmarks.statistics``, with fewer repetitions and fixed seeds. Bounds are those
that a rate of the stated size keeps in all but one of a thousand such tests.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.power import TTestPower

from benchmarks.statistics.candidates import percentile
from benchmarks.statistics.simulate import Design, cells_of, draw_differences
from benchmarks.statistics.verdicts import count_verdicts
from medseg.statistics.interval import interval_and_p
from medseg.statistics.measure import LEAST_UNITS
from medseg.statistics.resample import sources_of
from medseg.statistics.sample import condense

REPETITIONS = 400
MEAN = 0.01
BLOCK = Design(1, 30, unit_sd=0.0, case_sd=0.02, likeness=0.5)


def covered(design: Design, *, trained: bool = False, plain: bool = False) -> int:
    """Number of intervals that hold the true difference, of these trained networks or of the architectures."""
    rng = np.random.default_rng(0)
    cells, held = cells_of(design), 0
    for _ in range(REPETITIONS):
        values, truth = draw_differences(design, cells, MEAN, rng)
        sample = condense(values, cells)
        sources = sources_of(sample, within=len(sample.units) < LEAST_UNITS)
        if plain:
            low, high = percentile(sample.mean, sources, 2000, rng)
        else:
            interval, _ = interval_and_p(sample.mean, sources, confidence=0.95, rng=rng, resamples=2000)
            assert interval is not None
            low, high = interval.low, interval.high
        held += low <= (truth if trained else MEAN) <= high
    return held


def least(rate: float, number: int) -> int:
    return int(binom.ppf(0.001, number, rate))


def most(rate: float, number: int) -> int:
    return int(binom.ppf(0.999, number, rate))


class TestCoverage:
    @pytest.mark.parametrize(("units", "rate"), [(6, 0.92), (10, 0.92), (20, 0.94), (50, 0.94)])
    def test_new_patients(self, units: int, rate: float) -> None:
        assert least(rate, REPETITIONS) <= covered(Design(units), trained=True) <= most(0.96, REPETITIONS)

    def test_plain_percentiles_of_six_patients_do_not_pass(self) -> None:
        assert covered(Design(6), trained=True, plain=True) < least(0.92, REPETITIONS)

    @pytest.mark.parametrize("sd", [0.005, 0.02])
    def test_new_patients_and_trainings(self, sd: float) -> None:
        assert covered(Design(20, seeds=3, training_sd=sd)) >= least(0.95, REPETITIONS)

    def test_one_seed_does_not_tell_of_architectures_but_of_the_trained_networks(self) -> None:
        design = Design(20, training_sd=0.02)
        assert covered(design, trained=True) >= least(0.94, REPETITIONS)
        assert covered(design) < least(0.90, REPETITIONS)

    def test_patients_with_many_images_count_once(self) -> None:
        assert covered(Design(20, 20, case_sd=0.02), trained=True) >= least(0.94, REPETITIONS)

    @pytest.mark.parametrize("seeds", [1, 3])
    def test_sections_that_resemble_their_neighbours(self, seeds: int) -> None:
        design = Design(1, 30, seeds=seeds, unit_sd=0.0, case_sd=0.02, likeness=0.5, training_sd=0.005 * (seeds > 1))
        assert covered(design) >= least(0.95, REPETITIONS)

    def test_plain_percentiles_of_sections_do_not_pass(self) -> None:
        assert covered(BLOCK, plain=True) < least(0.95, REPETITIONS)


class TestVerdicts:
    @pytest.mark.parametrize(
        "design",
        [Design(10), Design(20), Design(20, seeds=3, training_sd=0.02), BLOCK],
        ids=["10 patients", "20 patients", "20 patients, 3 seeds", "30 sections"],
    )
    def test_equal_networks_are_rarely_told_apart(self, design: Design) -> None:
        assert count_verdicts(design, 3, 0.0, 100, seed=0).wrong * 100 <= most(0.05, 100)

    def test_wilcoxon_alone_takes_the_luck_of_trainings_for_a_difference(self) -> None:
        verdicts = count_verdicts(Design(50, seeds=3, training_sd=0.02), 3, 0.0, 100, seed=0)
        assert verdicts.wilcoxon * 100 > most(0.05, 100)
        assert verdicts.wrong * 100 <= most(0.05, 100)

    def test_a_difference_is_found_about_as_often_as_by_a_t_test(self) -> None:
        # In 20,000 such patients the mean difference is 0.0195 and its standard deviation 0.0239.
        power = TTestPower().power(0.0195 / 0.0239, 20, 0.05)
        assert power == pytest.approx(0.93, abs=0.005)
        verdicts = count_verdicts(Design(20), 2, 0.02, 100, seed=0)
        assert verdicts.right is not None
        # Wilcoxon's test has 0.955 times the efficiency of Student's, for normal differences.
        assert verdicts.right * 100 >= least(0.95 * power, 100)
        assert verdicts.wrong == 0

    def test_a_small_difference_is_mostly_not(self) -> None:
        verdicts = count_verdicts(Design(10), 2, 0.002, 100, seed=0)
        assert verdicts.right is not None
        assert verdicts.right < 0.2
