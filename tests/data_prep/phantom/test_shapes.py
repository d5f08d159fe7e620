from __future__ import annotations

import numpy as np

from data_prep.phantom.shapes import Ellipsoid, Points, Tube, superellipse


def _at(*places: tuple[float, float, float]) -> Points:
    return Points.of(np.transpose(places).astype(np.float32))


class TestEllipsoid:
    def test_distance_is_one_on_the_surface(self) -> None:
        ellipsoid = Ellipsoid((1, 2, 3), (4, 5, 6))
        distance = ellipsoid.distance(_at((1, 2, 3), (5, 2, 3), (1, -3, 3), (1, 2, 15)))
        np.testing.assert_allclose(distance, [0, 1, 1, 2], rtol=1e-6)

    def test_a_quarter_turn_swaps_x_and_y(self) -> None:
        inside = Ellipsoid((0, 0, 0), (10, 1, 1), turn=np.pi / 2).contains(_at((0, 9, 0), (9, 0, 0)))
        assert inside.tolist() == [True, False]

    def test_misses_only_what_lies_above_or_below(self) -> None:
        ellipsoid = Ellipsoid((0, 0, 10), (1, 1, 3))
        assert ellipsoid.misses(_at((0, 0, 13.5), (0, 0, 20)))
        assert ellipsoid.misses(_at((0, 0, 6.5)))
        assert not ellipsoid.misses(_at((0, 0, 6.5), (0, 0, 20)))

    def test_varied_stays_within_its_bounds(self) -> None:
        rng = np.random.default_rng(0)
        for _ in range(20):
            other = Ellipsoid((10, 20, 30), (10, 10, 10), 0.5).varied(rng, by_mm=2, by=0.1)
            assert np.abs(np.subtract(other.centre_mm, (10, 20, 30))).max() <= 2
            assert np.abs(np.subtract(other.radii_mm, 10)).max() <= 1
            assert other.turn == 0.5


class TestTube:
    def test_tapers_from_start_to_end_and_is_round_at_its_ends(self) -> None:
        tube = Tube((0, 0, 0), (0, 0, 10), 4, 2)
        # Half-way the radius is 3; 1 mm beyond the end it is 3 ** 0.5, about 1.73.
        inside = tube.contains(_at((2.9, 0, 5), (3.1, 0, 5), (0, 1.7, 11), (0, 1.8, 11), (0, 0, -3.9), (0, 0, -4.1)))
        assert inside.tolist() == [True, False, True, False, True, False]

    def test_misses_only_what_lies_above_or_below(self) -> None:
        tube = Tube((0, 0, 10), (50, 0, 0), 4, 2)
        assert tube.misses(_at((0, 0, 14.5)))
        assert tube.misses(_at((0, 0, -4.5)))
        assert not tube.misses(_at((0, 0, 13.5)))


class TestSuperellipse:
    def test_is_one_on_the_axes_and_beyond_an_ellipse_between_them(self) -> None:
        # Where |x/a| = |y/b| = t, t^2.5 * 2 = 1: t = 0.758, while an ellipse has 0.707.
        t = 0.5**0.4
        distance = superellipse(_at((3, 0, 0), (0, 5, 9), (3 * t, 5 * t, 0), (0, 0, 0)), (0, 0), (3, 5))
        np.testing.assert_allclose(distance[:3], 1, rtol=1e-6)
        assert distance[3] < 1

    def test_near_the_outline_it_is_the_fraction_of_the_way(self) -> None:
        assert abs(superellipse(_at((99, 0, 0)), (0, 0), (100, 100))[0] - 0.99) < 2e-4


class TestPoints:
    def test_at_keeps_the_chosen_places(self) -> None:
        points = Points.of(np.arange(12, dtype=np.float32).reshape(3, 2, 2))
        chosen = points.at(np.array([[True, False], [False, True]]))
        assert chosen.x.tolist() == [0, 3]
        assert chosen.z.tolist() == [8, 11]
        assert chosen.z_range_mm == (8, 11)
