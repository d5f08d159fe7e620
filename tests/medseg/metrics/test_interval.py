from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from medseg.metrics import mean_interval


def exact_bca(values: list[float], confidence: float = 0.95) -> tuple[float, float]:
    """Efron's formula over every one of the n ** n resamples, instead of over drawn ones."""
    n, mean = len(values), float(np.mean(values))
    means = np.sort([np.mean(chosen) for chosen in itertools.product(values, repeat=n)])
    below = ((means < mean - 1e-12).mean() + (means < mean + 1e-12).mean()) / 2
    bias = ndtri(below)
    left_out = np.array([(sum(values) - value) / (n - 1) for value in values])
    spread = left_out.mean() - left_out
    acceleration = (spread**3).sum() / (6 * (spread**2).sum() ** 1.5)
    shares = []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        z = bias + ndtri(tail)
        shares.append(float(ndtr(bias + z / (1 - acceleration * z))))
    low, high = np.quantile(means, shares)
    return float(low), float(high)


class TestMeanInterval:
    @pytest.mark.parametrize("values", [[0.2, 0.7, 0.8, 0.85, 0.9], [0.9132, 0.9345, 0.9417, 0.9271, 0.9553, 0.8998]])
    def test_is_the_bca_interval_over_all_resamples(self, values: list[float]) -> None:
        spread = max(values) - min(values)
        assert mean_interval(values) == pytest.approx(exact_bca(values), abs=0.03 * spread)

    def test_two_values_are_their_own_interval(self) -> None:
        # A quarter of the resamples is the lower value twice: far more than the 2.5 % that are cut off.
        assert mean_interval([0.9, 0.6]) == (0.6, 0.9)

    @pytest.mark.parametrize("values", [[], [0.9]])
    def test_below_two_values_there_is_none(self, values: list[float]) -> None:
        assert mean_interval(values) is None

    @pytest.mark.parametrize("value", [0.0, 1.0, 0.1 + 0.2])
    @pytest.mark.parametrize("number", [2, 7])
    def test_equal_values_are_a_point(self, value: float, number: int) -> None:
        assert mean_interval([value] * number) == (value, value)

    @pytest.mark.filterwarnings("error")
    def test_values_that_differ_by_rounding_are_a_point_but_for_rounding(self) -> None:
        below_one = float(np.nextafter(1.0, 0.0))
        assert mean_interval([1.0] * 50 + [below_one]) == (below_one, 1.0)

    def test_leans_to_the_side_of_the_tail(self) -> None:
        values = [0.2, *[0.95] * 19]
        interval = mean_interval(values)
        assert interval is not None
        mean = sum(values) / 20
        assert mean - interval[0] > interval[1] - mean > 0

    def test_same_values_give_the_same_interval_and_leave_numpy_s_state(self) -> None:
        values = list(np.random.default_rng(0).random(30))
        np.random.seed(0)
        first = mean_interval(values)
        drawn = np.random.random()
        np.random.seed(0)
        assert (mean_interval(values), np.random.random()) == (first, drawn)
        assert np.random.random() != drawn
        np.random.seed(1)
        assert mean_interval(values) == first

    def test_higher_confidence_is_wider(self) -> None:
        values = list(np.random.default_rng(0).random(30))
        narrow, wide = mean_interval(values, confidence=0.5), mean_interval(values, confidence=0.99)
        assert narrow is not None
        assert wide is not None
        assert wide[0] < narrow[0] < float(np.mean(values)) < narrow[1] < wide[1]

    @settings(max_examples=25, deadline=None)
    @given(values=st.lists(st.floats(0, 1), min_size=2, max_size=30))
    def test_stays_within_the_values_and_is_finite(self, values: list[float]) -> None:
        interval = mean_interval(values)
        assert interval is not None
        assert min(values) <= interval[0] <= interval[1] <= max(values)

    def test_of_many_values_it_is_what_the_central_limit_says(self) -> None:
        # Means of 1,000 uniform values deviate by 1 / sqrt(12 x 1,000) = 0.00913: 1.96 of that each way.
        interval = mean_interval(np.random.default_rng(0).random(1000))
        assert interval is not None
        assert interval[1] - interval[0] == pytest.approx(2 * 1.96 * 0.00913, rel=0.1)
