from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score, jaccard_score
from torch import Tensor

from medseg.metrics import SliceScore, both_class_pairs, both_classes, overlap, score_slice, score_table
from tests.medseg.metrics.masks import mask, row


def scored(pred: Tensor, label: Tensor) -> SliceScore:
    made_up = {"loss": 0.0, "cross_entropy": 0.0, "calibration_error": 0.0}
    return score_slice(pred, label, **made_up, group="g", case="a", index=0)


class TestScoreSlice:
    def test_overlap_by_hand(self) -> None:
        score = scored(mask("##..", "##.."), mask(".##.", ".#.."))
        # 2 pixels shared, 2 predicted beside, 1 missed, 3 background in both.
        assert (score.true_positive_px, score.false_positive_px, score.false_negative_px) == (2, 2, 1)
        assert score.true_negative_px == 3
        assert score.dice == pytest.approx(4 / 7)
        assert score.iou == pytest.approx(2 / 5)
        # Background: 3 shared of 3 + 2 + 1.
        assert score.iou_both == pytest.approx((2 / 5 + 3 / 6) / 2)

    def test_equal_masks_score_one(self) -> None:
        score = scored(mask("#.", ".#"), mask("#.", ".#"))
        assert (score.dice, score.iou, score.iou_both) == (1.0, 1.0, 1.0)

    def test_disjoint_masks_score_zero(self) -> None:
        score = scored(mask("#.", ".."), mask("..", ".#"))
        assert (score.dice, score.iou) == (0.0, 0.0)
        assert score.iou_both == pytest.approx((0 + 2 / 4) / 2)

    def test_empty_prediction_of_empty_truth_scores_one(self) -> None:
        score = scored(mask("..", ".."), mask("..", ".."))
        assert (score.dice, score.iou, score.iou_both) == (1.0, 1.0, 1.0)

    def test_false_positive_on_empty_truth_scores_zero(self) -> None:
        score = scored(mask("#.", ".."), mask("..", ".."))
        assert (score.dice, score.iou) == (0.0, 0.0)
        assert score.iou_both == pytest.approx((0 + 3 / 4) / 2)

    def test_empty_prediction_of_some_truth_scores_zero(self) -> None:
        score = scored(mask("..", ".."), mask("#.", ".."))
        assert (score.dice, score.iou) == (0.0, 0.0)

    def test_full_truth_and_prediction_score_one_for_the_absent_background_too(self) -> None:
        assert scored(mask("##"), mask("##")).iou_both == 1.0

    def test_precision_and_recall_by_hand(self) -> None:
        score = scored(mask("##..", "##.."), mask(".##.", ".#.."))
        assert (score.precision, score.recall) == (2 / 4, 2 / 3)

    def test_carries_what_it_is_told(self) -> None:
        score = score_slice(
            mask("#"),
            mask("#"),
            loss=0.25,
            cross_entropy=0.5,
            calibration_error=0.125,
            group="patient_1",
            case="liver_001",
            index=7,
        )
        assert (score.group, score.case, score.slice) == ("patient_1", "liver_001", 7)
        assert (score.loss, score.cross_entropy, score.calibration_error) == (0.25, 0.5, 0.125)

    @settings(max_examples=40, deadline=None)
    @given(masks=arrays(np.uint8, (2, 6, 5), elements=st.integers(0, 1)))
    def test_agrees_with_scikit_learn(self, masks: np.ndarray) -> None:
        pred, label = masks
        score = scored(torch.from_numpy(pred[None]), torch.from_numpy(label[None]))
        flat = (label.ravel(), pred.ravel())
        assert score.dice == pytest.approx(f1_score(*flat, zero_division=1.0))
        assert score.iou == pytest.approx(jaccard_score(*flat, zero_division=1.0))
        background = jaccard_score(*flat, pos_label=0, zero_division=1.0)
        assert score.iou_both == pytest.approx((score.iou + background) / 2)
        counts = (score.true_positive_px, score.false_positive_px, score.false_negative_px, score.true_negative_px)
        of_counts = overlap(*counts)
        assert {name: getattr(score, name) for name in of_counts} == pytest.approx(of_counts)

    @settings(max_examples=40, deadline=None)
    @given(masks=arrays(np.uint8, (2, 6, 5), elements=st.integers(0, 1)))
    def test_dice_follows_from_iou_and_counts_add_up(self, masks: np.ndarray) -> None:
        score = scored(*torch.from_numpy(masks[:, None]))
        assert score.dice == pytest.approx(2 * score.iou / (1 + score.iou))
        counts = (score.true_positive_px, score.false_positive_px, score.false_negative_px, score.true_negative_px)
        assert sum(counts) == 30
        assert 0.0 <= score.iou <= score.dice <= 1.0


class TestBothClasses:
    def test_background_comes_first(self) -> None:
        assert torch.equal(both_classes(mask("#.")), torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]]))

    def test_pairs_are_predictions_and_labels_of_each_item(self) -> None:
        preds, labels = both_class_pairs(
            [{"pred": mask("#."), "label": mask("##")}, {"pred": mask(".."), "label": mask("..")}]
        )
        assert torch.equal(preds[0], torch.cat([mask(".#"), mask("#.")]))
        assert torch.equal(labels[0], torch.cat([mask(".."), mask("##")]))
        assert len(preds) == len(labels) == 2


class TestScoreTable:
    def test_is_in_order_of_case_and_slice(self) -> None:
        table = score_table([row(case, index, 1, 0, 0) for case, index in (("b", 1), ("b", 0), ("a", 1), ("a", 0))])
        assert list(zip(table.case, table.slice, strict=True)) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
        assert list(table.index) == [0, 1, 2, 3]

    def test_slice_that_came_twice_counts_once(self) -> None:
        assert len(score_table([row("a", 0, 1, 0, 0), row("a", 1, 1, 0, 0), row("a", 0, 1, 0, 0)])) == 2

    def test_columns_say_where_before_what(self) -> None:
        assert list(score_table([row("a", 0, 1, 0, 0)])) == [
            "group", "case", "slice", "dice", "iou", "iou_both", "precision", "recall", "loss", "cross_entropy",
            "calibration_error", "true_positive_px", "false_positive_px", "false_negative_px", "true_negative_px",
        ]  # fmt: skip
