from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from medseg.metrics import OVERLAP, overlap

COUNTS = st.integers(0, 30)


class TestOverlap:
    def test_by_hand(self) -> None:
        # 6 shared, 2 predicted beside, 4 missed, 8 background in both.
        assert overlap(6, 2, 4, 8) == {
            "dice": 12 / 18,
            "iou": 6 / 12,
            "iou_both": (6 / 12 + 8 / 14) / 2,
            "precision": 6 / 8,
            "recall": 6 / 10,
        }
        assert tuple(overlap(6, 2, 4, 8)) == OVERLAP

    def test_empty_prediction_of_empty_truth_scores_one(self) -> None:
        assert set(overlap(0, 0, 0, 9).values()) == {1.0}

    @pytest.mark.parametrize("counts", [(0, 3, 0, 6), (0, 0, 3, 6), (0, 3, 3, 3)])
    def test_masks_without_a_shared_pixel_score_zero(self, counts: tuple[int, int, int, int]) -> None:
        scores = overlap(*counts)
        assert [scores[name] for name in ("dice", "iou", "precision", "recall")] == [0.0] * 4

    @pytest.mark.parametrize(("counts", "iou_both"), [((9, 0, 0, 0), 1.0), ((0, 9, 0, 0), 0.0), ((0, 0, 9, 0), 0.0)])
    def test_background_that_neither_mask_has_counts_as_met(
        self, counts: tuple[int, int, int, int], iou_both: float
    ) -> None:
        assert overlap(*counts)["iou_both"] == iou_both

    @settings(max_examples=60, deadline=None)
    @given(counts=st.tuples(COUNTS, COUNTS, COUNTS, COUNTS).filter(any))
    def test_agrees_with_scikit_learn(self, counts: tuple[int, int, int, int]) -> None:
        scores = overlap(*counts)
        truth, pred = np.repeat([1, 0, 1, 0], counts), np.repeat([1, 1, 0, 0], counts)
        empty = float(not truth.any() and not pred.any())
        expected = {
            "dice": f1_score(truth, pred, zero_division=1.0),
            "iou": jaccard_score(truth, pred, zero_division=1.0),
            "iou_both": (
                jaccard_score(truth, pred, zero_division=1.0)
                + jaccard_score(truth, pred, pos_label=0, zero_division=1.0)
            )
            / 2,
            "precision": precision_score(truth, pred, zero_division=empty),
            "recall": recall_score(truth, pred, zero_division=empty),
        }
        assert scores == pytest.approx(expected)
