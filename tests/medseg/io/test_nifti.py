from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medseg.errors import MedsegError
from medseg.io.nifti import open_nifti, read_slice, write_nifti

OBLIQUE_MM = np.array([[0.8, -0.3, 0.0, -10.0], [0.3, 0.8, 0.1, 20.0], [0.0, -0.1, 2.5, 30.0], [0.0, 0.0, 0.0, 1.0]])


def volume(dtype: type = np.int16) -> np.ndarray:
    return np.arange(4 * 3 * 2).reshape(4, 3, 2).astype(dtype)


class TestWriteNifti:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
    def test_round_trip_keeps_type_and_voxels(self, tmp_path: Path, dtype: type) -> None:
        write_nifti(tmp_path / "a.nii", volume(dtype), OBLIQUE_MM)
        read = np.asarray(nib.load(tmp_path / "a.nii").dataobj)
        assert read.dtype == dtype
        np.testing.assert_array_equal(read, volume(dtype))

    def test_extreme_values_are_not_scaled(self, tmp_path: Path) -> None:
        extreme = np.array([[[-32768], [32767]]], dtype=np.int16)
        write_nifti(tmp_path / "a.nii", extreme, np.eye(4))
        image = nib.load(tmp_path / "a.nii")
        assert (image.dataobj.slope, image.dataobj.inter) == (1.0, 0.0)
        np.testing.assert_array_equal(np.asarray(image.dataobj), extreme)

    def test_geometry_is_kept_in_mm(self, tmp_path: Path) -> None:
        write_nifti(tmp_path / "a.nii", volume(), OBLIQUE_MM)
        image = nib.load(tmp_path / "a.nii")
        np.testing.assert_allclose(image.affine, OBLIQUE_MM, atol=1e-6)
        assert image.header.get_xyzt_units()[0] == "mm"

    def test_same_input_gives_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("a.nii", "b.nii"):
            write_nifti(tmp_path / name, volume(), OBLIQUE_MM)
        assert (tmp_path / "a.nii").read_bytes() == (tmp_path / "b.nii").read_bytes()

    def test_each_slice_is_one_block_in_order(self, tmp_path: Path) -> None:
        write_nifti(tmp_path / "a.nii", volume(), np.eye(4))
        content = (tmp_path / "a.nii").read_bytes()
        blocks = b"".join(volume()[..., index].tobytes(order="F") for index in range(2))
        assert content.endswith(blocks)
        assert len(content) == 352 + len(blocks)


class TestOpenNifti:
    def test_voxels_stay_on_disk(self, tmp_path: Path) -> None:
        write_nifti(tmp_path / "a.nii", volume(), np.eye(4))
        assert nib.is_proxy(open_nifti(tmp_path / "a.nii").dataobj)

    def test_missing_file_raises(self, tmp_path: Path) -> None:
        with pytest.raises(MedsegError, match=r"absent\.nii: does not exist"):
            open_nifti(tmp_path / "absent.nii")

    @pytest.mark.parametrize("content", [b"", b"short", b"\x89PNG\r\n" + bytes(500), bytes(range(256)) * 3])
    def test_another_file_raises(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.nii"
        path.write_bytes(content)
        with pytest.raises(MedsegError, match=r"a\.nii: must be a NIfTI file, got "):
            open_nifti(path)

    @pytest.mark.parametrize("missing", [1, 30])
    def test_cut_file_raises(self, tmp_path: Path, missing: int) -> None:
        path = tmp_path / "a.nii"
        write_nifti(path, volume(), np.eye(4))
        path.write_bytes(path.read_bytes()[:-missing])
        with pytest.raises(
            MedsegError, match=rf"a\.nii: must hold 400 bytes, got {400 - missing}; the file is cut short"
        ):
            open_nifti(path)

    def test_negative_size_raises(self, tmp_path: Path) -> None:
        path = tmp_path / "a.nii"
        write_nifti(path, volume(), np.eye(4))
        content = bytearray(path.read_bytes())
        content[42:44] = (-1).to_bytes(2, "little", signed=True)  # dim[1] of the header
        path.write_bytes(content)
        with pytest.raises(MedsegError, match=r"must have at least one voxel along each axis, got shape \(-1, 3, 2\)"):
            open_nifti(path)


class TestReadSlice:
    def test_returns_that_slice_in_the_files_type(self, tmp_path: Path) -> None:
        write_nifti(tmp_path / "a.nii", volume(), np.eye(4))
        pixels, _ = read_slice(tmp_path / "a.nii", 1)
        assert pixels.dtype == np.int16
        np.testing.assert_array_equal(pixels, volume()[..., 1])

    def test_affine_has_the_slices_own_origin(self, tmp_path: Path) -> None:
        write_nifti(tmp_path / "a.nii", volume(), OBLIQUE_MM)
        _, affine = read_slice(tmp_path / "a.nii", 1)
        expected = OBLIQUE_MM.copy()
        expected[:3, 3] = (-10.0, 20.1, 32.5)  # origin + 1 x (0, 0.1, 2.5)
        np.testing.assert_allclose(affine, expected, atol=1e-6)
