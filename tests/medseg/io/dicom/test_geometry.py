from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medseg.io.dicom.geometry import Stack, affine_mm, depth_mm, plane_of, regular_grid_mm, same_positions, usual_gap_mm
from medseg.io.dicom.header import Header


def header(**values: object) -> Header:
    defaults = {"position_mm": (1.0, 2.0, 3.0), "orientation": (1.0, 0, 0, 0, 1.0, 0), "pixel_spacing_mm": (0.5, 0.25)}
    return Header(path=Path("a"), transfer_syntax="1.2.840.10008.1.2", **{**defaults, **values})


def stack(*places_mm: tuple[float, float, float]) -> Stack:
    return Stack.of([header(position_mm=place) for place in places_mm])


class TestStack:
    def test_measures_along_and_across_the_normal(self) -> None:
        measured = stack((0, 0, 10), (0.3, 0.4, 12), (0.6, 0.8, 16))
        np.testing.assert_allclose(measured.along_mm, [10, 12, 16])
        np.testing.assert_allclose(measured.across_mm, [(0, 0), (0.3, 0.4), (0.6, 0.8)])
        np.testing.assert_allclose(measured.gaps_mm, [2, 4])
        assert measured.length_mm == 6

    def test_tilt_is_the_angle_to_the_normal(self) -> None:
        assert stack((0, 0, 0), (0, 3, 3)).tilt_degrees() == pytest.approx(45)

    def test_distance_from_the_grid_between_the_ends(self) -> None:
        assert stack((0, 0, 0), (0, 0, 2), (0, 0, 6)).off_grid_mm() == pytest.approx(1)

    def test_distance_from_the_line_between_the_ends(self) -> None:
        assert stack((0, 0, 0), (3, 1, 5), (0, 2, 10)).off_line_mm() == pytest.approx(3)


class TestSamePositions:
    def test_slices_within_a_hundredth_share_a_position(self) -> None:
        assert same_positions(np.array([0, 0.009, 0.018, 1, 1.2])) == [[0, 1], [2], [3], [4]]


class TestUsualGap:
    @pytest.mark.parametrize(
        ("gaps_mm", "expected"),
        [
            ([5, 5, 10], 5),
            ([5, 10], 5),
            ([10, 5], 5),
            ([2.503, 2.497, 2.499, 5], 2.499),
            ([0.7781, 1.5562, 0.7781], 0.7781),
        ],
    )
    def test_is_the_commonest(self, gaps_mm: list[float], expected: float) -> None:
        assert usual_gap_mm(np.array(gaps_mm)) == pytest.approx(expected)


class TestRegularGrid:
    def test_fills_missing_slices(self) -> None:
        np.testing.assert_allclose(regular_grid_mm(np.array([0.0, 5, 10, 20])), [0, 5, 10, 15, 20])

    def test_keeps_a_finely_scanned_part(self) -> None:
        np.testing.assert_allclose(regular_grid_mm(np.array([0.0, 5, 10, 11, 12, 17])), np.arange(18))

    def test_keeps_the_usual_gap_where_others_are_near_it(self) -> None:
        np.testing.assert_allclose(regular_grid_mm(np.array([0.0, 5, 10, 14.5, 20])), [0, 5, 10, 15, 20])

    def test_reaches_the_ends_exactly(self) -> None:
        grid = regular_grid_mm(np.array([1.0, 3, 5, 8.4]))
        assert (grid[0], grid[-1]) == (1, 8.4)
        assert np.ptp(np.diff(grid)) < 1e-9


class TestAffine:
    def test_row_spacing_comes_first_and_lps_becomes_ras(self) -> None:
        affine = affine_mm(header(), np.array([0, 0, 4]))
        # (0028,0030) is 0.5 between rows, so along y, and 0.25 between columns, along x.
        np.testing.assert_allclose(affine, [[-0.25, 0, 0, -1], [0, -0.5, 0, -2], [0, 0, 4, 3], [0, 0, 0, 1]])


class TestPlane:
    @pytest.mark.parametrize(
        ("orientation", "plane"),
        [
            ((1, 0, 0, 0, 0.8, 0.6), "axial"),
            ((0, 1, 0, 0, 0, -1), "sagittal"),
            ((1, 0, 0, 0, 0, -1), "coronal"),
        ],
    )
    def test_is_the_nearest(self, orientation: tuple[float, ...], plane: str) -> None:
        assert plane_of(header(orientation=orientation)) == plane


class TestDepth:
    @pytest.mark.parametrize(
        ("thickness", "spacing", "expected"),
        [(5.0, 6.5, 6.5), (5.0, None, 5.0), (5.0, 0.0, 5.0), (None, -2.0, 2.0), (0.0, None, None), (None, None, None)],
    )
    def test_spacing_goes_before_thickness(
        self, thickness: float | None, spacing: float | None, expected: float | None
    ) -> None:
        assert depth_mm(header(slice_thickness_mm=thickness, spacing_between_mm=spacing)) == expected
