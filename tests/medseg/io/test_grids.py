from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from medseg.errors import SourceError
from medseg.io.grids import check_same_grid, grid_difference, label_on_image_grid, tolerance_mm
from medseg.io.orient import Orientation
from medseg.io.scans import read_scan
from medseg.io.volume import Volume
from tests.medseg.io.volume_files import ORIENTATIONS, affine_of, affines, voxels

SHAPE = (512, 512, 100)
MM = affine_of((0, 1, 2), (-1, -1, 1), (0.7, 0.7, 2.5))
SMALL = (5, 4, 3)


def shifted(*steps: float) -> np.ndarray:
    """The grid moved by so many voxels along x, y and z."""
    affine = MM.copy()
    affine[:3, 3] += MM[:3, :3] @ steps
    return affine


def turned(degrees: float) -> np.ndarray:
    affine = MM.copy()
    affine[:3, :3] = Rotation.from_euler("z", degrees, degrees=True).as_matrix() @ MM[:3, :3]
    return affine


class TestGridDifference:
    def test_same_grid(self) -> None:
        assert grid_difference(SHAPE, MM, SHAPE, MM.copy()) is None

    @pytest.mark.parametrize("offset", [(3e-4, 0, 0), (-3e-4, 3e-4, 3e-4), (0, 0, 4.9e-3)])
    def test_rounding_as_in_msd_and_lits_passes(self, offset: tuple[float, ...]) -> None:
        other = MM.copy()
        other[:3, 3] += offset
        assert grid_difference(SHAPE, MM, SHAPE, other) is None

    def test_spacing_rounded_to_float32_passes(self) -> None:
        mm = MM * np.array([1.0003, 1.0007, 0.99, 1])
        assert grid_difference(SHAPE, mm, SHAPE, mm.astype(np.float32).astype(np.float64)) is None

    @pytest.mark.parametrize(
        ("other", "difference"),
        [
            (shifted(0.01, 0, 0), "is shifted by +0.01 voxels along x (corners up to 0.007 mm apart)"),
            (shifted(0, 0, 1), "is shifted by +1 voxels along z (corners up to 2.5 mm apart)"),
            (
                shifted(1, -0.5, 0),
                "is shifted by +1 voxels along x and -0.5 voxels along y (corners up to 0.7826 mm apart)",
            ),
            (
                MM @ np.diag([1, 1, 1.01, 1]),
                "has voxels of 0.7 x 0.7 x 2.525 mm instead of 0.7 x 0.7 x 2.5 mm (corners up to 2.475 mm apart)",
            ),
            (turned(0.5), "is turned by 0.50 degrees (corners up to 4.414 mm apart)"),
            (MM @ np.diag([-1, 1, 1, 1]), "is mirrored along x (corners up to 715.4 mm apart)"),
            (MM @ np.diag([-1, -1, 1, 1]), "is mirrored along x and y (corners up to 1012 mm apart)"),
            (MM[:, [1, 0, 2, 3]], "has its axes in the order y, x, z (corners up to 505.9 mm apart)"),
        ],
    )
    def test_says_what_differs(self, other: np.ndarray, difference: str) -> None:
        assert grid_difference(SHAPE, MM, SHAPE, other) == difference

    def test_a_mirror_about_the_volumes_own_middle_is_seen(self) -> None:
        other = MM.copy()
        other[:3, 3] += 511 * MM[:3, 0]
        other[:3, 0] *= -1
        assert grid_difference(SHAPE, MM, SHAPE, other) == "is mirrored along x (corners up to 357.7 mm apart)"

    def test_one_slice_less(self) -> None:
        assert grid_difference(SHAPE, MM, (512, 512, 99), MM) == "has 512 x 512 x 99 voxels instead of 512 x 512 x 100"

    def test_axes_in_another_order(self) -> None:
        other = MM[:, [2, 0, 1, 3]]  # its x is our z, its y our x, its z our y
        assert (
            grid_difference(SHAPE, MM, (100, 512, 512), other)
            == "has 100 x 512 x 512 voxels instead of 512 x 512 x 100 and has its axes in the order z, x, y"
        )

    @pytest.mark.parametrize("degrees", [1e-4, 2e-4])
    def test_far_corners_count_not_matrix_entries(self, degrees: float) -> None:
        # 1e-4 degrees move the far corner by 0.0009 mm, ten times as much by 0.009 mm.
        assert grid_difference(SHAPE, MM, SHAPE, turned(degrees)) is None
        difference = grid_difference(SHAPE, MM, SHAPE, turned(10 * degrees))
        assert difference is not None
        assert difference.startswith("differs slightly (corners up to 0.0")

    @pytest.mark.parametrize(("size", "expected"), [(1.0, 0.005), (0.1, 0.005), (0.02, 0.001)])
    def test_tolerance_shrinks_with_voxels(self, size: float, expected: float) -> None:
        assert tolerance_mm(np.diag([1.0, size, 3.0, 1.0])) == pytest.approx(expected)

    @settings(max_examples=200, deadline=None)
    @given(affines(), st.integers(0, 2), st.sampled_from([-1.0, -0.5, 0.5, 1.0]))
    def test_half_a_voxel_is_always_seen(self, affine: np.ndarray, axis: int, step: float) -> None:
        other = affine.copy()
        other[:3, 3] += step * affine[:3, axis]
        difference = grid_difference(SHAPE, affine, SHAPE, other)
        assert difference is not None
        assert difference.startswith(f"is shifted by {step:+.4g} voxels along {'xyz'[axis]}")

    @settings(max_examples=200, deadline=None)
    @given(affines(), st.sampled_from(ORIENTATIONS[1:]))
    def test_every_flip_and_swap_is_seen(
        self, affine: np.ndarray, turn: tuple[tuple[int, ...], tuple[int, ...]]
    ) -> None:
        order, signs = turn
        other = Orientation(order, tuple(sign < 0 for sign in signs)).apply_affine(affine, SMALL)  # type: ignore[arg-type]
        shape = tuple(SMALL[axis] for axis in order)
        assert grid_difference(SMALL, affine, shape, other) is not None


class TestCheckSameGrid:
    def test_names_the_label_the_difference_and_the_way_out(self) -> None:
        image, label = Volume(voxels(SMALL), MM), Volume(voxels(SMALL), shifted(0, 0, 1))
        with pytest.raises(SourceError) as caught:
            check_same_grid("label.nii", image, label)
        assert str(caught.value) == (
            "label.nii: label must stand on its image's grid, got one that is shifted by +1 voxels along z (corners up"
            " to 2.5 mm apart); check the pairing, or save it on that grid"
        )

    def test_same_grid_passes(self) -> None:
        check_same_grid("label.nii", Volume(voxels(SMALL), MM), Volume(voxels(SMALL), MM))


class TestLabelOnImageGrid:
    def test_label_on_the_grid_takes_the_images_affine(self) -> None:
        label = Volume(voxels(SMALL, "uint8"), MM + 1e-4 * np.eye(4, k=3))
        placed = label_on_image_grid("label.nii", Volume(voxels(SMALL), MM), label)
        assert placed.voxels is label.voxels
        np.testing.assert_array_equal(placed.affine_mm, MM)
        assert placed.warnings == ()

    @settings(max_examples=100, deadline=None)
    @given(affines(), st.sampled_from(ORIENTATIONS))
    def test_voxels_that_its_affine_puts_in_place_are_turned(
        self, affine: np.ndarray, turn: tuple[tuple[int, ...], tuple[int, ...]]
    ) -> None:
        """A label whose voxels stand in another order, but at the same places in the patient."""
        order, signs = turn
        stored = Orientation(order, tuple(sign < 0 for sign in signs))  # type: ignore[arg-type]
        truth = voxels(SMALL, "uint8")
        label = Volume(stored.apply(truth), stored.apply_affine(affine, SMALL))
        placed = label_on_image_grid("label.nii", Volume(voxels(SMALL), affine), label)
        np.testing.assert_array_equal(placed.voxels, truth)
        np.testing.assert_array_equal(placed.affine_mm, affine)
        assert len(placed.warnings) == (turn != ORIENTATIONS[0])

    def test_the_warning_says_how_it_was_stored(self) -> None:
        flip = Orientation((0, 1, 2), (False, True, False))
        label = Volume(flip.apply(voxels(SMALL)), flip.apply_affine(MM, SMALL), warnings=("odd",))
        placed = label_on_image_grid("label.nii", Volume(voxels(SMALL), MM), label)
        assert placed.warnings == (
            "odd",
            "label is mirrored along y as its own affine says; turned to its image's order",
        )

    @pytest.mark.parametrize(
        ("label_mm", "match"),
        [
            (MM @ np.diag([-1, 1, 1, 1]), r"label\.nii: label must stand .* is mirrored along x \(corners"),
            (MM[:, [1, 0, 2, 3]] + np.eye(4, k=3), r"has its axes in the order y, x, z"),
            (shifted(0, 0, 0.5), r"is shifted by \+0\.5 voxels along z"),
            (turned(5), r"is turned by 5\.00 degrees"),
        ],
    )
    def test_what_lies_elsewhere_is_refused(self, label_mm: np.ndarray, match: str) -> None:
        image, label = Volume(voxels((4, 4, 3)), MM), Volume(voxels((4, 4, 3)), label_mm)
        with pytest.raises(SourceError, match=match):
            label_on_image_grid("label.nii", image, label)

    @pytest.mark.realdata
    def test_real_label_whose_rows_run_the_other_way(self, shared_data: Path) -> None:
        """Liver (5) has the HU of a liver only if the label is turned as its affine says."""
        image, label = read_scan(shared_data / "ct_j2k/dicom"), read_scan(shared_data / "ct_j2k/labels.nii.gz")
        placed = label_on_image_grid("labels.nii.gz", image, label)
        assert placed.warnings == ("label is mirrored along y as its own affine says; turned to its image's order",)
        liver = image.voxels[placed.voxels == 5]
        assert 80 < liver.mean() < 100
        assert liver.std() < 30
        assert image.voxels[label.voxels == 5].mean() < 0
        with pytest.raises(SourceError, match=r"is mirrored along y \(corners up to 499 mm apart\)"):
            check_same_grid("labels.nii.gz", image, label)
