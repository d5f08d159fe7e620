from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import label
from skimage.measure import points_in_poly

from medseg.io.results.contours import outline
from tests.medseg.io.results.sources import hard_mask


def picture(*rows: str) -> NDArray[np.uint8]:
    """``(x, y)`` from rows of ``#`` and ``.``, y downwards."""
    return np.array([[char == "#" for char in row] for row in rows], np.uint8).T


def covered(contour: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centres lie inside, by scikit-image."""
    centres = np.argwhere(np.ones(shape, bool))
    inside: NDArray[np.bool_] = points_in_poly(centres, contour).reshape(shape)
    return inside


def area(contour: NDArray[np.float64]) -> float:
    """Signed: above 0 where the inside is to the left, x to the right and y up."""
    x, y = contour.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def corners(contour: NDArray[np.float64]) -> set[tuple[float, float]]:
    return {(x, y) for x, y in np.round(contour, 9).tolist()}


class TestOutline:
    def test_nothing_has_none(self) -> None:
        assert outline(np.zeros((3, 2), np.uint8)) == []

    def test_single_pixel_is_a_square_around_its_centre(self) -> None:
        (contour,) = outline(picture("...", "..#"))
        assert len(contour) == 4
        assert corners(contour) == {(1.51, 0.51), (2.49, 0.51), (2.49, 1.49), (1.51, 1.49)}

    def test_whole_image_is_outlined_within_it(self) -> None:
        (contour,) = outline(np.ones((4, 3), np.uint8))
        assert corners(contour) == {(-0.49, -0.49), (3.49, -0.49), (3.49, 2.49), (-0.49, 2.49)}

    def test_straight_edges_have_no_points_between_their_ends(self) -> None:
        (contour,) = outline(picture("##", "##", "#."))
        assert len(contour) == 6

    def test_pixels_that_touch_at_a_corner_are_apart(self) -> None:
        found = outline(picture("#.", ".#"))
        assert [area(contour) for contour in found] == pytest.approx([0.98**2] * 2)
        found = outline(picture(".#", "#."))
        assert len(found) == 2

    def test_bridge_of_one_pixel_joins(self) -> None:
        assert len(outline(picture("##.##", "#####", "##.##"))) == 1

    def test_hole_is_joined_by_a_channel_through_the_pixels_to_its_left(self) -> None:
        """From the outer contour at -0.49 to the hole at 1.49, a quarter of a pixel below the centres of row 1."""
        (contour,) = outline(picture("####", "##.#", "####"))
        assert len(contour) == 4 + 4 + 4
        assert [tuple(point) for point in np.round(contour, 9)].count((-0.49, 1.25)) == 2
        assert [tuple(point) for point in np.round(contour, 9)].count((1.49, 1.25)) == 2
        assert area(contour) == pytest.approx(3.98 * 2.98 - 1.02**2)

    def test_channels_of_several_holes_share_an_edge(self) -> None:
        rows = ("#######", "#.#.#.#", "#######", "#.###.#", "#######")
        (contour,) = outline(picture(*rows))
        np.testing.assert_array_equal(covered(contour, (7, 5)), picture(*rows))

    def test_island_in_a_hole_stands_alone(self) -> None:
        found = outline(picture("#####", "#...#", "#.#.#", "#...#", "#####"))
        assert sorted(map(area, found)) == pytest.approx([0.98**2, 4.98**2 - 3.02**2])

    def test_inside_is_to_the_left(self) -> None:
        """So that readers that count windings see holes, too."""
        for z in range(4):
            assert all(area(contour) > 0 for contour in outline(hard_mask()[..., z]))

    @pytest.mark.parametrize("z", range(6))
    def test_hard_masks_come_back_from_their_contours(self, z: int) -> None:
        mask = hard_mask()[..., z]
        found = outline(mask)
        _, parts = label(mask)
        assert len(found) == parts
        # Contours are apart, so that it does not matter whether a reader adds them up or takes one out of another.
        assert sum(covered(contour, mask.shape).astype(int) for contour in found) == pytest.approx(mask)

    @pytest.mark.parametrize("seed", range(60))
    def test_random_masks_come_back_from_their_contours(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        mask = (rng.random(rng.integers(1, 13, 2)) < rng.uniform(0.3, 0.9)).astype(np.uint8)
        found = outline(mask)
        assert len(found) == label(mask)[1]
        assert np.array_equal(sum((covered(contour, mask.shape).astype(int) for contour in found), 0 * mask), mask)
        # A side of a pixel loses a hundredth, and there are at most four a pixel.
        assert sum(map(area, found)) == pytest.approx(mask.sum(), rel=0.04)

    def test_noise_of_a_usual_slice_takes_seconds(self) -> None:
        """Some 17000 parts and 17000 holes."""
        noise = (np.random.default_rng(0).random((512, 512)) < 0.5).astype(np.uint8)
        start = time.perf_counter()
        found = outline(noise)
        assert len(found) == label(noise)[1]
        assert time.perf_counter() - start < 20
