from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from medseg.errors import UsageError
from medseg.io.orient import Orientation, Plane, acquired_plane, find_orientation, plane_warning, to_ras
from medseg.io.scans import read_scan
from medseg.io.volume import Volume
from tests.medseg.io.volume_files import ORIENTATIONS, affine_of, affines, voxels

SHAPE = (5, 4, 3)
PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal", "source")
SLICE_AXIS = {"axial": "S", "coronal": "A", "sagittal": "R"}


def world_mm(affine: np.ndarray, index: tuple[int, ...]) -> np.ndarray:
    return affine[:3, :3] @ index + affine[:3, 3]


def where(array: np.ndarray, value: int) -> tuple[int, ...]:
    return tuple(int(place[0]) for place in np.nonzero(array == value))


def is_tie(affine: np.ndarray) -> bool:
    """Whether nibabel's nearest directions hang on a thousandth of a radian."""
    nearest = []
    for axis in (*np.eye(3), *-np.eye(3)):
        moved = np.eye(4)
        moved[:3, :3] = Rotation.from_rotvec(1e-3 * axis).as_matrix() @ affine[:3, :3]
        nearest.append(nib.io_orientation(moved).tolist())
    return any(directions != nearest[0] for directions in nearest)


class TestToRas:
    @pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
    def test_all_48_orientations_become_ras_as_nibabel_makes_them(self, order: tuple, signs: tuple) -> None:
        affine = affine_of(order, signs)
        turned, orientation = to_ras(Volume(voxels(SHAPE), affine, "CT"))
        expected = nib.as_closest_canonical(nib.Nifti1Image(voxels(SHAPE), affine))
        np.testing.assert_array_equal(turned.voxels, np.asarray(expected.dataobj))
        np.testing.assert_allclose(turned.affine_mm, expected.affine, atol=1e-9)
        assert nib.aff2axcodes(turned.affine_mm) == ("R", "A", "S")
        assert turned.modality == "CT"
        np.testing.assert_array_equal(orientation.undo(turned.voxels), voxels(SHAPE))

    @settings(max_examples=300, deadline=None)
    @given(affines(), st.sampled_from(PLANES), st.integers(0, 59))
    def test_undo_is_exact_and_voxels_keep_their_place(self, affine: np.ndarray, plane: Plane, mark: int) -> None:
        source = Volume(voxels(SHAPE), affine)
        turned, orientation = to_ras(source, plane)
        np.testing.assert_array_equal(orientation.undo(turned.voxels), source.voxels)
        np.testing.assert_array_equal(orientation.apply(source.voxels), turned.voxels)
        np.testing.assert_allclose(
            world_mm(turned.affine_mm, where(turned.voxels, mark)),
            world_mm(affine, where(source.voxels, mark)),
            atol=1e-9,
        )

    @settings(max_examples=200, deadline=None)
    @given(affines(), st.sampled_from(PLANES[:3]))
    def test_axes_run_to_r_a_s_and_the_planes_normal_is_last(self, affine: np.ndarray, plane: Plane) -> None:
        assume(not is_tie(affine))
        turned, _ = to_ras(Volume(voxels(SHAPE), affine), plane)
        codes = nib.aff2axcodes(turned.affine_mm)
        assert codes[2] == SLICE_AXIS[plane]
        assert codes[:2] == tuple(code for code in "RAS" if code != SLICE_AXIS[plane])

    def test_coronal_slices_by_hand(self) -> None:
        """A scan stored P, S, R: coronal slices run R, S, and are counted to A."""
        affine = affine_of((1, 2, 0), (-1, 1, 1), (2.0, 3.0, 4.0))
        turned, orientation = to_ras(Volume(voxels(SHAPE), affine), "coronal")
        np.testing.assert_array_equal(turned.voxels, voxels(SHAPE).transpose(2, 1, 0)[:, :, ::-1])
        expected = np.array([[4, 0, 0, -31.5], [0, 0, 2, 12.25 - 8], [0, 3, 0, 803], [0, 0, 0, 1]])
        np.testing.assert_allclose(turned.affine_mm, expected)
        assert orientation == Orientation((2, 1, 0), (False, False, True))

    def test_a_plane_other_than_axial_is_recorded(self) -> None:
        volume = Volume(voxels(SHAPE), np.eye(4), warnings=("odd",), decisions=("before",))
        assert to_ras(volume)[0].decisions == ("before",)
        turned, _ = to_ras(volume, "sagittal")
        assert turned.decisions == ("before", "slices by --plane sagittal")
        assert turned.warnings == ("odd",)

    def test_nothing_is_copied(self) -> None:
        volume = Volume(voxels(SHAPE), affine_of((2, 0, 1), (-1, 1, -1)))
        assert np.shares_memory(to_ras(volume)[0].voxels, volume.voxels)

    def test_labels_and_predictions_of_other_types_come_back_too(self) -> None:
        _, orientation = to_ras(Volume(voxels(SHAPE), affine_of((2, 0, 1), (-1, 1, -1))))
        prediction = np.random.default_rng(0).random(orientation.apply(voxels(SHAPE)).shape)
        np.testing.assert_array_equal(orientation.apply(orientation.undo(prediction)), prediction)

    def test_unknown_plane_is_refused(self) -> None:
        with pytest.raises(UsageError, match=r"--plane must be axial, coronal, sagittal or source, got 'oblique'"):
            to_ras(Volume(voxels(SHAPE), np.eye(4)), "oblique")  # type: ignore[arg-type]


class TestTies:
    @pytest.mark.parametrize("axis", ["x", "y", "z"])
    @pytest.mark.parametrize("degrees", [45, -45, 135, -135])
    def test_at_45_degrees_rounding_does_not_decide(self, axis: str, degrees: float) -> None:
        affine = np.eye(4)
        affine[:3, :3] = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
        expected = find_orientation(affine, SHAPE)
        rng = np.random.default_rng(0)
        for _ in range(50):
            noisy = affine.copy()
            noisy[:3, :3] += rng.uniform(-1e-6, 1e-6, (3, 3))
            assert find_orientation(noisy, SHAPE) == expected

    def test_between_all_three_directions(self) -> None:
        affine = np.eye(4)
        affine[:3, :3] = Rotation.from_rotvec(np.radians(60) * np.ones(3) / np.sqrt(3)).as_matrix()
        noisy = affine + 1e-9 * np.random.default_rng(0).uniform(-1, 1, (4, 4))
        assert sorted(find_orientation(affine, SHAPE).axes) == [0, 1, 2]
        assert find_orientation(affine, SHAPE) == find_orientation(noisy, SHAPE)


class TestAcquiredPlane:
    @pytest.mark.parametrize(
        ("order", "spacing", "shape", "plane"),
        [
            ((0, 1, 2), (0.7, 0.7, 5.0), (512, 512, 100), "axial"),
            ((0, 1, 2), (0.7, 0.7, 0.5), (512, 512, 100), "axial"),  # slices closer than pixels
            ((0, 1, 2), (0.7, 5.0, 0.7), (512, 100, 512), "coronal"),
            ((0, 1, 2), (5.0, 0.7, 0.7), (100, 512, 512), "sagittal"),
            ((1, 2, 0), (1.0, 1.0, 6.0), (256, 256, 2), "sagittal"),
            ((0, 2, 1), (1.0, 1.0, 3.0), (256, 256, 40), "coronal"),
            ((0, 1, 2), (0.6, 0.7, 3.0), (512, 512, 100), "axial"),  # all differ: the largest
            ((0, 1, 2), (1.0, 1.0, 1.0), (256, 180, 256), "coronal"),  # all alike: the size decides
            ((0, 1, 2), (1.0, 1.0, 1.0), (1, 256, 256), "sagittal"),
            ((0, 1, 2), (1.0, 1.0, 1.0), (256, 256, 256), None),
            ((0, 1, 2), (0.7, 0.7000001, 0.7), (64, 64, 64), None),
        ],
    )
    def test_what_sets_the_slice_axis_apart(
        self, order: tuple[int, ...], spacing: tuple[float, ...], shape: tuple[int, ...], plane: str | None
    ) -> None:
        assert acquired_plane(affine_of(order, (-1, 1, -1), spacing), shape) == plane

    def test_source_keeps_the_acquired_plane(self) -> None:
        sagittal = Volume(voxels((6, 5, 2)), affine_of((1, 2, 0), (-1, -1, 1), (1.0, 1.0, 6.0)))
        turned, _ = to_ras(sagittal, "source")
        assert nib.aff2axcodes(turned.affine_mm) == ("A", "S", "R")
        assert turned.voxels.shape == (6, 5, 2)

    def test_source_of_an_isotropic_cube_is_axial(self) -> None:
        cube = Volume(voxels((4, 4, 4)), affine_of((2, 0, 1), (1, 1, 1), (1.0, 1.0, 1.0)))
        assert nib.aff2axcodes(to_ras(cube, "source")[0].affine_mm) == ("R", "A", "S")

    @pytest.mark.parametrize("plane", PLANES)
    def test_warning_where_slices_cut_across(self, plane: Plane) -> None:
        affine = affine_of((1, 2, 0), (-1, -1, 1), (1.0, 1.0, 6.0))
        expected = (f"acquired in the sagittal plane, so {plane} slices are coarse; --plane sagittal keeps its own",)
        assert plane_warning(affine, (256, 256, 2), plane) == (() if plane in ("sagittal", "source") else expected)

    def test_no_warning_where_nothing_is_known(self) -> None:
        assert plane_warning(np.eye(4), (9, 9, 9), "coronal") == ()

    @pytest.mark.realdata
    @pytest.mark.parametrize("name", ["001_ground_truth", "001_ground_truth_reoriented"])
    def test_sagittal_mr_slices(self, shared_data: Path, name: str) -> None:
        volume = read_scan(shared_data / f"dicom_faults/slicecount/{name}.nii.gz")
        assert volume.warnings == (
            "acquired in the sagittal plane, so axial slices are coarse; --plane sagittal keeps its own",
        )
        turned, orientation = to_ras(volume, "source")
        assert turned.voxels.shape == (256, 256, 2)
        np.testing.assert_array_equal(orientation.undo(turned.voxels), volume.voxels)


@pytest.mark.realdata
def test_real_files_go_to_ras_and_back(shared_data: Path) -> None:
    for name in (
        "ct_j2k/labels.nii.gz",
        "ct_seg/seg/liver_seg.nrrd",
        "dicom_faults/sliceincrement/002_ground_truth.nii.gz",
    ):
        volume = read_scan(shared_data / name)
        turned, orientation = to_ras(volume)
        expected = nib.as_closest_canonical(nib.Nifti1Image(volume.voxels, volume.affine_mm))
        np.testing.assert_array_equal(turned.voxels, np.asarray(expected.dataobj))
        np.testing.assert_allclose(turned.affine_mm, expected.affine, atol=1e-9)
        np.testing.assert_array_equal(orientation.undo(turned.voxels), volume.voxels)
