from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.transforms import Compose, Invertd, Spacing
from nibabel.affines import apply_affine

from medseg.errors import UsageError
from medseg.io.spacing import Order, resample_spacing
from medseg.io.volume import Volume
from medseg.transforms import ResampleSpacing, ResampleSpacingd
from tests.medseg.io.volume_files import affine_of
from tests.medseg.transforms.tensors import assert_same, tensor

AFFINE_MM = affine_of((0, 1, 2), (1, 1, 1), (0.7, 0.8, 2.5))
SHAPE = (21, 17, 9)


def indices(shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)


def ramp(shape: tuple[int, ...], affine_mm: np.ndarray) -> np.ndarray:
    """An intensity that is linear in space."""
    return apply_affine(affine_mm, indices(shape)) @ np.array([10.0, -7.0, 3.0])


def inside(shape: tuple[int, ...], affine_mm: np.ndarray) -> np.ndarray:
    """Where a grid's voxels lie between the source's outermost centres."""
    places = apply_affine(np.linalg.inv(AFFINE_MM) @ affine_mm, indices(shape))
    return ((places > -1e-9) & (places < np.array(SHAPE) - 1 + 1e-9)).all(axis=-1)


class TestResampleSpacing:
    @pytest.mark.parametrize("order", [1, 3])
    def test_linear_intensity_is_right_at_every_place(self, order: Order) -> None:
        out = ResampleSpacing((1, 1, 1), order=order)(tensor(ramp(SHAPE, AFFINE_MM).astype(np.float32), AFFINE_MM))
        affine, shape = out.affine.numpy(), tuple(out.shape[1:])
        # 21 * 0.7, 17 * 0.8 and 9 * 2.5 mm, to whole voxels; 22.5 goes up.
        assert shape == (15, 14, 23)
        np.testing.assert_allclose(nib.affines.voxel_sizes(affine), 1)
        within = inside(shape, affine)
        if order == 3:  # splines bend towards the edge
            within[:3] = within[-3:] = within[:, :3] = within[:, -3:] = within[..., :6] = within[..., -6:] = False
        assert within.sum() > 500
        np.testing.assert_allclose(out.numpy()[0][within], ramp(shape, affine)[within], rtol=0, atol=0.06 * order**2)

    @pytest.mark.parametrize(("dtype", "order"), [("int16", 1), ("float32", 1), ("int16", 3), ("uint8", 0)])
    def test_as_data_are_prepared(self, dtype: str, order: Order) -> None:
        voxels = np.random.default_rng(0).integers(0, 250, SHAPE).astype(dtype)
        expected = resample_spacing(Volume(voxels, AFFINE_MM), (1.1, 1.2, 1.3), order)
        out = ResampleSpacing((1.1, 1.2, 1.3), order=order)(tensor(voxels, AFFINE_MM))
        assert_same(out, expected.voxels, expected.affine_mm)
        assert out.numpy().dtype == np.dtype(dtype)

    @pytest.mark.parametrize("dtype", ["float64", "bool"])
    def test_other_types_become_float32(self, dtype: str) -> None:
        out = ResampleSpacing((1, 1, 1))(tensor(np.ones((3, 3, 3), dtype=dtype)))
        assert out.dtype == torch.float32
        assert (out == 1).all()

    def test_each_channel_by_itself(self) -> None:
        voxels = np.stack([ramp(SHAPE, AFFINE_MM), -ramp(SHAPE, AFFINE_MM)]).astype(np.float32)
        out = ResampleSpacing((1, 1, 1))(tensor(voxels, AFFINE_MM)).numpy()
        np.testing.assert_array_equal(out[0], -out[1])

    def test_inverse_is_on_the_sources_grid(self) -> None:
        source = ramp(SHAPE, AFFINE_MM).astype(np.float32)
        transform = ResampleSpacing((0.6, 0.7, 2.0))
        back = transform.inverse(transform(tensor(source, AFFINE_MM)))
        np.testing.assert_allclose(back.affine.numpy(), AFFINE_MM, atol=1e-9)
        assert back.applied_operations == []
        # At the edge a half-new voxel was continued.
        middle = (0, slice(1, -1), slice(1, -1), slice(1, -1))
        np.testing.assert_allclose(back.numpy()[middle], source[middle[1:]], atol=0.01)

    def test_same_spacing_changes_nothing(self) -> None:
        voxels = np.random.default_rng(0).integers(-999, 999, SHAPE).astype(np.int16)
        assert_same(ResampleSpacing((0.7, 0.8, 2.5))(tensor(voxels, AFFINE_MM)), voxels, AFFINE_MM)

    def test_sizes_must_be_above_0(self) -> None:
        with pytest.raises(UsageError, match=r"--spacing must be three sizes in mm above 0, got \(1, 1, 0\)"):
            ResampleSpacing((1, 1, 0))(tensor(np.zeros((2, 2, 2))))


class TestMonaisSpacing:
    """Both give the right value at each of their voxels, but not the same voxels."""

    @pytest.mark.parametrize(
        ("wanted_mm", "theirs", "ours"),
        [
            # From the first centre to the last: 20 * 0.7, 16 * 0.8 and 8 * 2.5 mm; ours is the whole extent.
            ((1.0, 1.0, 1.0), (15, 14, 21), (15, 14, 23)),
            ((0.5, 0.5, 5.0), (29, 27, 5), (29, 27, 5)),
            ((1.5, 1.5, 2.0), (10, 10, 11), (10, 9, 11)),
        ],
    )
    def test_keeps_the_first_voxel_where_ours_keeps_the_centre(
        self, wanted_mm: tuple[float, ...], theirs: tuple[int, ...], ours: tuple[int, ...]
    ) -> None:
        source = tensor(ramp(SHAPE, AFFINE_MM).astype(np.float32), AFFINE_MM)
        monai, medseg = Spacing(wanted_mm)(source), ResampleSpacing(wanted_mm)(source)
        assert (tuple(monai.shape[1:]), tuple(medseg.shape[1:])) == (theirs, ours)
        np.testing.assert_allclose(monai.affine.numpy()[:3, 3], AFFINE_MM[:3, 3])
        centres = [apply_affine(img.affine.numpy(), (np.array(img.shape[1:]) - 1) / 2) for img in (source, medseg)]
        np.testing.assert_allclose(*centres)
        for img in (monai, medseg):
            affine, shape = img.affine.numpy(), tuple(img.shape[1:])
            within = inside(shape, affine)
            np.testing.assert_allclose(img.numpy()[0][within], ramp(shape, affine)[within], atol=0.01)

    def test_gives_float32_where_ours_gives_whole_hu_again(self) -> None:
        source = tensor(ramp(SHAPE, AFFINE_MM).astype(np.int16), AFFINE_MM)
        assert Spacing((1, 1, 1))(source).dtype == torch.float32
        assert ResampleSpacing((1, 1, 1))(source).dtype == torch.int16


class TestResampleSpacingd:
    def test_image_and_label_each_by_their_order(self) -> None:
        voxels = np.zeros((2, 2, 2), np.float32)
        voxels[1] = 8
        out = ResampleSpacingd(["image", "label"], (0.5, 1, 1), order=[1, 0])(
            {"image": tensor(voxels), "label": tensor(voxels)}
        )
        # New centres lie at -0.25, 0.25, 0.75 and 1.25.
        assert out["image"].numpy()[0, :, 0, 0].tolist() == [0, 2, 6, 8]
        assert out["label"].numpy()[0, :, 0, 0].tolist() == [0, 0, 8, 8]
        np.testing.assert_array_equal(out["image"].affine, out["label"].affine)

    @pytest.mark.parametrize(("nearest", "values"), [(True, {0.0, 1.0}), (False, {0.0, 0.5, 1.0})])
    def test_prediction_comes_back_by_invertd(self, nearest: bool, values: set[float]) -> None:
        preprocessing = Compose([ResampleSpacingd("image", (2, 1, 1))])
        item = preprocessing({"image": tensor(np.zeros((7, 3, 3), np.float32))})
        assert item["image"].shape == (1, 4, 3, 3)  # centres at 0, 2, 4 and 6
        item["pred"] = item["image"].clone()
        item["pred"][0, 2] = 1
        back = Invertd("pred", preprocessing, orig_keys="image", nearest_interp=nearest)(item)["pred"]
        assert back.shape == (1, 7, 3, 3)
        assert set(np.unique(back.numpy())) == values
        assert back[0, 4].min() == 1

    def test_label_comes_back_as_labels(self) -> None:
        label = (np.random.default_rng(0).random((6, 6, 6)) > 0.5).astype(np.uint8)
        transform = ResampleSpacingd("label", (0.5, 0.5, 0.5), order=0)
        back = transform.inverse(transform({"label": tensor(label)}))["label"]
        np.testing.assert_array_equal(back.numpy()[0], label)
