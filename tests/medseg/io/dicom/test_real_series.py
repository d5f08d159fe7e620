"""Real series, against SimpleITK and dcm2niix; see the folder's own description of where they come from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medseg.io.dicom import Choices, DicomSeriesError, Series, group_series, read_dicom, read_headers
from tests.medseg.io.dicom.references import by_dcm2niix, by_simpleitk, onto_axes

pytestmark = pytest.mark.realdata

FAULTS = Path("dicom_faults")


def only_series(folder: Path) -> Series:
    (series,) = group_series(read_headers(folder).headers)
    return series


def assert_as(read: tuple[np.ndarray, np.ndarray], voxels: np.ndarray, affine_mm: np.ndarray) -> None:
    """Pixel-identical, and on the same grid within 1e-3 mm."""
    others, affine = onto_axes(read, affine_mm)
    np.testing.assert_array_equal(voxels, others)
    np.testing.assert_allclose(affine_mm, affine, atol=1e-3)


class TestValidSeries:
    @pytest.mark.parametrize("name", ["chaos_ct/DICOM_anon", "ct_j2k/dicom", "dicom_faults/slicecount/001"])
    def test_agree_with_simpleitk(self, shared_data: Path, name: str) -> None:
        volume = read_dicom(shared_data / name)
        assert_as(by_simpleitk(shared_data / name), volume.voxels, volume.affine_mm)

    @pytest.mark.parametrize("name", ["chaos_ct/DICOM_anon", "ct_j2k/dicom", "dicom_faults/slicecount/001"])
    def test_agree_with_dcm2niix(self, shared_data: Path, tmp_path: Path, name: str) -> None:
        volume = read_dicom(shared_data / name)
        assert_as(by_dcm2niix(shared_data / name, tmp_path / "out"), volume.voxels, volume.affine_mm)

    def test_chaos_is_spaced_by_its_positions_not_its_slice_thickness(self, shared_data: Path) -> None:
        volume = read_dicom(shared_data / "chaos_ct" / "DICOM_anon")
        spacing = np.linalg.norm(volume.affine_mm[:3, :3], axis=0)
        np.testing.assert_allclose(spacing, (0.7265625, 0.7265625, 2.0))
        assert (volume.voxels.dtype, volume.modality, volume.warnings) == (np.int16, "CT", ())

    def test_series_without_uids_lies_on_the_grid_of_its_label_map(self, shared_data: Path) -> None:
        volume = read_dicom(shared_data / "ct_j2k")
        label = nib.load(shared_data / "ct_j2k" / "labels.nii.gz")
        _, affine = onto_axes((np.asarray(label.dataobj), label.affine), volume.affine_mm)
        np.testing.assert_allclose(volume.affine_mm, affine, atol=1e-3)

    def test_series_beside_its_segmentation_object_is_read_alone(self, shared_data: Path) -> None:
        """SimpleITK is given the three files, as its own series finder takes the segmentation too."""
        volume = read_dicom(shared_data / "ct_seg")
        voxels = np.concatenate([by_simpleitk(shared_data / "ct_seg" / f"0{k}.dcm")[0] for k in (3, 2, 1)], axis=2)
        np.testing.assert_array_equal(volume.voxels, voxels)
        np.testing.assert_allclose(np.diag(volume.affine_mm), (-0.810547, -0.810547, 1, 1))
        (warning,) = volume.warnings
        assert "are padding (0028,0120) below -1024 HU" in warning

    def test_two_sagittal_slices_get_the_warnings_they_deserve(self, shared_data: Path) -> None:
        volume = read_dicom(shared_data / FAULTS / "slicecount" / "001")
        assert volume.voxels.shape == (256, 256, 2)
        assert volume.modality == "MR"
        assert volume.warnings == (
            "slices (0020,0037) are sagittal, so axial ones are cut across them; --plane sagittal keeps them",
            "2 slices only, so nothing confirms their gap of 1 mm",
        )

    def test_two_sagittal_slices_lie_where_their_ground_truth_says(self, shared_data: Path) -> None:
        volume = read_dicom(shared_data / FAULTS / "slicecount" / "001")
        truth = nib.load(shared_data / FAULTS / "slicecount" / "001_ground_truth.nii.gz")
        assert_as((np.asarray(truth.dataobj), truth.affine), volume.voxels, volume.affine_mm)


class TestCodecs:
    @pytest.mark.parametrize(
        "syntax",
        [
            "",
            "_LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1.dcm",
            "_LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2.dcm",
        ],
    )
    def test_uncompressed_slice_agrees_with_simpleitk(self, shared_data: Path, syntax: str) -> None:
        path = shared_data / "dicom_codecs" / f"CTImage.dcm{syntax}"
        volume = read_dicom(path)
        assert_as(by_simpleitk(path), volume.voxels, volume.affine_mm)
        expected = "1 slice only, so its depth is its spacing between slices (0018,0088), 6.5 mm"
        assert volume.warnings[0] == expected

    def test_uncompressed_slice_agrees_with_dcm2niix(self, shared_data: Path, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "a.dcm").write_bytes((shared_data / "dicom_codecs" / "CTImage.dcm").read_bytes())
        volume = read_dicom(tmp_path / "in")
        assert_as(by_dcm2niix(tmp_path / "in", tmp_path / "out"), volume.voxels, volume.affine_mm)

    def test_one_slice_in_many_syntaxes_is_refused(self, shared_data: Path) -> None:
        message = r"must hold one series, got 2, one series UID \(0020,000e\) being parted by image type \(0008,0008\)"
        with pytest.raises(DicomSeriesError, match=message):
            read_dicom(shared_data / "dicom_codecs")


class TestFaults:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("gantrytilting", r"gantry tilted by 14\.0 degrees, \(0018,1120\) is absent; undo it with --tilt resample"),
            ("notavolume", r"got 4 images at 1 position, with different pixels; take the first .* --duplicates first"),
            (
                "sliceincrement/001",
                r"got 5\.00 to 10\.00 mm: 1 slice missing of the usual 5\.00 mm, first after",
            ),
            ("sliceincrement/002", r"gantry tilted by 15\.5 degrees.*; also, .*1 slice missing of the usual 0\.75 mm"),
            ("sliceorientation", r"must hold one series, got 2, .* parted by orientation \(0020,0037\), pixel spacing"),
        ],
    )
    def test_each_is_refused_by_name(self, shared_data: Path, name: str, message: str) -> None:
        with pytest.raises(DicomSeriesError, match=message):
            read_dicom(shared_data / FAULTS / name)

    def test_images_of_one_position_stay_refused_without_a_depth(self, shared_data: Path) -> None:
        with pytest.raises(DicomSeriesError, match=r"slice thickness \(0018,0050\) or spacing between .*, got none"):
            read_dicom(shared_data / FAULTS / "notavolume", choices=Choices(duplicates="first"))

    def test_missing_slice_is_filled_in_by_choice(self, shared_data: Path) -> None:
        folder = shared_data / FAULTS / "sliceincrement" / "001"
        volume = read_dicom(folder, choices=Choices(irregular="resample"))
        voxels, affine = by_simpleitk(folder)
        np.testing.assert_array_equal(volume.voxels[..., [0, 1, 2, 4]], voxels)
        mean = (voxels[..., 2].astype(float) + voxels[..., 3]) / 2
        np.testing.assert_allclose(volume.voxels[..., 3], mean, rtol=0, atol=0.501)
        # SimpleITK makes the gaps 20 / 3 mm.
        assert affine[2, 2] == pytest.approx(6.667, abs=1e-3)
        assert volume.affine_mm[2, 2] == pytest.approx(5, abs=1e-5)

    def test_tilt_is_undone_as_dcm2niix_does(self, shared_data: Path, tmp_path: Path) -> None:
        folder = shared_data / FAULTS / "gantrytilting" / "001"
        volume = read_dicom(folder, choices=Choices(tilt="resample"))
        read = by_dcm2niix(folder, tmp_path / "out", suffix="_Tilt_1")
        voxels, affine = onto_axes(read, volume.affine_mm)
        assert volume.voxels.shape == voxels.shape == (512, 521, 4)
        # It has other values where a slice ends between two rows, which is within 10 rows of the volume's ends.
        np.testing.assert_array_equal(volume.voxels[:, 10:-10], voxels[:, 10:-10])
        np.testing.assert_allclose(volume.affine_mm, affine, atol=1e-3)
        assert volume.decisions == ("gantry tilt of 14.0 degrees undone by shifting slices up to 3.63 mm",)

    def test_tilt_and_missing_slice_are_undone_together(self, shared_data: Path) -> None:
        folder = shared_data / FAULTS / "sliceincrement" / "002"
        volume = read_dicom(folder, choices=Choices(tilt="resample", irregular="resample"))
        axes = volume.affine_mm[:3, :3]
        # 0.778 mm along the table, times the cosine of 15.5 degrees.
        np.testing.assert_allclose(np.linalg.norm(axes, axis=0), (0.51171875, 0.51171875, 0.7497), atol=1e-4)
        np.testing.assert_allclose(axes.T @ axes, np.diag(np.diag(axes.T @ axes)), atol=1e-6)
        assert volume.voxels.shape[2] == 5
        assert len(volume.decisions) == 2

    @pytest.mark.parametrize("part", [1, 2])
    def test_each_orientation_is_read_by_choice(self, shared_data: Path, part: int) -> None:
        folder = shared_data / FAULTS / "sliceorientation"
        serieses = group_series(read_headers(folder).headers)
        volume = read_dicom(folder, series=serieses[part - 1].key)
        assert volume.voxels.shape == (288, 288, 2)
        for k, header in enumerate(serieses[part - 1].headers):
            voxels, affine = by_simpleitk(header.path)
            np.testing.assert_array_equal(volume.voxels[..., k], voxels[..., 0])
            np.testing.assert_allclose(volume.affine_mm @ (0, 0, k, 1), affine @ (0, 0, 0, 1), atol=1e-3)


class TestUntouched:
    def test_reading_changes_no_file(self, shared_data: Path) -> None:
        folder = shared_data / FAULTS / "slicecount" / "001"
        before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        read_dicom(folder)
        assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()} == before
