from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet

from data_prep.phantom import FAULTS
from data_prep.phantom.faults import parse_faults
from medseg.errors import UsageError
from tests.data_prep.phantom.reading import axial_positions, images, liver_voxels, nifti_truth, seg_truth, write_small

SLICES = 8


@pytest.fixture
def faulty(tmp_path: Path) -> Callable[..., Path]:
    """Writes one patient with faults and gives its folder."""
    return lambda *faults, name="out": write_small(tmp_path / name, *faults).folders[0]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same patient without faults; read only."""
    return write_small(tmp_path_factory.mktemp("plain")).folders[0]


def _hu(dataset: Dataset) -> np.ndarray:
    return dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)


def _every(series: list[Dataset], keyword: str) -> set[str]:
    return {str(dataset.get(keyword, "absent")) for dataset in series}


class TestGeometry:
    def test_tilt_makes_positions_drift_across_the_normal(self, faulty: Callable[..., Path]) -> None:
        first, *_, last = images(faulty("tilt"))
        row, column = np.reshape(np.asarray(first.ImageOrientationPatient, dtype=float), (2, 3))
        way = np.subtract(last.ImagePositionPatient, first.ImagePositionPatient)
        cosine = abs(np.dot(np.cross(row, column), way)) / np.linalg.norm(way)
        assert np.degrees(np.arccos(cosine)) == pytest.approx(14, abs=0.01)
        assert first.GantryDetectorTilt == 14
        # The table moves along the body.
        np.testing.assert_allclose(way[:2], 0, atol=1e-3)

    def test_missing_slice_leaves_one_gap_of_twice_the_size(self, faulty: Callable[..., Path]) -> None:
        gaps = np.diff(axial_positions(faulty("missing-slice")))
        assert len(gaps) == SLICES - 2
        ratios = np.sort(gaps / gaps.min())
        np.testing.assert_allclose(ratios, [1] * (SLICES - 3) + [2], rtol=1e-3)

    def test_duplicate_slice_has_one_position_twice_with_other_pixels(self, faulty: Callable[..., Path]) -> None:
        series = images(faulty("duplicate-slice"))
        positions = [tuple(dataset.ImagePositionPatient) for dataset in series]
        (twice,) = {position for position in positions if positions.count(position) == 2}
        one, other = (dataset for dataset in series if tuple(dataset.ImagePositionPatient) == twice)
        assert one.SOPInstanceUID != other.SOPInstanceUID
        assert one.PixelData != other.PixelData

    def test_irregular_gaps_are_larger_from_the_middle_on(self, faulty: Callable[..., Path]) -> None:
        gaps = np.diff(axial_positions(faulty("irregular-gaps")))
        np.testing.assert_allclose(gaps / gaps.min(), [1] * 4 + [1.5] * 3, rtol=1e-3)

    def test_mixed_orientation_has_coronal_slices_of_the_same_body(self, faulty: Callable[..., Path]) -> None:
        series = images(faulty("mixed-orientation"))
        orientations = [tuple(dataset.ImageOrientationPatient) for dataset in series]
        assert orientations.count((1, 0, 0, 0, 1, 0)) == 6
        assert orientations.count((1, 0, 0, 0, 0, -1)) == 2
        assert len(_every(series, "SeriesInstanceUID")) == 1

    def test_mixed_spacing_has_smaller_pixels_about_the_same_centre(self, faulty: Callable[..., Path]) -> None:
        series = images(faulty("mixed-spacing"))
        spacings = sorted(float(dataset.PixelSpacing[0]) for dataset in series)
        assert spacings[0] == pytest.approx(0.8 * spacings[-1], abs=1e-4)
        assert spacings.count(spacings[0]) == 2
        centres = {
            round(float(dataset.ImagePositionPatient[0]) + 23.5 * float(dataset.PixelSpacing[0]), 2)
            for dataset in series
        }
        assert len(centres) == 1

    def test_mixed_size_has_fewer_pixels_over_the_same_field(self, faulty: Callable[..., Path]) -> None:
        series = images(faulty("mixed-size"))
        assert [dataset.Rows for dataset in series].count(24) == 2
        assert len({round(dataset.Rows * float(dataset.PixelSpacing[0]), 3) for dataset in series}) == 1

    def test_two_acquisitions_share_series_and_positions(self, faulty: Callable[..., Path]) -> None:
        series = images(faulty("two-acquisitions"))
        assert len(series) == 2 * SLICES
        assert _every(series, "AcquisitionNumber") == {"1", "2"}
        assert len(_every(series, "SeriesInstanceUID")) == 1
        assert len(_every(series, "ImagePositionPatient")) == SLICES


class TestPixels:
    def test_signed_and_unsigned_hold_the_same_hu(self, faulty: Callable[..., Path]) -> None:
        signed, unsigned = (images(faulty(fault, name=fault)) for fault in ("signed", "unsigned"))
        assert _every(signed, "PixelRepresentation") == {"1"}
        assert {float(dataset.RescaleIntercept) for dataset in signed} == {0}
        assert _every(unsigned, "PixelRepresentation") == {"0"}
        for one, other in zip(signed, unsigned, strict=True):
            np.testing.assert_array_equal(_hu(one), _hu(other))

    def test_padding_fills_the_corners_only(self, faulty: Callable[..., Path]) -> None:
        plain, padded = images(faulty("signed", name="plain")), images(faulty("padding"))
        assert _every(padded, "PixelPaddingValue") == {"-2000"}
        for one, other in zip(plain, padded, strict=True):
            padding = other.pixel_array == -2000
            assert padding[[0, 0, -1, -1], [0, -1, 0, -1]].all()
            assert not padding[24, 1:-1].any()
            np.testing.assert_array_equal(_hu(one)[~padding], _hu(other)[~padding])

    def test_high_bits_are_dirty_above_the_stored_ones(self, faulty: Callable[..., Path]) -> None:
        plain, dirty = images(faulty("unsigned", name="plain")), images(faulty("high-bits"))
        for one, other in zip(plain, dirty, strict=True):
            assert other.BitsStored == 12
            words = np.frombuffer(other.PixelData, dtype="<u2")
            assert (words >> 12 == 0xA).all()
            np.testing.assert_array_equal(words & 0x0FFF, np.frombuffer(one.PixelData, dtype="<u2"))

    def test_mixed_rescale_holds_the_same_hu(self, faulty: Callable[..., Path], plain: Path) -> None:
        sound, mixed = images(plain), images(faulty("mixed-rescale"))
        assert {float(dataset.RescaleIntercept) for dataset in mixed} == {-1024, -1124}
        for one, other in zip(sound, mixed, strict=True):
            np.testing.assert_array_equal(_hu(one), _hu(other))

    def test_compressed_decodes_to_the_same_pixels(self, faulty: Callable[..., Path], plain: Path) -> None:
        sound, compressed = images(plain), images(faulty("compressed"))
        for one, other in zip(sound, compressed, strict=True):
            assert other.file_meta.TransferSyntaxUID == pydicom.uid.RLELossless
            assert len(other.PixelData) < len(one.PixelData)
            np.testing.assert_array_equal(one.pixel_array, other.pixel_array)

    def test_compressed_works_from_implicit_vr(self, tmp_path: Path) -> None:
        fifth = write_small(tmp_path, "compressed", patients=5).folders[4]
        assert _hu(images(fifth)[0]).mean() < 0

    def test_colour_is_grey_in_three_channels(self, faulty: Callable[..., Path]) -> None:
        for dataset in images(faulty("colour")):
            assert dataset.PhotometricInterpretation == "RGB"
            pixels = dataset.pixel_array
            assert pixels.shape == (48, 48, 3)
            assert (pixels == pixels[..., :1]).all()
            assert pixels.max() > 150

    def test_monochrome1_changes_no_pixel(self, faulty: Callable[..., Path], plain: Path) -> None:
        sound, inverse = images(plain), images(faulty("monochrome1"))
        assert _every(inverse, "PhotometricInterpretation") == {"MONOCHROME1"}
        assert [dataset.PixelData for dataset in sound] == [dataset.PixelData for dataset in inverse]

    def test_truncated_pixels_cut_one_file_within_its_pixels(self, faulty: Callable[..., Path]) -> None:
        sizes = sorted(path.stat().st_size for path in (faulty("truncated-pixels") / "ct").iterdir())
        assert len(sizes) == SLICES
        assert sizes[0] < 0.7 * sizes[1]
        # More than headers is left, less than headers and 48 x 48 pixels of 2 bytes.
        assert sizes[1] - 48 * 48 * 2 < sizes[0]


class TestTags:
    @pytest.mark.parametrize(
        ("fault", "keywords"),
        [
            ("no-rescale", ("RescaleIntercept", "RescaleSlope")),
            ("no-spacing", ("PixelSpacing",)),
            ("missing-orientation", ("ImageOrientationPatient",)),
            ("missing-uids", ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")),
        ],
    )
    def test_tags_are_absent_everywhere(
        self, faulty: Callable[..., Path], fault: str, keywords: tuple[str, ...]
    ) -> None:
        series = images(faulty(fault))
        assert len(series) == SLICES
        assert all(_every(series, keyword) == {"absent"} for keyword in keywords)

    def test_one_position_is_missing(self, faulty: Callable[..., Path]) -> None:
        lacking = ["ImagePositionPatient" not in dataset for dataset in images(faulty("missing-position"))]
        assert lacking.count(True) == 1

    def test_uids_are_empty_but_in_the_file_meta_information(self, faulty: Callable[..., Path]) -> None:
        series = images(faulty("empty-uids"))
        for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            assert _every(series, keyword) == {""}
        assert len({dataset.file_meta.MediaStorageSOPInstanceUID for dataset in series}) == SLICES


class TestFolder:
    def test_two_series_lie_in_one_folder(self, faulty: Callable[..., Path]) -> None:
        series = [dataset.SeriesInstanceUID for dataset in images(faulty("two-series-one-folder"))]
        assert sorted(series.count(uid) for uid in set(series)) == [SLICES // 2, SLICES]

    def test_localizer_is_coronal_and_under_the_series_uid(self, faulty: Callable[..., Path]) -> None:
        series = images(faulty("localizer"))
        (scout,) = [dataset for dataset in series if "LOCALIZER" in dataset.ImageType]
        assert len(series) == SLICES + 1
        assert len(_every(series, "SeriesInstanceUID")) == 1
        assert list(scout.ImageOrientationPatient) == [1, 0, 0, 0, 0, -1]
        hu = _hu(scout)
        assert hu[:, 20:28].mean() > hu[:, :4].mean() + 200, "the body stands in the middle"

    def test_secondary_capture_is_in_colour_without_geometry(self, faulty: Callable[..., Path]) -> None:
        (capture,) = [dataset for dataset in images(faulty("secondary-capture")) if dataset.Modality == "OT"]
        assert capture.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
        assert capture.pixel_array.shape == (64, 64, 3)
        assert "ImagePositionPatient" not in capture

    def test_enhanced_image_holds_the_slices_as_frames(self, faulty: Callable[..., Path], plain: Path) -> None:
        sound, (enhanced,) = images(plain), images(faulty("enhanced-multiframe"))
        assert enhanced.NumberOfFrames == SLICES
        frames = {
            tuple(groups.PlanePositionSequence[0].ImagePositionPatient): pixels
            for groups, pixels in zip(enhanced.PerFrameFunctionalGroupsSequence, enhanced.pixel_array, strict=True)
        }
        for dataset in sound:
            np.testing.assert_array_equal(frames[tuple(dataset.ImagePositionPatient)], dataset.pixel_array)

    def test_nested_files_have_no_suffix(self, faulty: Callable[..., Path]) -> None:
        patient = faulty("nested")
        assert len(images(patient)) == SLICES
        files = [path for path in (patient / "ct").rglob("*") if path.is_file()]
        assert {path.suffix for path in files} == {""}
        assert all(len(path.relative_to(patient / "ct").parts) == 3 for path in files)

    def test_dicomdir_lists_all_images(self, faulty: Callable[..., Path]) -> None:
        patient = faulty("dicomdir")
        listed = {instance.SOPInstanceUID for instance in FileSet(patient / "ct" / "DICOMDIR")}
        assert listed == _every(images(patient), "SOPInstanceUID")
        assert len(listed) == SLICES

    def test_stray_files_are_no_dicom(self, faulty: Callable[..., Path]) -> None:
        patient = faulty("stray-files")
        assert len(images(patient)) == SLICES
        strays = [path for path in (patient / "ct").rglob("*") if path.is_file() and not pydicom.misc.is_dicom(path)]
        assert {path.suffix for path in strays} == {".txt", ".dcm", ".db", ".inf"}


class TestEveryFault:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_changes_the_images_and_keeps_the_truth(self, faulty: Callable[..., Path], plain: Path, fault: str) -> None:
        patient = faulty(fault)
        ct = [{path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} for folder in
              (plain / "ct", next(patient.glob("*ct")))]  # fmt: skip
        # Only patients who are unsigned by habit stay as they are.
        assert (ct[0] != ct[1]) or fault == "unsigned"
        if fault == "canary":
            return
        expected = nifti_truth(plain)
        truth = nifti_truth(patient)
        np.testing.assert_array_equal(truth[0], expected[0])
        np.testing.assert_array_equal(truth[1], expected[1])
        if fault not in ("tilt", "irregular-gaps"):
            assert liver_voxels(patient, seg_truth) <= liver_voxels(patient, nifti_truth)

    def test_faults_combine(self, faulty: Callable[..., Path]) -> None:
        series = images(faulty("compressed", "missing-slice", "localizer"))
        assert len(series) == SLICES
        assert _every([dataset.file_meta for dataset in series], "TransferSyntaxUID") == {pydicom.uid.RLELossless}


class TestParseFaults:
    def test_a_fault_is_for_all_patients_or_for_one(self) -> None:
        assert parse_faults(["tilt@2", "localizer"], 3) == (("localizer",), ("tilt", "localizer"), ("localizer",))

    def test_order_and_repetition_do_not_matter(self) -> None:
        assert parse_faults(["canary", "tilt", "tilt@1"], 1) == parse_faults(["tilt", "canary"], 1)

    def test_unknown_fault_lists_the_known(self) -> None:
        with pytest.raises(UsageError, match=r"--fault must be one of tilt, missing-slice, .*canary, got tilted"):
            parse_faults(["tilted"], 1)

    @pytest.mark.parametrize("text", ["tilt@", "tilt@0", "tilt@4", "tilt@x", "tilt@-1"])
    def test_unknown_patient(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"--fault tilt@PATIENT must name a patient from 1 to 3, got '.*'"):
            parse_faults([text], 3)

    def test_faults_that_exclude_each_other(self) -> None:
        with pytest.raises(UsageError, match="--fault signed must not be combined with unsigned; choose one of them"):
            parse_faults(["unsigned", "signed"], 1)

    def test_exclusions_name_known_faults(self) -> None:
        assert {other for fault in FAULTS.values() for other in fault.excludes} <= set(FAULTS)
