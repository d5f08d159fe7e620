from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score, jaccard_score
from torch import Tensor

from medseg.metrics import (
    SliceScore,
    both_class_pairs,
    both_classes,
    mean_interval,
    score_slice,
    score_table,
    summarise,
)


def mask(*rows: str) -> Tensor:
    """Binary ``(1, H, W)`` from rows such as ``".#"``."""
    return torch.tensor([[[float(pixel == "#") for pixel in row] for row in rows]])


def scored(pred: Tensor, label: Tensor) -> SliceScore:
    return score_slice(pred, label, loss=0.0, case="a", index=0)


def row(case: str, index: int, tp: int, fp: int, fn: int, *, dice: float, iou: float, loss: float = 0.0) -> SliceScore:
    return SliceScore(case, index, dice, iou, 0.5, loss, tp, fp, fn, 100 - tp - fp - fn)


@pytest.fixture
def two_volumes() -> list[SliceScore]:
    """Two volumes of two slices; slice 1 of ``b`` has neither truth nor prediction."""
    return [
        row("a", 0, 6, 2, 2, dice=0.75, iou=0.6, loss=0.1),
        row("a", 1, 0, 4, 0, dice=0.0, iou=0.0, loss=0.3),
        row("b", 0, 9, 1, 2, dice=18 / 21, iou=0.75, loss=0.2),
        row("b", 1, 0, 0, 0, dice=1.0, iou=1.0, loss=0.0),
    ]


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

    def test_carries_case_slice_and_loss(self) -> None:
        score = score_slice(mask("#"), mask("#"), loss=0.25, case="liver_001", index=7)
        assert (score.case, score.slice, score.loss) == ("liver_001", 7, 0.25)

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
    def test_is_in_order_of_case_and_slice(self, two_volumes: list[SliceScore]) -> None:
        table = score_table(two_volumes[::-1])
        assert list(zip(table.case, table.slice, strict=True)) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
        assert list(table.index) == [0, 1, 2, 3]

    def test_slice_that_came_twice_counts_once(self, two_volumes: list[SliceScore]) -> None:
        assert len(score_table([*two_volumes, two_volumes[0]])) == 4


class TestSummarise:
    def test_image_level_is_the_mean_over_slices(self, two_volumes: list[SliceScore]) -> None:
        level = summarise(score_table(two_volumes))["image_level"]
        assert level["dice"]["mean"] == pytest.approx((0.75 + 0 + 18 / 21 + 1) / 4)
        assert level["iou"]["mean"] == pytest.approx(2.35 / 4)
        assert level["loss"]["mean"] == pytest.approx(0.15)
        assert level["iou_both"]["mean"] == pytest.approx(0.5)
        assert level["dice"]["n"] == 4

    def test_spread_is_deviation_and_bootstrap_interval(self, two_volumes: list[SliceScore]) -> None:
        spread = summarise(score_table(two_volumes))["image_level"]["loss"]
        # 0.1, 0.3, 0.2, 0.0: squared deviations from 0.15 sum to 0.05.
        assert spread["std"] == pytest.approx(math.sqrt(0.05 / 3))
        assert (spread["ci95_low"], spread["ci95_high"]) == mean_interval([0.1, 0.3, 0.2, 0.0])

    def test_foreground_level_leaves_out_slices_without_truth(self, two_volumes: list[SliceScore]) -> None:
        level = summarise(score_table(two_volumes))["image_level_with_foreground"]
        assert level["iou"]["mean"] == pytest.approx((0.6 + 0.75) / 2)
        assert level["iou"]["n"] == 2

    def test_volume_level_stacks_each_cases_slices(self, two_volumes: list[SliceScore]) -> None:
        level = summarise(score_table(two_volumes))["volume_level"]
        # a: 6 shared, 6 beside, 2 missed; b: 9 shared, 1 beside, 2 missed.
        assert level["dice"]["mean"] == pytest.approx((12 / 20 + 18 / 21) / 2)
        assert level["iou"]["mean"] == pytest.approx((6 / 14 + 9 / 12) / 2)
        assert level["dice"]["n"] == 2

    def test_pooled_counts_all_pixels_together(self, two_volumes: list[SliceScore]) -> None:
        pooled = summarise(score_table(two_volumes))["pooled"]
        assert pooled == pytest.approx({"dice": 30 / 41, "iou": 15 / 26, "n_slices": 4})

    def test_images_of_one_slice_have_no_volume_level(self) -> None:
        scores = [row("a", 0, 1, 0, 0, dice=1, iou=1), row("b", 0, 0, 1, 1, dice=0, iou=0)]
        assert "volume_level" not in summarise(score_table(scores))

    def test_one_image_has_a_mean_and_no_interval(self) -> None:
        spread = summarise(score_table([row("a", 0, 1, 0, 0, dice=1, iou=1)]))["image_level"]["dice"]
        assert spread == {"mean": 1.0, "std": None, "ci95_low": None, "ci95_high": None, "n": 1}

    def test_loss_that_is_not_finite_has_no_mean(self) -> None:
        for loss in (math.nan, math.inf):
            scores = [row("a", 0, 1, 0, 0, dice=1, iou=1, loss=0.1), row("b", 0, 1, 0, 0, dice=1, iou=1, loss=loss)]
            level = summarise(score_table(scores))["image_level"]
            assert level["loss"] == {"mean": None, "std": None, "ci95_low": None, "ci95_high": None, "n": 2}
            assert level["dice"]["mean"] == 1.0

    def test_nothing_but_empty_slices_pools_to_one(self) -> None:
        summary = summarise(score_table([row("a", 0, 0, 0, 0, dice=1, iou=1), row("a", 1, 0, 0, 0, dice=1, iou=1)]))
        assert summary["pooled"]["dice"] == summary["volume_level"]["iou"]["mean"] == 1.0
        assert summary["image_level_with_foreground"]["dice"]["n"] == 0
        assert summary["image_level_with_foreground"]["dice"]["mean"] is None

    @pytest.mark.parametrize("number", [1, 4])
    def test_is_strict_json(self, two_volumes: list[SliceScore], number: int) -> None:
        summary = summarise(score_table(two_volumes[:number]))
        assert json.loads(json.dumps(summary, allow_nan=False)) == summary
