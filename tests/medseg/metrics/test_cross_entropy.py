from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit
from sklearn.metrics import log_loss

from medseg.metrics import cross_entropy

TRUTH = np.array([[True, False], [False, False]])


class TestCrossEntropy:
    def test_by_hand(self) -> None:
        # Three pixels are right by a logit of 2, one is wrong by 2.
        logits = np.array([[2.0, -2.0], [2.0, -2.0]])
        right, wrong = math.log1p(math.exp(-2)), math.log1p(math.exp(2))
        assert cross_entropy(logits, TRUTH) == pytest.approx((3 * right + wrong) / 4)

    def test_logit_of_zero_costs_log_two(self) -> None:
        assert cross_entropy(np.zeros((2, 2)), TRUTH) == pytest.approx(math.log(2))

    def test_far_logits_neither_overflow_nor_vanish(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert cross_entropy(np.array([1e5]), np.array([False])) == 1e5
            assert cross_entropy(np.array([-1e5]), np.array([True])) == 1e5
            assert cross_entropy(np.array([50.0]), np.array([True])) == pytest.approx(math.exp(-50))

    def test_half_precision_is_summed_in_double(self) -> None:
        logits = np.full(100_000, -3.0, dtype=np.float16)
        assert cross_entropy(logits, np.zeros(100_000, dtype=bool)) == pytest.approx(
            math.log1p(math.exp(-3)), rel=1e-12
        )

    def test_nan_stays_nan(self) -> None:
        assert math.isnan(cross_entropy(np.array([math.nan, 1.0]), np.array([True, True])))

    @settings(max_examples=40, deadline=None)
    @given(logits=arrays(np.float64, (5, 4), elements=st.floats(-12, 12)), seed=st.integers(0, 99))
    def test_agrees_with_scikit_learn(self, logits: np.ndarray, seed: int) -> None:
        truth = np.random.default_rng(seed).random((5, 4)) < 0.5
        expected = log_loss(truth.ravel(), expit(logits).ravel(), labels=[False, True])
        assert cross_entropy(logits, truth) == pytest.approx(expected, rel=1e-6, abs=1e-9)
