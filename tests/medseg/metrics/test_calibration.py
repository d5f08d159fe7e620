from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import CalibrationErrorMetric
from scipy.special import logit
from sklearn.calibration import calibration_curve

from medseg.metrics import BINS, CalibrationBins, calibration_bins, calibration_error, calibration_table


def drawn(seed: int, pixels: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Logits of overconfident probabilities, and the truth."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, pixels)
    return logits, rng.random(pixels) < 1 / (1 + np.exp(-logits / 2))


def of(probability: list[float], truth: list[int]) -> CalibrationBins:
    return calibration_bins(logit(np.array(probability)), np.array(truth) == 1)


class TestCalibrationBins:
    def test_pixels_lie_in_bins_of_a_fifteenth(self) -> None:
        bins = of([0.01, 0.05, 0.5, 0.99], [0, 1, 1, 1])
        assert bins.pixels.tolist() == [2] + [0] * 6 + [1] + [0] * 6 + [1]
        assert bins.foreground_px.tolist() == [1] + [0] * 6 + [1] + [0] * 6 + [1]
        assert bins.probability_sum[[0, 7, 14]] == pytest.approx([0.06, 0.5, 0.99])

    def test_certain_pixels_lie_in_the_outer_bins(self) -> None:
        bins = calibration_bins(np.array([-np.inf, np.inf, -800.0, 800.0]), np.array([False, True, False, True]))
        assert (bins.pixels[0], bins.pixels[-1]) == (2, 2)
        assert calibration_error(bins) == 0.0

    def test_shape_does_not_matter(self) -> None:
        logits, truth = drawn(0)
        flat, square = calibration_bins(logits, truth), calibration_bins(logits.reshape(20, 20), truth.reshape(20, 20))
        assert flat.as_lists() == square.as_lists()

    def test_sum_is_that_of_the_pixels_together(self) -> None:
        (first, first_truth), (second, second_truth) = drawn(1), drawn(2)
        added = calibration_bins(first, first_truth) + calibration_bins(second, second_truth)
        together = calibration_bins(np.concatenate([first, second]), np.concatenate([first_truth, second_truth]))
        assert added.pixels.tolist() == together.pixels.tolist()
        assert added.foreground_px.tolist() == together.foreground_px.tolist()
        assert added.probability_sum == pytest.approx(together.probability_sum)

    def test_lists_give_the_bins_back(self) -> None:
        bins = calibration_bins(*drawn(3))
        back = CalibrationBins.from_lists(bins.as_lists())
        assert back.as_lists() == bins.as_lists()
        assert back.pixels.dtype == bins.pixels.dtype


class TestCalibrationError:
    def test_by_hand(self) -> None:
        # Bin 9 (0.6 to 0.667): mean 0.62, half foreground, two pixels; bin 0: mean 0.03, none, two pixels.
        assert calibration_error(of([0.61, 0.63, 0.02, 0.04], [1, 0, 0, 0])) == pytest.approx((0.12 + 0.03) / 2)

    def test_probability_that_means_what_it_says_has_none(self) -> None:
        assert calibration_error(of([0.75] * 4, [1, 1, 1, 0])) == pytest.approx(0, abs=1e-12)

    def test_certainty_that_is_wrong_has_all(self) -> None:
        assert calibration_error(calibration_bins(np.full(3, 50.0), np.zeros(3, dtype=bool))) == pytest.approx(1)

    def test_nan_stays_nan(self) -> None:
        bins = calibration_bins(np.array([math.nan, 1.0]), np.array([True, True]))
        assert math.isnan(calibration_error(bins))
        assert math.isnan(calibration_error(bins + calibration_bins(*drawn(0))))

    def test_of_no_pixel_is_nan(self) -> None:
        assert math.isnan(calibration_error(calibration_bins(np.zeros(0), np.zeros(0, dtype=bool))))

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 10_000))
    def test_agrees_with_monai_on_few_pixels(self, seed: int) -> None:
        logits, truth = drawn(seed)
        metric = CalibrationErrorMetric(num_bins=BINS)
        probability = torch.from_numpy(1 / (1 + np.exp(-logits)))[None, None]
        metric(y_pred=probability, y=torch.from_numpy(truth).double()[None, None])
        assert calibration_error(calibration_bins(logits, truth)) == pytest.approx(metric.aggregate().item(), abs=1e-5)

    def test_is_exact_where_monai_s_sums_in_single_precision_are_not(self) -> None:
        logits, truth = np.full(512 * 512, logit(0.999)), np.ones(512 * 512, dtype=bool)
        metric = CalibrationErrorMetric(num_bins=BINS)
        metric(y_pred=torch.full((1, 1, 512, 512), 0.999), y=torch.ones(1, 1, 512, 512))
        assert calibration_error(calibration_bins(logits, truth)) == pytest.approx(0.001, abs=1e-9)
        assert metric.aggregate().item() < 0.0008


class TestCalibrationTable:
    def test_has_a_row_a_bin_over_all_images(self) -> None:
        table = calibration_table([of([0.61, 0.63], [1, 0]), of([0.65, 0.02], [1, 0])])
        assert list(table) == ["bin_low", "bin_high", "pixels", "mean_probability", "foreground_share"]
        assert len(table) == BINS
        assert table.loc[9].tolist() == pytest.approx([9 / 15, 10 / 15, 3, 0.63, 2 / 3])
        assert table.pixels.sum() == 4

    def test_empty_bin_has_neither_mean_nor_share(self) -> None:
        table = calibration_table([of([0.02], [0])])
        assert table.loc[1:, ["mean_probability", "foreground_share"]].isna().all(axis=None)

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 10_000))
    def test_agrees_with_scikit_learn(self, seed: int) -> None:
        logits, truth = drawn(seed)
        shares, means = calibration_curve(truth, 1 / (1 + np.exp(-logits)), n_bins=BINS)
        table = calibration_table([calibration_bins(logits, truth)]).dropna()
        assert table.mean_probability.to_numpy() == pytest.approx(means)
        assert table.foreground_share.to_numpy() == pytest.approx(shares)
