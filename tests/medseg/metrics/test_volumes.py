from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from medseg.metrics import CalibrationBins, calibration_bins, case_table, score_table, volume_table
from tests.medseg.metrics.masks import box, row

Mask = NDArray[np.bool_]
SPACING_MM = (0.5, 2.0, 10.0)


def bins(*truth: bool) -> CalibrationBins:
    """A pixel of probability 0.5 each."""
    return calibration_bins(np.zeros(len(truth)), np.array(truth))


def volumes(
    prediction: Mask, truth: Mask, *, spacing_mm: tuple[float, float, float] | None = SPACING_MM, tolerance: float = 2.0
) -> pd.DataFrame:
    """Table of one case whose slices' counts are those of the masks."""
    scores = [
        row(
            "a",
            index,
            int((prediction & truth)[..., index].sum()),
            int((prediction & ~truth)[..., index].sum()),
            int((~prediction & truth)[..., index].sum()),
            pixels=truth[..., index].size,
        )
        for index in range(truth.shape[2])
    ]
    return volume_table(
        score_table(scores),
        calibration={"a": bins(True, False)},
        prediction=lambda _case: prediction,
        truth=lambda _case: truth,
        spacing_mm=lambda _case: spacing_mm,
        tolerance=tolerance,
    )


class TestCaseTable:
    def test_has_a_row_a_case_from_summed_counts(self) -> None:
        table = case_table(score_table([row("b", 0, 9, 1, 2), row("a", 1, 0, 4, 0), row("a", 0, 6, 2, 2)]))
        assert table[["group", "case", "slices"]].to_numpy().tolist() == [["of a", "a", 2], ["of b", "b", 1]]
        # a: 6 shared, 6 beside, 2 missed of 200; b: 9 shared, 1 beside, 2 missed of 100.
        assert list(table.dice) == pytest.approx([12 / 20, 18 / 21])
        assert list(table.iou) == pytest.approx([6 / 14, 9 / 12])
        assert list(table.iou_both) == pytest.approx([(6 / 14 + 186 / 194) / 2, (9 / 12 + 88 / 91) / 2])
        assert list(table.precision) == pytest.approx([6 / 12, 9 / 10])
        assert list(table.recall) == pytest.approx([6 / 8, 9 / 11])

    def test_order_is_the_cases_whatever_their_groups(self) -> None:
        table = score_table([row("a", 0, 1, 0, 0), row("b", 0, 1, 0, 0)]).assign(group=["late", "early"])
        assert list(case_table(table).case) == ["a", "b"]

    def test_cross_entropy_is_over_all_pixels(self) -> None:
        scores = [
            row("a", 0, 1, 0, 0, cross_entropy=0.1, pixels=100),
            row("a", 1, 1, 0, 0, cross_entropy=0.4, pixels=200),
        ]
        assert case_table(score_table(scores)).cross_entropy[0] == pytest.approx((10 + 80) / 300)

    def test_cross_entropy_that_is_not_known_of_a_slice_is_not_of_the_case(self) -> None:
        scores = [row("a", 0, 1, 0, 0, cross_entropy=math.nan), row("a", 1, 1, 0, 0)]
        assert math.isnan(case_table(score_table(scores)).cross_entropy[0])

    def test_empty_volumes_score_one(self) -> None:
        table = case_table(score_table([row("a", 0, 0, 0, 0), row("a", 1, 0, 0, 0)]))
        assert table[["dice", "iou", "iou_both", "precision", "recall"]].to_numpy().tolist() == [[1.0] * 5]


class TestVolumeTable:
    def test_columns_of_scans(self) -> None:
        mask = box((4, 4, 3), (1, 3), (1, 3), (0, 2))
        assert list(volumes(mask, mask)) == [
            "group", "case", "slices", "dice", "iou", "iou_both", "precision", "recall", "cross_entropy",
            "calibration_error", "hd95_mm", "assd_mm", "surface_dice", "surface_tolerance_mm", "truth_ml",
            "prediction_ml", "volume_error_ml", "volume_error_relative",
        ]  # fmt: skip

    def test_columns_of_pictures(self) -> None:
        mask = box((4, 4, 1), (1, 3), (1, 3), (0, 1))
        assert list(volumes(mask, mask, spacing_mm=None))[10:] == [
            "hd95_px", "assd_px", "surface_dice", "surface_tolerance_px", "truth_px2", "prediction_px2",
            "area_error_px2", "area_error_relative",
        ]  # fmt: skip

    def test_scan_is_measured_in_mm_and_ml(self) -> None:
        truth, prediction = box((9, 9, 4), (1, 5), (1, 5), (0, 2)), box((9, 9, 4), (1, 5), (1, 5), (0, 3))
        (found,) = volumes(prediction, truth).to_dict("records")
        # 16 voxels a slice, 10 mm3 each.
        assert found["truth_ml"] == pytest.approx(0.32)
        assert found["prediction_ml"] == pytest.approx(0.48)
        assert found["volume_error_ml"] == pytest.approx(0.16)
        assert found["volume_error_relative"] == pytest.approx(0.5)
        assert found["surface_tolerance_mm"] == 2.0
        # All 32 voxels of the truth are surface, and 44 of the prediction: the four inside its middle slice are not. 16
        # of the prediction are a slice of 10 mm away, and those four of the truth 0.5 mm.
        assert found["assd_mm"] == pytest.approx((16 * 10 + 4 * 0.5) / (44 + 32))
        assert found["hd95_mm"] == pytest.approx(10.0)
        assert found["surface_dice"] == pytest.approx(60 / 76)
        assert found["dice"] == pytest.approx(64 / 80)

    def test_picture_is_measured_in_px(self) -> None:
        truth, prediction = box((9, 9, 1), (1, 4), (1, 4), (0, 1)), box((9, 9, 1), (1, 4), (1, 3), (0, 1))
        (found,) = volumes(prediction, truth, spacing_mm=None, tolerance=1.0).to_dict("records")
        assert (found["truth_px2"], found["prediction_px2"], found["area_error_px2"]) == (9, 6, -3)
        assert found["area_error_relative"] == pytest.approx(-1 / 3)
        # The truth's ring of eight: three are one away; the prediction's six are on it but for the one at its middle.
        assert found["assd_px"] == pytest.approx((3 + 1) / (8 + 6))
        assert (found["surface_dice"], found["surface_tolerance_px"]) == (1.0, 1.0)

    def test_calibration_is_of_the_case_s_own_bins(self) -> None:
        scores = [row("a", 0, 1, 0, 0), row("b", 0, 1, 0, 0)]
        mask = box((4, 4, 1), (1, 3), (1, 3), (0, 1))
        table = volume_table(
            score_table(scores),
            calibration={"b": bins(True, True), "a": bins(True, False)},
            prediction=lambda _case: mask,
            truth=lambda _case: mask,
            spacing_mm=lambda _case: None,
            tolerance=1.0,
        )
        assert list(table.calibration_error) == pytest.approx([0.0, 0.5])

    def test_masks_are_asked_for_by_case(self) -> None:
        masks = {"a": box((4, 4, 1), (0, 1), (0, 1), (0, 1)), "b": box((4, 4, 1), (0, 2), (0, 2), (0, 1))}
        table = volume_table(
            score_table([row("b", 0, 4, 0, 0), row("a", 0, 1, 0, 0)]),
            calibration=dict.fromkeys(masks, bins(True)),
            prediction=masks.__getitem__,
            truth=masks.__getitem__,
            spacing_mm={"a": (1.0, 1.0, 1.0), "b": (10.0, 10.0, 10.0)}.__getitem__,
            tolerance=1.0,
        )
        assert list(table.truth_ml) == pytest.approx([0.001, 4.0])

    def test_what_is_not_known_is_nan(self) -> None:
        nothing, something = np.zeros((4, 4, 2), dtype=bool), box((4, 4, 2), (1, 3), (1, 3), (0, 1))
        missed, invented, empty = (
            volumes(*pair).iloc[0] for pair in ((nothing, something), (something, nothing), (nothing, nothing))
        )
        for found in (missed, invented, empty):
            assert math.isnan(found.hd95_mm)
            assert math.isnan(found.assd_mm)
        assert (missed.surface_dice, invented.surface_dice, empty.surface_dice) == (0.0, 0.0, 1.0)
        assert (missed.dice, invented.dice, empty.dice) == (0.0, 0.0, 1.0)
        assert missed.volume_error_relative == -1.0
        assert math.isnan(invented.volume_error_relative)
        assert math.isnan(empty.volume_error_relative)
        assert (invented.volume_error_ml, empty.volume_error_ml) == (pytest.approx(0.04), 0.0)

    @settings(max_examples=30, deadline=None)
    @given(masks=arrays(np.bool_, st.tuples(st.just(2), *[st.integers(1, 5)] * 3)))
    def test_overlap_is_that_of_the_pooled_pixels(self, masks: Mask) -> None:
        prediction, truth = masks
        (found,) = volumes(prediction, truth).to_dict("records")
        flat = (truth.ravel(), prediction.ravel())
        empty = float(not masks.any())
        assert found["dice"] == pytest.approx(f1_score(*flat, zero_division=1.0))
        assert found["iou"] == pytest.approx(jaccard_score(*flat, zero_division=1.0))
        assert found["precision"] == pytest.approx(precision_score(*flat, zero_division=empty))
        assert found["recall"] == pytest.approx(recall_score(*flat, zero_division=empty))
