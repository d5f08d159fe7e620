"""Distances between surfaces, against hand-made figures and three other implementations."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
import surface_distance as deepmind
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from monai import metrics as monai_metrics
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
from numpy.typing import NDArray
from scipy import ndimage

from medseg.metrics import SurfaceScores, surface, surface_scores
from tests.medseg.metrics.masks import ball, box

Mask = NDArray[np.bool_]
STEPS = st.sampled_from([0.5, 0.75, 1.0, 2.5])


def as_tuple(scores: SurfaceScores) -> tuple[float, float, float]:
    return scores.hd95, scores.assd, scores.surface_dice


def by_distance_transform(
    prediction: Mask, truth: Mask, spacing: Sequence[float], tolerance: float
) -> tuple[float, float, float]:
    """The same definitions by dense distance transforms over the whole image."""

    def surface(mask: Mask) -> Mask:
        inside: Mask = ndimage.binary_erosion(mask)
        return mask & ~inside

    def distances(one: Mask, other: Mask) -> NDArray[np.float64]:
        to_other: NDArray[np.float64] = ndimage.distance_transform_edt(~surface(other), sampling=spacing)
        return to_other[surface(one)]

    ways = distances(prediction, truth), distances(truth, prediction)
    both = np.concatenate(ways)
    return max(np.percentile(way, 95) for way in ways), both.mean(), (both <= tolerance).mean()


def by_monai(prediction: Mask, truth: Mask, spacing: Sequence[float], tolerance: float) -> tuple[float, float, float]:
    """MONAI's three metrics over the whole image."""
    pair = [torch.from_numpy(mask)[None, None].float() for mask in (prediction, truth)]
    known = {"include_background": True, "spacing": list(spacing)}
    return (
        compute_hausdorff_distance(*pair, percentile=95, **known).item(),
        compute_average_surface_distance(*pair, symmetric=True, **known).item(),
        compute_surface_dice(*pair, class_thresholds=[tolerance], **known).item(),
    )


def by_deepmind(
    prediction: Mask, truth: Mask, spacing: Sequence[float], tolerance: float
) -> tuple[float, float, float]:
    """Surfaces between voxels, weighed by area; each element is pooled as in the other two."""
    found = deepmind.compute_surface_distances(truth, prediction, spacing)
    distances = np.concatenate([found["distances_gt_to_pred"], found["distances_pred_to_gt"]])
    areas = np.concatenate([found["surfel_areas_gt"], found["surfel_areas_pred"]])
    return (
        deepmind.compute_robust_hausdorff(found, 95),
        float(np.average(distances, weights=areas)),
        deepmind.compute_surface_dice_at_tolerance(found, tolerance),
    )


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Mask, Mask, tuple[float, ...]]:
    """Two masks that are not empty, in two or three dimensions, and a spacing."""
    shape = draw(array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=7))
    prediction, truth = (draw(arrays(np.bool_, shape)) for _ in range(2))
    assume(prediction.any() and truth.any())
    return prediction, truth, tuple(draw(STEPS) for _ in shape)


class TestByHand:
    def test_two_single_voxels(self) -> None:
        prediction, truth = box((4, 5), (0, 1), (0, 1)), box((4, 5), (3, 4), (4, 5))
        # 3 steps of 1 and 4 of 1: five apart.
        assert surface_scores(prediction, truth, spacing=(1.0, 1.0), tolerance=4.9) == SurfaceScores(5.0, 5.0, 0.0)
        assert surface_scores(prediction, truth, spacing=(1.0, 1.0), tolerance=5.0).surface_dice == 1.0

    def test_prediction_of_one_voxel_more(self) -> None:
        prediction, truth = box((1, 9), (0, 1), (0, 5)), box((1, 9), (0, 1), (0, 4))
        # In an image of one row all voxels are surface: 4 and 5 of them, one of which is 3 away.
        scores = surface_scores(prediction, truth, spacing=(1.0, 3.0), tolerance=2.0)
        assert scores.assd == pytest.approx(3 / 9)
        assert scores.surface_dice == pytest.approx(8 / 9)
        # The prediction's five distances 0, 0, 0, 0, 3: the 95th percentile lies 0.8 of the way from the fourth.
        assert scores.hd95 == pytest.approx(0.8 * 3)

    def test_inside_does_not_count(self) -> None:
        full, hollow = box((7, 7), (1, 6), (1, 6)), box((7, 7), (1, 6), (1, 6))
        hollow[3, 3] = False
        # The hollow one has the hole's four neighbours as surface beside the 16 of the outside; they are 1 away.
        scores = surface_scores(hollow, full, spacing=(1.0, 1.0), tolerance=0.0)
        assert scores.assd == pytest.approx(4 / (16 + 20))
        assert scores.surface_dice == pytest.approx(32 / 36)


class TestProperties:
    @settings(max_examples=40, deadline=None)
    @given(pair=pairs())
    def test_equal_masks_are_not_apart(self, pair: tuple[Mask, Mask, tuple[float, ...]]) -> None:
        mask, _, spacing = pair
        assert surface_scores(mask, mask.copy(), spacing=spacing, tolerance=0.0) == SurfaceScores(0.0, 0.0, 1.0)

    @settings(max_examples=40, deadline=None)
    @given(pair=pairs())
    def test_prediction_and_truth_may_change_places(self, pair: tuple[Mask, Mask, tuple[float, ...]]) -> None:
        prediction, truth, spacing = pair
        there, back = (
            surface_scores(one, other, spacing=spacing, tolerance=1.0)
            for one, other in ((prediction, truth), (truth, prediction))
        )
        assert as_tuple(there) == pytest.approx(as_tuple(back))

    @pytest.mark.parametrize("axis", [0, 1, 2])
    @pytest.mark.parametrize("steps", [1, 3])
    def test_shift_along_an_axis_is_its_length(self, axis: int, steps: int) -> None:
        spacing = (0.5, 0.75, 2.5)
        truth = np.zeros((12, 12, 12), dtype=bool)
        truth[tuple(slice(4, 5) if other == axis else slice(2, 10) for other in range(3))] = True
        # A plate of one voxel: each voxel of one is as far from the other as they were shifted.
        scores = surface_scores(np.roll(truth, steps, axis), truth, spacing=spacing, tolerance=steps * spacing[axis])
        assert as_tuple(scores) == pytest.approx((steps * spacing[axis],) * 2 + (1.0,))

    @settings(max_examples=30, deadline=None)
    @given(pair=pairs(), factor=st.sampled_from([0.5, 2.0, 4.0]))
    def test_distances_grow_with_the_spacing(self, pair: tuple[Mask, Mask, tuple[float, ...]], factor: float) -> None:
        prediction, truth, spacing = pair
        once = surface_scores(prediction, truth, spacing=spacing, tolerance=1.0)
        scaled = tuple(factor * step for step in spacing)
        more = surface_scores(prediction, truth, spacing=scaled, tolerance=factor)
        assert as_tuple(more) == pytest.approx((factor * once.hd95, factor * once.assd, once.surface_dice))


class TestEmptyMasks:
    def test_distance_to_nothing_is_not_known_and_the_surface_missed(self) -> None:
        nothing, something = np.zeros((4, 4, 2), dtype=bool), box((4, 4, 2), (1, 3), (1, 3), (0, 1))
        for prediction, truth in ((nothing, something), (something, nothing)):
            scores = surface_scores(prediction, truth, spacing=(1.0, 1.0, 1.0), tolerance=9.0)
            assert (math.isnan(scores.hd95), math.isnan(scores.assd), scores.surface_dice) == (True, True, 0.0)

    def test_nothing_where_nothing_is_scores_one(self) -> None:
        nothing = np.zeros((4, 4), dtype=bool)
        scores = surface_scores(nothing, nothing, spacing=(1.0, 1.0), tolerance=0.0)
        assert (math.isnan(scores.hd95), math.isnan(scores.assd), scores.surface_dice) == (True, True, 1.0)


class TestOneSlice:
    def test_is_measured_in_its_plane(self) -> None:
        prediction, truth = box((9, 9, 1), (1, 6), (1, 6), (0, 1)), box((9, 9, 1), (1, 8), (1, 6), (0, 1))
        volume = surface_scores(prediction, truth, spacing=(0.5, 2.0, 7.0), tolerance=0.5)
        assert volume == surface_scores(prediction[..., 0], truth[..., 0], spacing=(0.5, 2.0), tolerance=0.5)
        # As a volume all its voxels would be surface, the inside too, and most of it met.
        assert as_tuple(volume) != pytest.approx(by_monai(prediction, truth, (0.5, 2.0, 7.0), 0.5))


class TestBorder:
    def test_mask_that_the_image_cuts_has_a_surface_there(self) -> None:
        truth, prediction = box((6, 6), (0, 4), (1, 5)), box((6, 6), (1, 4), (1, 5))
        # Of the truth's ring of 12 the four at the border are 1 away, of the prediction's 10 the two inside the truth.
        scores = surface_scores(prediction, truth, spacing=(1.0, 1.0), tolerance=0.5)
        assert scores.surface_dice == pytest.approx((8 + 8) / (12 + 10))


class TestCropping:
    def test_changes_nothing(self) -> None:
        rng = np.random.default_rng(3)
        prediction, truth = ndimage.gaussian_filter(rng.normal(size=(2, 14, 12, 9)), (0, 2, 2, 2)) > 0
        spacing = (0.7, 0.8, 2.5)
        alone = surface_scores(prediction, truth, spacing=spacing, tolerance=2.0)
        for before, after in (((1, 1, 1), (1, 1, 1)), ((30, 0, 5), (0, 41, 2))):
            margins = tuple(zip(before, after, strict=True))
            wide = [np.pad(mask, margins) for mask in (prediction, truth)]
            assert as_tuple(surface_scores(*wide, spacing=spacing, tolerance=2.0)) == pytest.approx(as_tuple(alone))
            assert as_tuple(alone) == pytest.approx(by_monai(*wide, spacing, 2.0), rel=1e-5)

    def test_keeps_memory_at_the_masks_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shape = (256, 256, 100)
        prediction = ball(shape, (100, 120, 50), 20, (1.0, 1.0, 1.0))
        truth = ball(shape, (103, 120, 50), 20, (1.0, 1.0, 1.0))
        seen: list[tuple[int, ...]] = []

        def get_mask_edges(one: Mask, other: Mask) -> tuple[Mask, Mask]:
            seen.extend((one.shape, other.shape))
            return monai_metrics.get_mask_edges(one, other)

        monkeypatch.setattr(surface, "get_mask_edges", get_mask_edges)
        tracemalloc.start()
        surface_scores(prediction, truth, spacing=(1.0, 1.0, 1.0), tolerance=2.0)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 2 * truth.nbytes
        # What torch takes within MONAI is not traced, but grows with what MONAI is given: the box of both balls.
        assert seen == [(44, 41, 41)] * 2


class TestOtherImplementations:
    @settings(max_examples=60, deadline=None)
    @given(pair=pairs(), tolerance=st.sampled_from([0.0, 0.75, 2.0]))
    def test_agrees_with_distance_transforms(
        self, pair: tuple[Mask, Mask, tuple[float, ...]], tolerance: float
    ) -> None:
        prediction, truth, spacing = pair
        scores = surface_scores(prediction, truth, spacing=spacing, tolerance=tolerance)
        assert as_tuple(scores) == pytest.approx(by_distance_transform(prediction, truth, spacing, tolerance), rel=1e-6)

    @settings(max_examples=40, deadline=None)
    @given(pair=pairs(), tolerance=st.sampled_from([0.0, 0.75, 2.0]))
    def test_agrees_with_monai_s_metrics(self, pair: tuple[Mask, Mask, tuple[float, ...]], tolerance: float) -> None:
        prediction, truth, spacing = pair
        scores = surface_scores(prediction, truth, spacing=spacing, tolerance=tolerance)
        assert as_tuple(scores) == pytest.approx(by_monai(prediction, truth, spacing, tolerance), rel=1e-5)

    @pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 0.8, 2.5)])
    def test_balls_are_as_far_apart_as_deepmind_s_surfaces_by_half_a_voxel(
        self, spacing: tuple[float, float, float]
    ) -> None:
        shape = tuple(int(64 / step) for step in spacing)
        truth = ball(shape, (30, 30, 30), 20, spacing)
        prediction = ball(shape, (33, 30, 30), 22, spacing)
        ours = surface_scores(prediction, truth, spacing=spacing, tolerance=2.0)
        hd95, assd, surface_dice = by_deepmind(prediction, truth, spacing, 2.0)
        # Theirs are made of all places between voxels, so they are thicker, and weigh by area: near, not equal.
        half_voxel = max(spacing) / 2
        assert ours.hd95 == pytest.approx(hd95, abs=half_voxel)
        assert ours.assd == pytest.approx(assd, abs=half_voxel)
        assert ours.surface_dice == pytest.approx(surface_dice, abs=0.1)

    def test_thick_slices_count_less_than_by_area(self) -> None:
        # A block whose sides are met and whose top is 10 mm off: a side's voxel stands for 10 mm2, a top's for 1.
        truth = box((40, 40, 12), (5, 35), (5, 35), (1, 9))
        prediction = box((40, 40, 12), (5, 35), (5, 35), (1, 10))
        spacing = (1.0, 1.0, 10.0)
        ours = surface_scores(prediction, truth, spacing=spacing, tolerance=2.0).surface_dice
        theirs = by_deepmind(prediction, truth, spacing, 2.0)[2]
        assert ours < theirs
