from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray

from medseg.transforms import FillHolesInSlicesd


def ring() -> NDArray[np.float32]:
    """``(5, 5)`` of a square ring around one hole pixel, with a background pixel outside on each side."""
    mask = np.zeros((5, 5), np.float32)
    mask[1:4, 1:4] = 1
    mask[2, 2] = 0
    return mask


def filled(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """``mask`` is ``(x, y, z)``."""
    out: NDArray[np.float32] = FillHolesInSlicesd("pred")({"pred": torch.from_numpy(mask)[None]})["pred"].numpy()[0]
    return out


class TestFillHolesInSlicesd:
    def test_hole_of_a_single_slice_is_filled(self) -> None:
        expected = ring()
        expected[2, 2] = 1
        np.testing.assert_array_equal(filled(ring()[..., None])[..., 0], expected)

    def test_hole_that_runs_through_all_slices_is_filled(self) -> None:
        tube = np.repeat(ring()[..., None], 3, axis=2)
        assert filled(tube).sum() == 27

    def test_gap_that_is_open_within_its_slice_stays(self) -> None:
        """A cavity, closed above and below, of a slice in which it is open."""
        mask = np.ones((5, 5, 3), np.float32)
        mask[2, 2:, 1] = 0
        np.testing.assert_array_equal(filled(mask), mask)

    def test_slices_do_not_fill_one_another(self) -> None:
        mask = np.stack([ring(), np.zeros((5, 5), np.float32), 1 - ring()], axis=-1)
        out = filled(mask)
        assert out[2, 2, 0] == 1
        assert not out[..., 1].any()
        assert (out[..., 2] == 1).all()  # what was outside the ring encloses it

    def test_hole_at_the_edge_of_the_image_is_open(self) -> None:
        mask = np.ones((3, 3, 1), np.float32)
        mask[0, 1] = 0
        np.testing.assert_array_equal(filled(mask), mask)

    def test_metadata_and_input_are_kept(self) -> None:
        mask = torch.from_numpy(ring())[None, ..., None]
        data = {"pred": MetaTensor(mask.clone(), meta={"filename_or_obj": "a.nii"}), "name": "a"}
        out = FillHolesInSlicesd("pred")(data)
        assert out["pred"].meta["filename_or_obj"] == "a.nii"
        assert out["pred"].shape == (1, 5, 5, 1)
        assert out["pred"].dtype == torch.float32
        assert out["name"] == "a"
        torch.testing.assert_close(data["pred"].as_subclass(torch.Tensor), mask)

    def test_missing_key_raises(self) -> None:
        with pytest.raises(KeyError, match="pred"):
            FillHolesInSlicesd("pred")({})

    def test_slices_are_those_of_the_plane_however_a_volume_is_stored(self) -> None:
        tube = np.repeat(ring()[..., None], 3, axis=2)
        expected = tube.copy()
        expected[2, 2] = 1
        axes_first = np.eye(4)[:, [2, 0, 1, 3]]  # its first axis runs to S
        stored = MetaTensor(torch.from_numpy(tube.transpose(2, 0, 1).copy())[None], affine=torch.from_numpy(axes_first))
        out = FillHolesInSlicesd("pred")({"pred": stored})["pred"]
        np.testing.assert_array_equal(out.numpy()[0].transpose(1, 2, 0), expected)
        coronal = FillHolesInSlicesd("pred", "coronal")({"pred": stored})["pred"]
        np.testing.assert_array_equal(coronal.numpy(), stored.numpy())
