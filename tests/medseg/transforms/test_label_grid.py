from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import DataLoader
from monai.transforms import Compose, Lambdad

from medseg.errors import SourceError, UsageError
from medseg.transforms import LabelOnImageGrid, LabelOnImageGridd
from tests.medseg.io.volume_files import affine_of, voxels
from tests.medseg.transforms.tensors import assert_same, tensor

SHAPE = (5, 4, 3)
AFFINE_MM = affine_of((0, 1, 2), (-1, 1, 1))


def mirrored_mm() -> np.ndarray:
    """Affine of the same voxels counted from the other end of x."""
    affine = AFFINE_MM.copy()
    affine[:3, 3] += (SHAPE[0] - 1) * affine[:3, 0]
    affine[:3, 0] *= -1
    return affine


class TestLabelOnImageGrid:
    def test_label_on_the_grid_is_unchanged(self) -> None:
        placed = LabelOnImageGrid()(tensor(voxels(SHAPE), AFFINE_MM), tensor(np.zeros(SHAPE), AFFINE_MM))
        assert_same(placed, voxels(SHAPE), AFFINE_MM)
        assert placed.meta["warnings"] == ""

    def test_rounded_affine_becomes_the_images(self) -> None:
        """MSD and LiTS: origins up to 3e-4 mm apart."""
        rounded = AFFINE_MM + np.eye(4, k=3) * 3e-4
        placed = LabelOnImageGrid()(tensor(voxels(SHAPE), rounded), tensor(np.zeros(SHAPE), AFFINE_MM))
        assert_same(placed, voxels(SHAPE), AFFINE_MM)

    def test_mirrored_label_is_turned_as_its_affine_says(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        file = str(tmp_path / "label.nii")
        label, image = tensor(voxels(SHAPE), mirrored_mm(), file=file), tensor(np.zeros(SHAPE), AFFINE_MM)
        for _ in range(2):
            with caplog.at_level(logging.WARNING):
                placed = LabelOnImageGrid()(label, image)
        assert_same(placed, voxels(SHAPE)[::-1], AFFINE_MM)
        warning = "label is mirrored along x as its own affine says; turned to its image's order"
        assert placed.meta["warnings"] == warning
        assert [record.getMessage() for record in caplog.records] == [f"{file}: {warning}"]

    def test_warning_stands_beside_earlier_ones(self) -> None:
        label = tensor(voxels(SHAPE), mirrored_mm())
        label.meta["warnings"] = "odd"
        placed = LabelOnImageGrid()(label, tensor(np.zeros(SHAPE), AFFINE_MM))
        assert placed.meta["warnings"].startswith("odd; label is mirrored along x")

    def test_swapped_axes_are_swapped_back(self) -> None:
        swapped = AFFINE_MM[:, [2, 0, 1, 3]]
        label = tensor(voxels(SHAPE).transpose(2, 0, 1), swapped)
        placed = LabelOnImageGrid()(label, tensor(np.zeros(SHAPE), AFFINE_MM))
        assert_same(placed, voxels(SHAPE), AFFINE_MM)

    @pytest.mark.parametrize("affine", [AFFINE_MM, mirrored_mm()])
    def test_inverse_is_the_label_in_its_own_order(self, affine: np.ndarray) -> None:
        transform = LabelOnImageGrid()
        back = transform.inverse(transform(tensor(voxels(SHAPE), affine), tensor(np.zeros(SHAPE), AFFINE_MM)))
        assert_same(back, voxels(SHAPE), affine)
        assert back.applied_operations == []

    def test_channels_go_together(self) -> None:
        both = np.stack([voxels(SHAPE), voxels(SHAPE) + 100])
        placed = LabelOnImageGrid()(tensor(both, mirrored_mm()), tensor(np.zeros(SHAPE), AFFINE_MM))
        np.testing.assert_array_equal(placed.numpy(), both[:, ::-1])

    def test_spaces_may_differ(self) -> None:
        lps = np.diag([-1, -1, 1, 1])
        label = tensor(voxels(SHAPE), lps @ AFFINE_MM, space="LPS")
        assert_same(LabelOnImageGrid()(label, tensor(np.zeros(SHAPE), AFFINE_MM)), voxels(SHAPE), lps @ AFFINE_MM)

    @pytest.mark.parametrize(
        ("shape", "moved_mm", "got"),
        [
            (SHAPE, (0.7, 0, 0), r"is shifted by -1 voxels along x"),
            (SHAPE, (0, 0, 0.02), r"is shifted by \+0\.008 voxels along z"),
            ((5, 4, 2), (0, 0, 0), r"has 5 x 4 x 2 voxels instead of 5 x 4 x 3"),
        ],
    )
    def test_another_grid_is_refused(self, shape: tuple[int, ...], moved_mm: tuple[float, ...], got: str) -> None:
        affine = AFFINE_MM.copy()
        affine[:3, 3] += moved_mm
        with pytest.raises(SourceError, match=rf"liver\.nii: label must stand on its image's grid, got one that {got}"):
            LabelOnImageGrid()(tensor(voxels(shape), affine, file="liver.nii"), tensor(np.zeros(SHAPE), AFFINE_MM))

    def test_tensor_without_a_place_is_refused(self) -> None:
        with pytest.raises(UsageError, match="image must be a MetaTensor"):
            LabelOnImageGrid()(torch.zeros(1, *SHAPE), tensor(np.zeros(SHAPE), AFFINE_MM))


class TestLabelOnImageGridd:
    def test_each_key_onto_the_image(self) -> None:
        image = tensor(np.zeros(SHAPE), AFFINE_MM)
        item = {"ct": image, "a": tensor(voxels(SHAPE), AFFINE_MM), "b": tensor(voxels(SHAPE), mirrored_mm())}
        placed = LabelOnImageGridd(["a", "b"], image_key="ct")(item)
        assert_same(placed["a"], voxels(SHAPE), AFFINE_MM)
        assert_same(placed["b"], voxels(SHAPE)[::-1], AFFINE_MM)
        assert placed["ct"] is image

    def test_pipelines_inverse_reaches_it(self) -> None:
        item = {"image": tensor(np.zeros(SHAPE), AFFINE_MM), "label": tensor(voxels(SHAPE), mirrored_mm())}
        pipeline = Compose([LabelOnImageGridd("label"), Lambdad("image", lambda x: x)])
        assert_same(pipeline.inverse(pipeline(item))["label"], voxels(SHAPE), mirrored_mm())

    def test_turned_and_unturned_labels_batch(self) -> None:
        items = [
            {"image": tensor(np.zeros(SHAPE), AFFINE_MM), "label": tensor(voxels(SHAPE), affine)}
            for affine in (AFFINE_MM, mirrored_mm())
        ]
        (batch,) = DataLoader([LabelOnImageGridd("label")(item) for item in items], batch_size=2)
        assert batch["label"].shape == (2, 1, *SHAPE)
        assert [bool(text) for text in batch["label"].meta["warnings"]] == [False, True]

    def test_missing_keys_may_be_allowed(self) -> None:
        assert LabelOnImageGridd("label", allow_missing_keys=True)({"image": 1}) == {"image": 1}
