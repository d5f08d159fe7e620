from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
import pytest

from medseg.metrics import SliceScore, case_table, mean_interval, score_table, summarise
from tests.medseg.metrics.masks import row


@pytest.fixture
def two_volumes() -> list[SliceScore]:
    """Two volumes of two slices; slice 1 of ``b`` has neither truth nor prediction."""
    return [
        row("a", 0, 6, 2, 2, dice=0.75, iou=0.6, loss=0.1, cross_entropy=0.2),
        row("a", 1, 0, 4, 0, dice=0.0, iou=0.0, loss=0.3, cross_entropy=0.4),
        row("b", 0, 9, 1, 2, dice=18 / 21, iou=0.75, loss=0.2),
        row("b", 1, 0, 0, 0, dice=1.0, iou=1.0, loss=0.0),
    ]


def measured(scores: list[SliceScore], **columns: list[float]) -> pd.DataFrame:
    """Table of whole cases with some columns of surfaces."""
    return case_table(score_table(scores)).assign(calibration_error=0.1, **columns)


def spread(**known: Any) -> dict[str, Any]:
    return {"mean": None, "std": None, "ci95_low": None, "ci95_high": None, **known}


class TestLevels:
    def test_image_level_is_the_mean_over_slices(self, two_volumes: list[SliceScore]) -> None:
        level = summarise(score_table(two_volumes))["image_level"]
        assert level["dice"]["mean"] == pytest.approx((0.75 + 0 + 18 / 21 + 1) / 4)
        assert level["iou"]["mean"] == pytest.approx(2.35 / 4)
        assert level["loss"]["mean"] == pytest.approx(0.15)
        assert level["cross_entropy"]["mean"] == pytest.approx(0.15)
        means = {name: level[name]["mean"] for name in ("iou_both", "precision", "recall", "calibration_error")}
        assert means == {"iou_both": 0.5, "precision": 0.25, "recall": 0.75, "calibration_error": 0.125}
        assert level["dice"]["n"] == 4

    def test_spread_is_deviation_and_bootstrap_interval(self, two_volumes: list[SliceScore]) -> None:
        found = summarise(score_table(two_volumes))["image_level"]["loss"]
        # 0.1, 0.3, 0.2, 0.0: squared deviations from 0.15 sum to 0.05.
        assert found["std"] == pytest.approx(math.sqrt(0.05 / 3))
        assert (found["ci95_low"], found["ci95_high"]) == mean_interval([0.1, 0.3, 0.2, 0.0])

    def test_foreground_level_leaves_out_slices_without_truth(self, two_volumes: list[SliceScore]) -> None:
        level = summarise(score_table(two_volumes))["image_level_with_foreground"]
        assert level["iou"]["mean"] == pytest.approx((0.6 + 0.75) / 2)
        assert level["iou"]["n"] == 2
        assert set(level) == {"dice", "iou", "precision", "recall"}

    def test_volume_level_stacks_each_cases_slices(self, two_volumes: list[SliceScore]) -> None:
        level = summarise(score_table(two_volumes))["volume_level"]
        # a: 6 shared, 6 beside, 2 missed; b: 9 shared, 1 beside, 2 missed.
        assert level["dice"]["mean"] == pytest.approx((12 / 20 + 18 / 21) / 2)
        assert level["iou"]["mean"] == pytest.approx((6 / 14 + 9 / 12) / 2)
        assert level["precision"]["mean"] == pytest.approx((6 / 12 + 9 / 10) / 2)
        assert level["cross_entropy"]["mean"] == pytest.approx((0.3 + 0.0) / 2)
        assert level["dice"]["n"] == 2

    def test_pooled_counts_all_pixels_together(self, two_volumes: list[SliceScore]) -> None:
        pooled = summarise(score_table(two_volumes))["pooled"]
        assert pooled == pytest.approx(
            {
                "dice": 30 / 41,
                "iou": 15 / 26,
                "iou_both": (15 / 26 + 374 / 385) / 2,
                "precision": 15 / 22,
                "recall": 15 / 19,
                "n_slices": 4,
            }
        )

    def test_images_of_one_slice_have_no_volume_level(self) -> None:
        scores = [row("a", 0, 1, 0, 0), row("b", 0, 0, 1, 1)]
        assert "volume_level" not in summarise(score_table(scores))
        assert "volume_level" not in summarise(score_table(scores), measured(scores, hd95_px=[1.0, 2.0]))


class TestSurfaces:
    def test_of_scans_stand_at_volume_level_with_interval(self, two_volumes: list[SliceScore]) -> None:
        volumes = measured(two_volumes, hd95_mm=[4.0, 6.0], surface_dice=[0.5, 1.0], surface_tolerance_mm=[2.0, 2.0])
        summary = summarise(score_table(two_volumes), volumes)
        level = summary["volume_level"]
        assert level["hd95_mm"] == {"mean": 5.0, "std": math.sqrt(2), "ci95_low": 4.0, "ci95_high": 6.0, "n": 2}
        assert level["surface_dice"]["mean"] == 0.75
        assert level["calibration_error"]["mean"] == 0.1
        assert level["dice"]["mean"] == pytest.approx((12 / 20 + 18 / 21) / 2)
        assert "hd95_mm" not in summary["image_level"]
        assert summary["surface_tolerance_mm"] == 2.0
        assert "surface_tolerance_mm" not in level

    def test_of_pictures_stand_at_image_level(self) -> None:
        scores = [row("a", 0, 1, 0, 0), row("b", 0, 0, 1, 1)]
        summary = summarise(score_table(scores), measured(scores, assd_px=[1.0, 2.0], surface_tolerance_px=[3.0, 3.0]))
        assert summary["image_level"]["assd_px"]["mean"] == 1.5
        assert summary["image_level"]["precision"]["mean"] == 0.25
        assert summary["surface_tolerance_px"] == 3.0

    def test_mean_is_over_the_cases_of_which_they_are_known(self, two_volumes: list[SliceScore]) -> None:
        volumes = measured(two_volumes, hd95_mm=[math.nan, 6.0], assd_mm=[math.nan, math.nan])
        level = summarise(score_table(two_volumes), volumes)["volume_level"]
        assert level["hd95_mm"] == spread(mean=6.0, n=1)
        assert level["assd_mm"] == spread(n=0)

    def test_error_of_a_volume_keeps_its_sign(self, two_volumes: list[SliceScore]) -> None:
        volumes = measured(two_volumes, volume_error_ml=[-3.0, 1.0], volume_error_relative=[-0.5, math.nan])
        level = summarise(score_table(two_volumes), volumes)["volume_level"]
        assert level["volume_error_ml"]["mean"] == -1.0
        assert level["volume_error_relative"] == spread(mean=-0.5, n=1)


class TestWhatIsNotKnown:
    def test_one_image_has_a_mean_and_no_interval(self) -> None:
        found = summarise(score_table([row("a", 0, 1, 0, 0, dice=1)]))["image_level"]["dice"]
        assert found == spread(mean=1.0, n=1)

    def test_loss_that_is_not_finite_has_no_mean(self) -> None:
        for loss in (math.nan, math.inf):
            scores = [
                row("a", 0, 1, 0, 0, dice=1, loss=0.1, cross_entropy=loss),
                row("b", 0, 1, 0, 0, dice=1, loss=loss),
            ]
            level = summarise(score_table(scores))["image_level"]
            assert level["loss"] == level["cross_entropy"] == spread(n=2)
            assert level["dice"]["mean"] == 1.0

    def test_nothing_but_empty_slices_pools_to_one(self) -> None:
        scores = [row("a", 0, 0, 0, 0, dice=1), row("a", 1, 0, 0, 0, dice=1)]
        summary = summarise(score_table(scores))
        assert summary["pooled"]["dice"] == summary["volume_level"]["iou"]["mean"] == 1.0
        assert summary["image_level_with_foreground"]["dice"] == spread(n=0)

    @pytest.mark.parametrize("number", [1, 4])
    def test_is_strict_json(self, two_volumes: list[SliceScore], number: int) -> None:
        scores = two_volumes[:number]
        volumes = measured(scores, hd95_mm=[math.nan] * (1 if number == 1 else 2))
        for summary in (summarise(score_table(scores)), summarise(score_table(scores), volumes)):
            assert json.loads(json.dumps(summary, allow_nan=False)) == summary
