from __future__ import annotations

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from PIL import Image

from medseg.data import SaveMaskd
from medseg.errors import MedsegError
from medseg.transforms import ERROR_COLOURS

OBLIQUE_MM = np.array([[-0.8, 0.2, 0.0, 90.0], [0.2, 0.8, 0.0, -70.0], [0.0, 0.0, 3.0, 12.0], [0.0, 0.0, 0.0, 1.0]])


def predicted(source: Path, mask: np.ndarray) -> dict[str, MetaTensor]:
    """What ``Invertd`` leaves for a ``mask`` ``(x, y, z)``."""
    img = MetaTensor(torch.from_numpy(mask.astype(np.float32))[None], meta={"filename_or_obj": str(source)})
    return {"pred": img}


def save(source: Path, mask: np.ndarray, folder: Path) -> None:
    SaveMaskd("pred", str(folder))(predicted(source, mask))


def scan(path: Path, shape: tuple[int, ...] = (4, 3, 2)) -> nib.Nifti1Image:
    voxels = np.arange(np.prod(shape), dtype=np.int16).reshape(shape) * 10
    image = nib.Nifti1Image(voxels, OBLIQUE_MM)
    image.set_sform(OBLIQUE_MM, code=2)
    image.set_qform(OBLIQUE_MM, code=1)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return image


class TestImages:
    def test_png_gets_a_mask_of_0_and_255_on_its_grid(self, tmp_path: Path) -> None:
        Image.fromarray(np.zeros((2, 3), np.uint8)).save(tmp_path / "a.png")
        mask = np.zeros((3, 2, 1))
        mask[2, 0] = 1
        save(tmp_path / "a.png", mask, tmp_path / "out")
        with Image.open(tmp_path / "out" / "a_mask.png") as image:
            assert np.asarray(image).tolist() == [[0, 0, 255], [0, 0, 0]]

    def test_overlay_shows_the_mask_in_green(self, tmp_path: Path) -> None:
        Image.fromarray(np.zeros((2, 3), np.uint8)).save(tmp_path / "a.png")
        mask = np.zeros((3, 2, 1))
        mask[2, 0] = 1
        save(tmp_path / "a.png", mask, tmp_path / "out")
        with Image.open(tmp_path / "out" / "overlays" / "a.png") as image:
            expected = tuple(round(0.4 * value) for value in ERROR_COLOURS["true positive"])
            assert image.getpixel((2, 0)) == expected
            assert image.getpixel((0, 0)) == (0, 0, 0)

    def test_tiff_gets_a_png(self, tmp_path: Path) -> None:
        Image.fromarray(np.zeros((2, 3), np.uint8)).save(tmp_path / "a.b.tif")
        save(tmp_path / "a.b.tif", np.ones((3, 2, 1)), tmp_path / "out")
        assert (tmp_path / "out" / "a.b_mask.png").is_file()

    def test_mask_of_another_size_raises(self, tmp_path: Path) -> None:
        Image.fromarray(np.zeros((2, 3), np.uint8)).save(tmp_path / "a.png")
        with pytest.raises(MedsegError, match=r"a\.png: mask must have the scan's size \(3, 2, 1\), got \(2, 3, 1\)"):
            save(tmp_path / "a.png", np.ones((2, 3, 1)), tmp_path / "out")


class TestNifti:
    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.b.nii.gz", "A.NII.GZ"])
    def test_mask_lies_on_the_scans_grid(self, tmp_path: Path, name: str) -> None:
        source = scan(tmp_path / name)
        mask = (np.random.default_rng(0).random((4, 3, 2)) > 0.5).astype(np.uint8)
        save(tmp_path / name, mask, tmp_path / "out")
        saved = nib.load(tmp_path / "out" / re.sub(r"(?i)\.nii", lambda suffix: f"_mask{suffix[0]}", name))
        np.testing.assert_array_equal(np.asarray(saved.dataobj), mask)
        assert saved.get_data_dtype() == np.uint8
        np.testing.assert_allclose(saved.get_sform(), source.get_sform(), atol=1e-5)
        np.testing.assert_allclose(saved.get_qform(), source.get_qform(), atol=1e-5)
        assert (int(saved.header["sform_code"]), int(saved.header["qform_code"])) == (2, 1)
        assert saved.header.get_xyzt_units()[0] == "mm"

    def test_scaled_scan_gets_an_unscaled_mask(self, tmp_path: Path) -> None:
        image = nib.Nifti1Image(np.linspace(-1, 1, 24).reshape(4, 3, 2), np.eye(4))
        image.set_data_dtype(np.int16)
        nib.save(image, tmp_path / "a.nii")
        assert nib.load(tmp_path / "a.nii").dataobj.slope != 1.0
        save(tmp_path / "a.nii", np.ones((4, 3, 2)), tmp_path / "out")
        saved = nib.load(tmp_path / "out" / "a_mask.nii")
        assert (saved.dataobj.slope, saved.dataobj.inter) == (1.0, 0.0)
        assert (np.asarray(saved.dataobj) == 1).all()

    def test_2d_scan_gets_a_2d_mask(self, tmp_path: Path) -> None:
        scan(tmp_path / "a.nii", (4, 3))
        save(tmp_path / "a.nii", np.ones((4, 3, 1)), tmp_path / "out")
        assert nib.load(tmp_path / "out" / "a_mask.nii").shape == (4, 3)

    def test_overlay_shows_the_slice_with_most_foreground_y_up(self, tmp_path: Path) -> None:
        nib.save(nib.Nifti1Image(np.zeros((4, 3, 2), np.int16), np.eye(4)), tmp_path / "a.nii")
        mask = np.zeros((4, 3, 2))
        mask[3, 0, 1] = 1
        save(tmp_path / "a.nii", mask, tmp_path / "out")
        with Image.open(tmp_path / "out" / "overlays" / "a.png") as image:
            assert image.size == (4, 3)
            assert image.getpixel((3, 2)) != (0, 0, 0)
            assert image.getpixel((3, 0)) == (0, 0, 0)

    def test_mask_of_another_size_raises(self, tmp_path: Path) -> None:
        scan(tmp_path / "a.nii")
        with pytest.raises(MedsegError, match=r"a\.nii: mask must have the scan's size \(4, 3, 2\), got \(4, 3, 1\)"):
            save(tmp_path / "a.nii", np.ones((4, 3, 1)), tmp_path / "out")


class TestSaveMaskd:
    def test_data_pass_unchanged(self, tmp_path: Path) -> None:
        scan(tmp_path / "a.nii")
        data = predicted(tmp_path / "a.nii", np.ones((4, 3, 2)))
        assert SaveMaskd("pred", str(tmp_path / "out"))(data)["pred"] is data["pred"]

    def test_missing_key_raises(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError, match="pred"):
            SaveMaskd("pred", str(tmp_path))({})
