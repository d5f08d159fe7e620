from __future__ import annotations

import nibabel as nib
import nibabel.processing
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st

from medseg.errors import UsageError
from medseg.io.affine import spacing_mm
from medseg.io.spacing import Order, resample_spacing, resample_to
from medseg.io.volume import Volume
from tests.medseg.io.volume_files import affine_of, affines

factors = st.tuples(*[st.floats(0.4, 3.0)] * 3)
MM = affine_of((0, 1, 2), (1, 1, 1), (0.8, 0.8, 2.0))


def places_mm(volume: Volume) -> np.ndarray:
    """World coordinates of all voxels, ``(x, y, z, 3)``."""
    indices = np.stack(np.meshgrid(*map(np.arange, volume.voxels.shape), indexing="ij"), axis=-1)
    return indices @ volume.affine_mm[:3, :3].T + volume.affine_mm[:3, 3]


def ramp(affine: np.ndarray, shape: tuple[int, int, int] = (12, 10, 8)) -> Volume:
    """Values that are linear in world coordinates."""
    volume = Volume(np.zeros(shape, np.float32), affine)
    return Volume((places_mm(volume) @ (3.0, -2.0, 0.5)).astype(np.float32), affine)


class TestResampleSpacing:
    @settings(max_examples=60, deadline=None)
    @given(affines(), factors, st.sampled_from([1, 3]))
    def test_values_stay_where_they_are_in_the_patient(
        self, affine: np.ndarray, factor: tuple[float, ...], order: Order
    ) -> None:
        source = ramp(affine)
        wanted = factor * spacing_mm(affine)
        out = resample_spacing(source, wanted.tolist(), order)
        np.testing.assert_allclose(spacing_mm(out.affine_mm), wanted, rtol=1e-9)
        # A linear function is interpolated exactly, away from the edge, which a spline feels farther in.
        index = (places_mm(out) - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
        margin = 0 if order == 1 else 4
        inside = ((index >= margin) & (index <= np.array(source.voxels.shape) - 1 - margin)).all(axis=-1)
        expected = places_mm(out) @ (3.0, -2.0, 0.5)
        # One voxel's step is about 1; float32 and the spline's edge leave less.
        tolerance = np.abs(source.voxels).max() * 1e-6 + (0 if order == 1 else 0.02 * np.ptp(source.voxels))
        np.testing.assert_allclose(out.voxels[inside], expected[inside], atol=tolerance)

    @settings(max_examples=60, deadline=None)
    @given(affines(), factors)
    def test_centre_stays_and_the_extent_fits_to_half_a_voxel(
        self, affine: np.ndarray, factor: tuple[float, ...]
    ) -> None:
        source = Volume(np.zeros((12, 10, 8), np.uint8), affine)
        out = resample_spacing(source, (factor * spacing_mm(affine)).tolist(), 0)
        middle = (np.array(out.voxels.shape) - 1) / 2
        centre = out.affine_mm[:3, :3] @ middle + out.affine_mm[:3, 3]
        np.testing.assert_allclose(centre, affine[:3, :3] @ (5.5, 4.5, 3.5) + affine[:3, 3], atol=1e-6)
        assert (np.abs(np.array(factor) * out.voxels.shape - (12, 10, 8)) <= 0.5001 * np.array(factor)).all()

    def test_sizes_and_place_by_hand(self) -> None:
        out = resample_spacing(Volume(np.zeros((10, 10, 4), np.int16), MM), (1.6, 0.4, 3.0))
        assert out.voxels.shape == (5, 20, 3)  # 8 / 1.6, 8 / 0.4, 8 / 3 = 2.67
        # First voxel: along x half an old and half a new voxel further in, along y out by a quarter of an old one.
        np.testing.assert_allclose(out.affine_mm[:3, 3] - MM[:3, 3], (0.4, -0.2, 3.0 - 3.0), atol=1e-9)
        assert out.decisions == ("resampled to 1.6 x 0.4 x 3 mm with order 1",)

    @pytest.mark.parametrize("order", [0, 1, 3])
    def test_the_same_spacing_changes_nothing(self, order: Order) -> None:
        source = Volume(np.random.default_rng(0).integers(-1024, 3000, (9, 8, 7), dtype=np.int16), MM, "CT", ("odd",))
        out = resample_spacing(source, (0.8, 0.8, 2.0), order)
        np.testing.assert_array_equal(out.voxels, source.voxels)
        np.testing.assert_allclose(out.affine_mm, MM, atol=1e-9)
        assert (out.modality, out.warnings) == ("CT", ("odd",))

    def test_simpleitk_interpolates_alike(self) -> None:
        source = Volume(
            np.random.default_rng(0).integers(-1024, 3000, (20, 18, 9), dtype=np.int16), np.diag([0.8, 0.8, 2, 1])
        )
        out = resample_spacing(source, (1.0, 0.5, 1.5))
        image = sitk.GetImageFromArray(np.ascontiguousarray(source.voxels.T))
        image.SetSpacing((0.8, 0.8, 2.0))
        expected = sitk.Resample(
            image, out.voxels.shape, sitk.Transform(), sitk.sitkLinear, out.affine_mm[:3, 3].tolist(), (1.0, 0.5, 1.5)
        )
        inner = (slice(1, -1),) * 3  # SimpleITK puts zeros beyond the outermost centres
        np.testing.assert_allclose(out.voxels[inner], sitk.GetArrayFromImage(expected).T[inner], atol=1)

    def test_labels_stay_labels(self) -> None:
        label = np.zeros((10, 10, 6), np.uint8)
        label[2:8, 3:7, 1:5] = 5
        label[4, 4, 2] = 117
        out = resample_spacing(Volume(label, MM), (0.5, 0.6, 0.7), 0)
        assert out.voxels.dtype == np.uint8
        assert np.unique(out.voxels).tolist() == [0, 5, 117]

    def test_label_moves_with_its_image(self) -> None:
        centre_mm = MM[:3, :3] @ (15, 15, 6) + MM[:3, 3]
        volume = Volume(np.zeros((31, 31, 13), np.int16), MM)
        ball = np.linalg.norm(places_mm(volume) - centre_mm, axis=-1) < 8
        out = resample_spacing(Volume(ball.astype(np.uint8), MM), (1.3, 0.6, 1.0), 0)
        found = places_mm(out)[out.voxels > 0]
        np.testing.assert_allclose(found.mean(axis=0), centre_mm, atol=0.2)
        assert (out.voxels > 0).sum() * 1.3 * 0.6 == pytest.approx(ball.sum() * 0.8 * 0.8 * 2, rel=0.05)

    def test_splines_do_not_wrap_around_at_the_types_ends(self) -> None:
        step = np.zeros((16, 4, 4), np.uint8)
        step[8:] = 255
        out = resample_spacing(Volume(step, MM), (0.3, 0.8, 2.0), 3).voxels
        assert out.dtype == np.uint8
        assert (out[:10] < 40).all()
        assert (out[-10:] > 215).all()

    def test_a_single_slice_stays_one(self) -> None:
        assert resample_spacing(Volume(np.ones((4, 4, 1), np.int16), MM), (0.8, 0.8, 9.0)).voxels.shape == (4, 4, 1)

    @pytest.mark.parametrize("wanted", [(1.0, 1.0), (1.0, 0.0, 1.0), (1.0, -1.0, 1.0), (1.0, np.nan, 1.0)])
    def test_impossible_sizes_are_refused(self, wanted: tuple[float, ...]) -> None:
        with pytest.raises(UsageError, match=r"--spacing must be three sizes in mm above 0, got"):
            resample_spacing(Volume(np.zeros((4, 4, 4), np.int16), MM), wanted)

    def test_a_volume_without_end_is_refused(self) -> None:
        with pytest.raises(UsageError, match=r"--spacing must give at most 2147483648 voxels a volume, got 5\.12e\+11"):
            resample_spacing(Volume(np.zeros((10, 10, 4), np.int16), MM), (0.001, 0.001, 0.001))


class TestResampleTo:
    def test_a_turned_grid_as_nibabel_takes_it(self) -> None:
        source = Volume(np.random.default_rng(0).integers(-1024, 3000, (12, 11, 6), dtype=np.int16), MM)
        target = affine_of((1, 0, 2), (-1, 1, 1), (1.0, 0.9, 1.5)) + 0.3 * np.eye(4, k=3)
        target[:3, 3] = MM[:3, 3] + (1.0, 7.0, 1.0)
        out = resample_to(source, target, (6, 7, 5), 1)
        image = nib.Nifti1Image(source.voxels.astype(np.float64), MM)
        expected = nib.processing.resample_from_to(image, ((6, 7, 5), target), order=1, mode="nearest")
        np.testing.assert_array_equal(out.voxels, np.rint(expected.get_fdata()))
        np.testing.assert_array_equal(out.affine_mm, target)

    def test_back_on_the_source_grid_a_label_is_where_it_was(self) -> None:
        label = np.zeros((16, 16, 8), np.uint8)
        label[4:12, 5:11, 2:6] = 1
        fine = resample_spacing(Volume(label, MM), (0.4, 0.4, 0.5), 0)
        np.testing.assert_array_equal(resample_to(fine, MM, label.shape, 0).voxels, label)
