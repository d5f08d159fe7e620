from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from nibabel.orientations import aff2axcodes

from medseg.errors import SourceError
from medseg.io.affine import check_affine, corners_mm, image_affine, odd_spacing, spacing_mm
from tests.medseg.io.volume_files import AFFINE_MM

SHAPE = (512, 512, 100)


def leaning(degrees: float) -> np.ndarray:
    """z leans towards y."""
    angle = np.radians(degrees)
    affine = np.diag([0.7, 0.7, 1.0, 1.0])
    affine[:3, 2] = (0.0, 2 * np.sin(angle), 2 * np.cos(angle))
    return affine


class TestSpacingMm:
    def test_is_the_length_of_each_column(self) -> None:
        affine = np.eye(4)
        affine[:3, :3] = [[0, 0, 2], [3, 0, 0], [4, 0.5, 0]]
        np.testing.assert_allclose(spacing_mm(affine), (5, 0.5, 2))


class TestCornersMm:
    def test_are_the_outer_voxels_centres(self) -> None:
        affine = np.diag([2.0, 1.0, 3.0, 1.0])
        affine[:3, 3] = (10, 20, 30)
        expected = [(10 + x, 20 + y, 30 + z) for x, y, z in product((0, 6), (0, 4), (0, 3))]
        np.testing.assert_allclose(corners_mm(affine, (4, 5, 2)), expected)


class TestCheckAffine:
    @pytest.mark.parametrize("affine", [AFFINE_MM, np.diag([-1.0, -1.0, -1.0, 1.0]), leaning(0.09)])
    def test_right_angles_pass(self, affine: np.ndarray) -> None:
        check_affine("a.nii", affine, SHAPE, "sform")

    @pytest.mark.parametrize(("degrees", "shown"), [(0.2, "89.80"), (-0.2, "89.80"), (14.0, "76.00")])
    def test_a_tilt_is_refused(self, degrees: float, shown: str) -> None:
        with pytest.raises(
            SourceError,
            match=rf"sform must have axes at right angles, got {shown} degrees between y and z, .*--tilt resample",
        ):
            check_affine("a.nii", leaning(degrees), SHAPE, "sform")

    def test_positions_rounded_to_a_tenth_of_a_mm_pass_in_a_short_stack(self) -> None:
        affine = np.diag([0.7, 0.7, 5.0, 1.0])
        affine[0, 2] = 0.1  # 1.1 degrees, but only 0.1 mm over the two slices
        check_affine("a.nii", affine, (512, 512, 2), "sform")

    @pytest.mark.parametrize("number", [np.nan, np.inf])
    @pytest.mark.parametrize("place", [(0, 0), (2, 3)])
    def test_numbers_must_be_finite(self, number: float, place: tuple[int, int]) -> None:
        affine = AFFINE_MM.copy()
        affine[place] = number
        with pytest.raises(SourceError, match=r"qform must be finite numbers, got NaN or infinity"):
            check_affine("a.nii", affine, SHAPE, "qform")

    @pytest.mark.parametrize(
        "columns", [np.diag([1.0, 1.0, 0.0]), [[1, 1, 0], [0, 0, 0], [0, 0, 1]], [[1, 0, 1], [0, 1, 1], [0, 0, 1e-5]]]
    )
    def test_singular_matrices_are_refused(self, columns: np.ndarray) -> None:
        affine = np.eye(4)
        affine[:3, :3] = columns
        with pytest.raises(SourceError, match=r"sform must span three directions, got a singular matrix"):
            check_affine("a.nii", affine, SHAPE, "sform")


class TestOddSpacing:
    @pytest.mark.parametrize(("size", "odd"), [(0.009, True), (0.01, False), (50.0, False), (51.0, True)])
    def test_warns_of_what_no_scanner_makes(self, size: float, odd: bool) -> None:
        warnings = odd_spacing(np.diag([1.0, 1.0, size, 1.0]))
        assert bool(warnings) is odd
        assert all(f"voxels of 1 x 1 x {size:.4g} mm are odd" in warning for warning in warnings)


class TestImageAffine:
    def test_without_orientation_is_the_identity(self) -> None:
        np.testing.assert_array_equal(image_affine(None), np.eye(4))

    def test_columns_to_the_left_and_rows_to_anterior_by_hand(self) -> None:
        expected = np.array([[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        np.testing.assert_array_equal(image_affine("LA"), expected)

    @pytest.mark.parametrize(
        "orientation",
        [a + b for a, b in product("RLAPSI", repeat=2) if {a, b} not in ({*"RL"}, {*"AP"}, {*"SI"}) and a != b],
    )
    def test_nibabel_reads_the_same_directions(self, orientation: str) -> None:
        assert aff2axcodes(image_affine(orientation))[:2] == tuple(orientation)
