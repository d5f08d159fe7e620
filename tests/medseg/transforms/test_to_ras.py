from __future__ import annotations

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor
from monai.transforms import Compose, Flipd, Invertd, Orientation
from nibabel.affines import apply_affine
from scipy.spatial.transform import Rotation

from medseg.errors import UsageError
from medseg.io.orient import Plane, to_ras
from medseg.io.volume import Volume
from medseg.transforms import ToRas, ToRasd
from tests.medseg.io.volume_files import ORIENTATIONS, affine_of, affines, voxels
from tests.medseg.transforms.tensors import assert_same, tensor

SHAPE = (5, 4, 3)
PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal", "source")
CODES: dict[Plane, str] = {"axial": "RAS", "coronal": "RSA", "sagittal": "ASR"}
# All three axes lie between two directions of the body.
DIAGONAL = Rotation.from_rotvec(np.full(3, np.pi / 3 / np.sqrt(3))).as_matrix()


def turned_by(rotation: np.ndarray, order: tuple, signs: tuple, spacing_mm: tuple = (1, 1, 3)) -> np.ndarray:
    affine = affine_of(order, signs, spacing_mm)
    affine[:3, :3] = rotation @ affine[:3, :3]
    return affine


def by_nibabel(affine: np.ndarray, codes: str) -> tuple[np.ndarray, np.ndarray]:
    image = nib.Nifti1Image(voxels(SHAPE), affine)
    to = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt(codes))
    turned = image.as_reoriented(to)
    return np.asarray(turned.dataobj), turned.affine


class TestToRas:
    @pytest.mark.parametrize("plane", CODES)
    def test_all_48_orientations_as_nibabel_turns_them(self, plane: Plane) -> None:
        for order, signs in ORIENTATIONS:
            affine = affine_of(order, signs)
            turned = ToRas(plane)(tensor(voxels(SHAPE), affine))
            assert_same(turned, *by_nibabel(affine, CODES[plane]))

    @settings(max_examples=200, deadline=None)
    @given(affines(), st.sampled_from(PLANES))
    def test_any_grid_as_data_are_prepared_and_back(self, affine: np.ndarray, plane: Plane) -> None:
        transform, source = ToRas(plane), tensor(voxels(SHAPE), affine)
        turned = transform(source)
        expected, _ = to_ras(Volume(voxels(SHAPE), affine), plane)
        assert_same(turned, expected.voxels, expected.affine_mm)
        back = transform.inverse(turned)
        assert_same(back, voxels(SHAPE), affine)
        assert back.applied_operations == []

    def test_source_keeps_the_acquired_plane(self) -> None:
        affine = affine_of((1, 2, 0), (1, 1, 1), (1, 1, 6))
        assert_same(ToRas("source")(tensor(voxels(SHAPE), affine)), *by_nibabel(affine, "ASR"))

    def test_channels_and_metadata_are_kept_and_the_input_unchanged(self) -> None:
        affine = affine_of((0, 1, 2), (-1, -1, 1))
        both = np.stack([voxels(SHAPE), voxels(SHAPE) + 100])
        source = tensor(both, affine, file="a.nii")
        turned = ToRas()(source)
        np.testing.assert_array_equal(turned.numpy(), both[:, ::-1, ::-1])
        assert turned.meta["filename_or_obj"] == "a.nii"
        assert turned.dtype == torch.int16
        assert source.applied_operations == []
        np.testing.assert_array_equal(source.numpy(), both)

    def test_space_of_itk_is_understood_and_kept(self) -> None:
        """The same place in LPS, as MONAI's ITKReader gives it without affine_lps_to_ras."""
        affine = affine_of((1, 0, 2), (-1, 1, -1))
        lps = np.diag([-1, -1, 1, 1])
        turned = ToRas()(tensor(voxels(SHAPE), lps @ affine, space="LPS"))
        expected, expected_mm = by_nibabel(affine, "RAS")
        assert_same(turned, expected, lps @ expected_mm)
        assert turned.meta["space"] == "LPS"

    def test_other_planes_raise(self) -> None:
        with pytest.raises(UsageError, match="plane must be axial or coronal or sagittal or source, got 'oblique'"):
            ToRas("oblique")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("img", "message"),
        [
            (torch.zeros(1, 2, 2, 2), r"image must be a MetaTensor, .*, got Tensor; load it with LoadImaged"),
            (
                MetaTensor(torch.zeros(2, 2, 2)),
                r"image must be \(channel, x, y, z\), got shape \(2, 2, 2\); load it with",
            ),
        ],
    )
    def test_tensors_without_a_place_raise(self, img: torch.Tensor, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            ToRas()(img)


class TestMonaisOrientation:
    """Which of MONAI's own does the same, and where it does not."""

    @pytest.mark.parametrize("plane", CODES)
    @pytest.mark.parametrize("oblique", [False, True])
    def test_agrees_on_48_orientations(self, plane: Plane, oblique: bool) -> None:
        for seed, (order, signs) in enumerate(ORIENTATIONS):
            affine = turned_by(Rotation.random(random_state=seed).as_matrix() if oblique else np.eye(3), order, signs)
            expected, _ = to_ras(Volume(voxels(SHAPE), affine), plane)
            turned = Orientation(axcodes=CODES[plane], labels=None)(tensor(voxels(SHAPE), affine))
            assert_same(turned, expected.voxels, expected.affine_mm)

    def test_may_choose_otherwise_between_two_directions(self) -> None:
        """At 45 degrees both are right: voxels keep their place, and either comes back."""
        same = []
        for axis, angle, (order, signs) in product("xyz", (45, -45), ORIENTATIONS[::5]):
            affine = turned_by(Rotation.from_euler(axis, angle, degrees=True).as_matrix(), order, signs)
            turned = []
            for transform in (Orientation(axcodes="RAS", labels=None), ToRas()):
                img = transform(tensor(voxels(SHAPE), affine))
                mark = np.argwhere(img.numpy()[0] == 7)[0]
                place = apply_affine(affine, np.argwhere(voxels(SHAPE) == 7)[0])
                np.testing.assert_allclose(apply_affine(img.affine.numpy(), mark), place, atol=1e-9)
                turned.append(img.affine.numpy())
                assert_same(transform.inverse(img), voxels(SHAPE), affine)
            same.append(np.allclose(*turned))
        assert set(same) == {True, False}

    def test_does_not_come_back_from_some_grids_whose_axes_all_lie_between_two(self) -> None:
        """If this fails, MONAI's may serve for everything but the acquired plane."""
        lost = 0
        for order, signs in ORIENTATIONS:
            affine = turned_by(DIAGONAL, order, signs)
            monai, ours = Orientation(axcodes="RAS", labels=None), ToRas()
            assert_same(ours.inverse(ours(tensor(voxels(SHAPE), affine))), voxels(SHAPE), affine)
            back = monai.inverse(monai(tensor(voxels(SHAPE), affine)))
            lost += back.shape[1:] != SHAPE or not np.array_equal(back.numpy()[0], voxels(SHAPE))
        assert lost > 0


class TestToRasd:
    def test_each_key_by_its_own_affine(self) -> None:
        orders = list(permutations(range(3)))[:2]
        items = {
            key: tensor(voxels(SHAPE), affine_of(order, (1, -1, 1))) for key, order in zip("ab", orders, strict=True)
        }
        turned = ToRasd(["a", "b"])(items)
        for key, order in zip("ab", orders, strict=True):
            assert_same(turned[key], *by_nibabel(affine_of(order, (1, -1, 1)), "RAS"))

    def test_prediction_comes_back_by_invertd(self) -> None:
        affine = affine_of((2, 0, 1), (1, -1, -1))
        preprocessing = Compose([ToRasd("image"), Flipd("image", spatial_axis=0)])
        item = preprocessing({"image": tensor(voxels(SHAPE), affine)})
        item["pred"] = item["image"].clone() + 1
        back = Invertd("pred", preprocessing, orig_keys="image")(item)
        assert_same(back["pred"], voxels(SHAPE) + 1, affine)

    def test_missing_keys_may_be_allowed(self) -> None:
        assert ToRasd("label", allow_missing_keys=True)({"image": 1}) == {"image": 1}
