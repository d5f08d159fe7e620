from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor, list_data_collate

from medseg.data import LoadSlice, LoadSliced, slice_items
from medseg.errors import MedsegError
from medseg.io.nifti import write_nifti
from medseg.manifest import Manifest


class TestLoadSlice:
    def test_reads_one_slice_as_channel_x_y(self, prepared_volumes: Manifest) -> None:
        path = prepared_volumes.root / prepared_volumes.cases[0].image
        img = LoadSlice()(str(path), 2)
        expected = np.asarray(nib.load(path).dataobj)[..., 2]
        assert isinstance(img, MetaTensor)
        assert (img.dtype, tuple(img.shape)) == (torch.float32, (1, 48, 40))
        np.testing.assert_array_equal(img.numpy()[0], expected)

    def test_carries_case_slice_file_and_geometry(self, prepared_volumes: Manifest) -> None:
        path = str(prepared_volumes.root / prepared_volumes.cases[0].image)
        img = LoadSlice()(path, 2, "disc_000")
        assert (img.meta["case"], img.meta["slice"], img.meta["filename_or_obj"]) == ("disc_000", 2, path)
        # Spacing 0.5, 0.75, 2 mm: slice 2 lies at z = 4 mm.
        expected = [[0.5, 0, 0, 0], [0, 0.75, 0, 0], [0, 0, 2, 4], [0, 0, 0, 1]]
        np.testing.assert_allclose(img.affine.numpy(), expected)

    def test_hounsfield_units_stay_exact(self, tmp_path: Path) -> None:
        hounsfield = np.array([[[-1024], [-1]], [[0], [3071]]], dtype=np.int16)
        write_nifti(tmp_path / "a.nii", hounsfield, np.eye(4))
        assert LoadSlice()(str(tmp_path / "a.nii"), 0).tolist() == [[[-1024.0, -1.0], [0.0, 3071.0]]]

    def test_cut_file_raises(self, tmp_path: Path) -> None:
        path = tmp_path / "a.nii"
        write_nifti(path, np.zeros((4, 4, 2), np.uint8), np.eye(4))
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(MedsegError, match=r"a\.nii: must hold 384 bytes, got 383"):
            LoadSlice()(str(path), 0)


class TestLoadSliced:
    def test_replaces_paths_by_slices(self, prepared_volumes: Manifest) -> None:
        item = slice_items(str(prepared_volumes.root), fold=0, section="val")[1]
        before = dict(item)
        out = LoadSliced(["image", "label"])(item)
        label = np.asarray(nib.load(prepared_volumes.root / prepared_volumes.cases[0].label).dataobj)
        np.testing.assert_array_equal(out["label"].numpy()[0], label[..., 1])
        assert out["image"].meta["slice"] == 1
        assert (out["case"], out["slice"]) == ("disc_000", 1)
        assert item == before

    def test_missing_key_raises(self, prepared: Manifest) -> None:
        item = {"image": str(prepared.root / prepared.cases[0].image), "case": "disc_000", "slice": 0}
        with pytest.raises(KeyError, match="label"):
            LoadSliced(["image", "label"])(item)

    def test_missing_key_may_be_allowed(self, prepared: Manifest) -> None:
        item = {"image": str(prepared.root / prepared.cases[0].image), "case": "disc_000", "slice": 0}
        assert "label" not in LoadSliced(["image", "label"], allow_missing_keys=True)(item)

    def test_slices_collate_with_their_metadata(self, prepared: Manifest) -> None:
        load = LoadSliced(["image", "label"])
        batch = list_data_collate([load(item) for item in slice_items(str(prepared.root), fold=0, section="val")])
        assert batch["image"].shape == (2, 1, 48, 40)
        assert batch["image"].meta["case"] == ["disc_000", "disc_003"]
