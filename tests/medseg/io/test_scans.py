from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from medseg.errors import MedsegError, SourceError
from medseg.io.file_choices import FileChoices
from medseg.io.scans import ScanChoices, is_volume_file, read_scan
from tests.medseg.io.volume_files import affine_of, patch, save_nifti, voxels


def write_itk(path: Path) -> Path:
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels().T))
    sitk.WriteImage(image, path)
    return path


class TestReadScan:
    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
    def test_every_format(self, tmp_path: Path, name: str) -> None:
        path = save_nifti(tmp_path / name) if ".nii" in name else write_itk(tmp_path / name)
        volume = read_scan(path, ScanChoices(modality="CT"))
        np.testing.assert_array_equal(volume.voxels, voxels())
        assert volume.modality == "CT"

    @pytest.mark.parametrize("part", ["a.hdr", "a.img"])
    def test_either_file_of_a_pair(self, tmp_path: Path, part: str) -> None:
        save_nifti(tmp_path / "a.img", kind=nib.Nifti1Pair)
        np.testing.assert_array_equal(read_scan(tmp_path / part).voxels, voxels())

    @pytest.mark.parametrize(
        ("written", "named"), [("a.nii", "a"), ("a.nii", "b.mha"), ("a.nrrd", "b.nii"), ("a.mha", "b")]
    )
    def test_content_decides_not_the_name(self, tmp_path: Path, written: str, named: str) -> None:
        path = save_nifti(tmp_path / written) if ".nii" in written else write_itk(tmp_path / written)
        path.rename(tmp_path / named)
        np.testing.assert_array_equal(read_scan(str(tmp_path / named)).voxels, voxels())

    def test_choices_reach_the_file(self, tmp_path: Path) -> None:
        path = patch(save_nifti(tmp_path / "a.nii"), srow_x=(-0.7, 0, 0, 7))
        with pytest.raises(SourceError, match=r"--trust-affine"):
            read_scan(path)
        trusted = read_scan(path, ScanChoices(file=FileChoices(trust_affine="sform")))
        assert trusted.affine_mm[0, 3] == 7

    def test_slices_that_cut_across_are_warned_of(self, tmp_path: Path) -> None:
        path = save_nifti(tmp_path / "a.nii", affine_mm=affine_of((1, 2, 0), (1, 1, 1), (1, 1, 6)))
        assert read_scan(path).warnings == (
            "acquired in the sagittal plane, so axial slices are coarse; --plane sagittal keeps its own",
        )

    @pytest.mark.parametrize(
        ("name", "match"),
        [
            ("a.nii.gz", r"a\.nii\.gz: must be a NIfTI file"),
            ("a.nii", r"a\.nii: must be a NIfTI file"),
            ("a.hdr", r"a\.hdr: must have one \.img file beside it"),
            ("a.mha", r"a\.mha: must be a NRRD or MetaImage file"),
            ("a.nhdr", r"a\.nhdr: must be a NRRD or MetaImage file"),
        ],
    )
    def test_a_damaged_file_is_told_of_by_the_format_of_its_name(self, tmp_path: Path, name: str, match: str) -> None:
        (tmp_path / name).write_bytes(b"damaged" * 99)
        with pytest.raises(SourceError, match=match):
            read_scan(tmp_path / name)

    def test_missing_path(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"absent: must be a file or folder, got none"):
            read_scan(tmp_path / "absent")

    @pytest.mark.parametrize("name", ["picture.png", "noname"])
    def test_what_is_no_scan(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(900))
        with pytest.raises(MedsegError, match=r"DICOM"):
            read_scan(tmp_path / name)


class TestIsVolumeFile:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [("a.nii", True), ("A.NII.GZ", True), ("a.img", True), ("a.hdr", True), ("a.nrrd", True), ("a.mhd", True),
         ("a.gz", False), ("a.raw", False), ("a.dcm", False), ("nii", False)],
    )  # fmt: skip
    def test_goes_by_the_end_of_the_name(self, name: str, expected: bool) -> None:
        assert is_volume_file(Path(name)) is expected


@pytest.mark.realdata
class TestRealData:
    def test_dicom_folder_and_its_label_file_are_one_kind_of_thing(self, shared_data: Path) -> None:
        image, label = read_scan(shared_data / "ct_j2k/dicom"), read_scan(shared_data / "ct_j2k/labels.nii.gz")
        assert (image.modality, label.modality) == ("CT", None)
        assert image.voxels.shape == label.voxels.shape == (512, 512, 20)

    def test_dicom_segmentation_saved_as_nrrd_lies_on_its_series(self, shared_data: Path) -> None:
        image = read_scan(shared_data / "ct_seg", ScanChoices(series="largest"))
        label = read_scan(shared_data / "ct_seg/seg/liver_seg.nrrd")
        np.testing.assert_allclose(np.abs(label.affine_mm), np.abs(image.affine_mm), atol=1e-3)
        assert label.voxels.shape == image.voxels.shape
        assert 40 < np.median(image.voxels[label.voxels == 1]) < 50
