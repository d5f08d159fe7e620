from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, binary_erosion
from skimage.draw import polygon2mask
from skimage.measure import find_contours

from medseg.io.labels.contour_fill import fill_contours

SHAPE = (40, 30)


def square(low: float, high: float) -> np.ndarray:
    return np.array([(low, low), (high, low), (high, high), (low, high)])


def circle(centre: tuple[float, float], radius: float, points: int = 200) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.column_stack([centre[0] + radius * np.cos(angles), centre[1] + radius * np.sin(angles)])


def distances(centre: tuple[float, float]) -> np.ndarray:
    x, y = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(x - centre[0], y - centre[1])


def block(low: int, high: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[low : high + 1, low : high + 1] = True
    return mask


def blob(seed: int = 0) -> np.ndarray:
    """A smooth region with holes and parts."""
    noise = np.random.default_rng(seed).random(SHAPE)
    for _ in range(3):
        noise = (noise + sum(np.roll(noise, step, axis) for step in (-1, 1) for axis in (0, 1))) / 5
    mask = noise > np.median(noise)
    mask[[0, -1]] = mask[:, [0, -1]] = False
    return mask


class TestOneContour:
    @pytest.mark.parametrize(
        ("points", "expected"),
        [
            (square(2.5, 5.5), block(3, 5)),
            (square(2.6, 5.4), block(3, 5)),
            (square(3, 5), block(3, 5)),
            (square(3.01, 4.99), block(4, 4)),
            (square(3.2, 3.8), np.zeros(SHAPE, bool)),
        ],
    )
    def test_pixels_whose_centres_lie_inside_or_on_it(self, points: np.ndarray, expected: np.ndarray) -> None:
        np.testing.assert_array_equal(fill_contours([points], SHAPE), expected)

    @pytest.mark.parametrize("first", range(4))
    @pytest.mark.parametrize("step", [1, -1])
    def test_begin_and_direction_do_not_matter(self, first: int, step: int) -> None:
        points = np.roll(np.array([(3, 3), (9, 4), (7.5, 8), (2, 6)]), first, axis=0)[::step]
        expected = fill_contours([np.array([(3, 3), (9, 4), (7.5, 8), (2, 6)])], SHAPE)
        np.testing.assert_array_equal(fill_contours([points], SHAPE), expected)

    def test_point_given_twice_at_the_end(self) -> None:
        points = circle((15.3, 14.8), 9)
        closed = np.vstack([points, points[:1]])
        np.testing.assert_array_equal(fill_contours([closed], SHAPE), fill_contours([points], SHAPE))

    def test_rounding_does_not_move_a_contour_off_centres(self) -> None:
        noise = np.random.default_rng(0).uniform(-5e-4, 5e-4, (4, 2))
        np.testing.assert_array_equal(fill_contours([square(3, 9) + noise], SHAPE), block(3, 9))

    def test_diagonal_through_centres(self) -> None:
        triangle = np.array([(2, 2), (6, 2), (2, 6)])
        x, y = np.mgrid[: SHAPE[0], : SHAPE[1]]
        np.testing.assert_array_equal(fill_contours([triangle], SHAPE), (x >= 2) & (y >= 2) & (x + y <= 8))

    @pytest.mark.parametrize("radius", [0.8, 3.0, 7.4, 12.9])
    def test_circle(self, radius: float) -> None:
        """Border pixels lie within half a pixel; their number is that of the area but for the border's."""
        centre = (18.3, 14.6)
        mask = fill_contours([circle(centre, radius)], SHAPE)
        assert mask[distances(centre) <= radius - 0.5].all()
        assert not mask[distances(centre) >= radius + 0.5].any()
        assert abs(mask.sum() - np.pi * radius**2) <= np.pi * radius

    def test_what_lies_beyond_the_slice_is_left_out(self) -> None:
        mask = fill_contours([square(-0.5, 60)], SHAPE)
        assert mask.all()
        assert not fill_contours([square(50, 60)], SHAPE).any()

    @pytest.mark.parametrize("points", [np.array([(3, 3)]), np.array([(3, 3), (5, 3)]), np.array([(3, 3)] * 3)])
    def test_without_area_only_what_it_lies_on(self, points: np.ndarray) -> None:
        mask = fill_contours([points], SHAPE)
        assert mask.sum() == len(np.unique(points, axis=0)) + (len(points) == 2)
        assert mask[3, 3]

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.floats(-3, 43), st.floats(-3, 33)), min_size=3, max_size=12))
    def test_agrees_with_scikit_image_but_for_centres_on_the_contour(self, points: list[tuple[float, float]]) -> None:
        ours, theirs = (fill(np.array(points)) for fill in (lambda p: fill_contours([p], SHAPE), _by_scikit_image))
        assert all(_on(np.array(points), pixel) for pixel in np.argwhere(ours != theirs))


class TestSeveralContours:
    def test_inner_one_is_a_hole_whose_edge_belongs_to_the_foreground(self) -> None:
        expected = block(3, 12) & ~block(6, 8)
        for outer_step in (1, -1):
            contours = [square(5, 9), square(3, 12)[::outer_step]]
            np.testing.assert_array_equal(fill_contours(contours, SHAPE), expected)

    def test_one_within_a_hole_is_foreground(self) -> None:
        contours = [square(1.5, 20.5), square(4.5, 16.5), square(8.5, 12.5)]
        np.testing.assert_array_equal(fill_contours(contours, SHAPE), block(2, 20) & ~block(5, 16) | block(9, 12))

    def test_side_by_side_add_up_without_a_gap(self) -> None:
        left = np.array([(2, 2), (6, 2), (6, 6), (2, 6)])
        mask = fill_contours([left, left + np.array([4, 0])], SHAPE)
        assert mask[2:11, 2:7].all()
        assert mask.sum() == 9 * 5

    def test_circles_apart_and_within(self) -> None:
        outer, inner, other = (18.3, 14.6, 11.7), (19.1, 13.9, 5.3), (35.2, 4.4, 3.1)
        mask = fill_contours([circle(item[:2], item[2]) for item in (inner, other, outer)], SHAPE)
        expected = [distances(item[:2]) < item[2] for item in (outer, inner, other)]
        near = [abs(distances(item[:2]) - item[2]) < 0.01 for item in (outer, inner, other)]
        np.testing.assert_array_equal(
            (mask ^ (expected[0] & ~expected[1] | expected[2])) & ~np.any(near, axis=0), False
        )

    @pytest.mark.parametrize("place", [7, 7.5])
    def test_keyhole_leaves_no_trace(self, place: float) -> None:
        """A hole is joined to the outer contour by a slit, there and back."""
        slit = np.array([(place, 2.5), (place, 5.5)])
        hole = np.array([(place, 5.5), (5.5, 5.5), (5.5, 9.5), (9.5, 9.5), (9.5, 5.5), (place, 5.5)])
        outer = np.array([(place, 2.5), (12.5, 2.5), (12.5, 12.5), (2.5, 12.5), (2.5, 2.5), (place, 2.5)])
        keyhole = np.vstack([outer, slit, hole, slit[::-1]])
        np.testing.assert_array_equal(fill_contours([keyhole], SHAPE), block(3, 12) & ~block(6, 9))

    def test_contours_between_pixels_give_the_region_back(self) -> None:
        """scikit-image draws them half-way between inside and outside."""
        mask = blob()
        np.testing.assert_array_equal(fill_contours(find_contours(mask.astype(float), 0.5), SHAPE), mask)

    def test_contours_through_centres_give_the_region_back(self) -> None:
        """Drawn on the outermost pixels of the region, as OpenCV and what is built on it do."""
        mask = binary_dilation(binary_erosion(blob(1)), np.ones((3, 3)))
        eroded = find_contours(mask.astype(float), 0.999999)
        on_centres = [np.rint(contour) for contour in eroded]
        np.testing.assert_array_equal(fill_contours(on_centres, SHAPE), mask)

    def test_too_many_crossings_are_refused(self) -> None:
        zigzag = np.column_stack([np.zeros(20000), np.tile([0.5, 300.5], 10000)])
        with pytest.raises(ValueError, match="must cross its rows at most 4194304 times, got 6000000"):
            fill_contours([zigzag], (10, 512))


def _by_scikit_image(points: np.ndarray) -> np.ndarray:
    return polygon2mask(SHAPE, points)


def _on(points: np.ndarray, pixel: np.ndarray) -> bool:
    """Whether a pixel's centre lies on the contour, to the rounding that is allowed."""
    starts, edges = points, np.roll(points, -1, axis=0) - points
    lengths = np.maximum((edges**2).sum(axis=1), 1e-300)
    along = np.clip(((pixel - starts) * edges).sum(axis=1) / lengths, 0, 1)
    return bool(np.linalg.norm(starts + along[:, None] * edges - pixel, axis=1).min() < 3e-3)
