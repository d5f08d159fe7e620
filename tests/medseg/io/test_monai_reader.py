from __future__ import annotations

from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.transforms import LoadImage
from nibabel.orientations import aff2axcodes
from PIL import Image

from medseg.errors import MedsegError
from medseg.io.monai_reader import ScanReader, image_affine, is_nifti

AFFINE_MM = np.diag([-0.7, -0.7, 2.0, 1.0])


def read(path: Path, orientation: str | None = None) -> tuple[np.ndarray, dict]:
    reader = ScanReader(orientation)
    return reader.get_data(reader.read(path))


def save_nifti(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    voxels = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    nib.save(nib.Nifti1Image(voxels, AFFINE_MM), path)
    return voxels


class TestScanReader:
    def test_png_is_a_volume_of_one_slice_with_x_along_columns(self, tmp_path: Path) -> None:
        rows = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)
        Image.fromarray(rows).save(tmp_path / "a.png")
        voxels, meta = read(tmp_path / "a.png")
        np.testing.assert_array_equal(voxels[..., 0], rows.T)
        assert voxels.shape == (3, 2, 1)
        assert meta["filename_or_obj"] == str(tmp_path / "a.png")

    @pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
    def test_nifti_keeps_voxels_and_geometry(self, tmp_path: Path, suffix: str) -> None:
        expected = save_nifti(tmp_path / f"a{suffix}", (4, 3, 2))
        voxels, meta = read(tmp_path / f"a{suffix}", orientation="LA")
        np.testing.assert_array_equal(voxels, expected)
        np.testing.assert_allclose(meta["affine"], AFFINE_MM)

    def test_2d_nifti_gets_a_third_axis(self, tmp_path: Path) -> None:
        expected = save_nifti(tmp_path / "a.nii", (4, 3))
        voxels, _ = read(tmp_path / "a.nii")
        np.testing.assert_array_equal(voxels, expected[..., None])

    def test_image_gets_the_orientations_affine(self, tmp_path: Path) -> None:
        Image.new("L", (3, 2)).save(tmp_path / "a.png")
        _, meta = read(tmp_path / "a.png", orientation="LP")
        assert aff2axcodes(meta["affine"]) == ("L", "P", "S")

    def test_works_in_monais_load_image(self, tmp_path: Path) -> None:
        expected = save_nifti(tmp_path / "a.nii", (4, 3, 2))
        img = LoadImage(reader=ScanReader(), image_only=True, ensure_channel_first=True)(tmp_path / "a.nii")
        np.testing.assert_array_equal(img.numpy()[0], expected)
        np.testing.assert_allclose(img.affine.numpy(), AFFINE_MM)

    def test_four_axes_raise(self, tmp_path: Path) -> None:
        save_nifti(tmp_path / "a.nii", (4, 3, 2, 2))
        with pytest.raises(MedsegError, match=r"a\.nii: must have 3 axes, got shape \(4, 3, 2, 2\); give one volume"):
            read(tmp_path / "a.nii")

    def test_cut_gzip_raises(self, tmp_path: Path) -> None:
        path = tmp_path / "a.nii.gz"
        nib.save(
            nib.Nifti1Image(np.random.default_rng(0).integers(0, 999, (32, 32, 9), dtype=np.int16), AFFINE_MM), path
        )
        path.write_bytes(path.read_bytes()[:-2000])
        with pytest.raises(MedsegError, match=r"a\.nii\.gz: must hold all voxels of its header"):
            read(path)

    def test_damaged_png_raises(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        with pytest.raises(MedsegError, match=r"a\.png: "):
            read(tmp_path / "a.png")

    @pytest.mark.parametrize(
        ("name", "taken"),
        [("a.PNG", True), ("a.tif", True), ("a.tiff", True), ("a.nii", True), ("a.nii.gz", True), ("a.dcm", False)],
    )
    def test_takes_files_by_suffix(self, name: str, taken: bool) -> None:
        assert ScanReader().verify_suffix(name) is taken


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


class TestIsNifti:
    @pytest.mark.parametrize(
        ("name", "expected"), [("a.nii", True), ("a.NII.GZ", True), ("a.gz", False), ("nii", False)]
    )
    def test_goes_by_the_suffix(self, name: str, expected: bool) -> None:
        assert is_nifti(Path(name)) is expected
