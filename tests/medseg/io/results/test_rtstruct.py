from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from highdicom.legacy import LegacyConvertedEnhancedCTImage
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from scipy.ndimage import label
from skimage.measure import points_in_poly

from medseg.errors import MedsegError, UsageError
from medseg.io.dicom import read_dicom
from medseg.io.labels import LabelClass, read_rtstruct, referenced_series
from medseg.io.results import read_source_series, write_rtstruct
from tests.dicom_validator import validator_errors
from tests.medseg.io.dicom.test_enhanced import converted
from tests.medseg.io.dicom.writer import ROOT, stored_voxels
from tests.medseg.io.results.peers import by_plastimatch
from tests.medseg.io.results.sources import ALGORITHM, ORIENTATIONS, SIZE, Written, hard_mask, headers_of, written


def write(path: Path, mask: NDArray[np.uint8], to: Written, *, name: str = "Liver", number: int = 1) -> Path:
    write_rtstruct(path, mask, to.source, name=name, number=number, algorithm=ALGORITHM)
    return path


def by_tags(path: Path, to: Written) -> NDArray[np.uint8]:
    """Pixels whose centres lie inside an odd number of contours, ``(x, y, z)``."""
    uids = [header.sop_uid for header in to.source.headers]
    centres = np.argwhere(np.ones(to.source.shape[:2], bool))
    mask = np.zeros(to.source.shape, np.uint8)
    for item in dcmread(path).ROIContourSequence[0].ContourSequence:
        z = uids.index(item.ContourImageSequence[0].ReferencedSOPInstanceUID)
        image = dcmread(to.source.headers[z].path)
        across, down = np.reshape(image.ImageOrientationPatient, (2, 3)).astype(float)
        offsets = np.reshape(item.ContourData, (-1, 3)).astype(float) - np.array(image.ImagePositionPatient, float)
        np.testing.assert_allclose(offsets @ np.cross(across, down), 0, atol=1e-4)
        points = np.stack([offsets @ across / image.PixelSpacing[1], offsets @ down / image.PixelSpacing[0]], axis=1)
        mask[..., z] ^= points_in_poly(centres, points).reshape(mask.shape[:2]).astype(np.uint8)
    return mask


@pytest.fixture(scope="module")
def axial(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return written(tmp_path_factory.mktemp("rtstruct") / "ct")


@pytest.fixture(scope="module")
def data(axial: Written, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dcmread(write(tmp_path_factory.mktemp("rtstruct") / "a.dcm", hard_mask(), axial))


class TestMask:
    @pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
    def test_is_read_back_exactly(self, tmp_path: Path, orientation: tuple[float, ...]) -> None:
        to = written(tmp_path / "ct", orientation=orientation, spacing_mm=(0.6, 1.3), gap_mm=3.1)
        read = read_rtstruct(write(tmp_path / "a.dcm", hard_mask(), to), to.image)
        np.testing.assert_array_equal(read.mask, hard_mask())
        assert read.classes == (LabelClass(1, "Liver"),)
        assert read.warnings == ("a chosen structure has no contour on 1 slices between others; they stay background",)

    @pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
    def test_contours_lie_on_their_images(self, tmp_path: Path, orientation: tuple[float, ...]) -> None:
        """By the images' own tags and scikit-image alone."""
        to = written(tmp_path / "ct", orientation=orientation, spacing_mm=(0.6, 1.3), gap_mm=3.1)
        path = write(tmp_path / "a.dcm", hard_mask(), to)
        np.testing.assert_array_equal(by_tags(path, to), hard_mask())

    @pytest.mark.parametrize("orientation", ["axial", "negated", "twisted"])
    def test_is_read_back_exactly_by_plastimatch(self, tmp_path: Path, orientation: str) -> None:
        """Which takes contours for axial, so that it misreads those of coronal and sagittal slices."""
        to = written(tmp_path / "ct", orientation=ORIENTATIONS[orientation], spacing_mm=(0.6, 1.3), gap_mm=3.1)
        path = write(tmp_path / "a.dcm", hard_mask(), to)
        mask, affine = by_plastimatch(path, to.folder, tmp_path / "out", to.image.affine_mm)
        np.testing.assert_array_equal(mask, hard_mask())
        np.testing.assert_allclose(affine, to.image.affine_mm, atol=1e-4)

    @pytest.mark.parametrize("spacing_mm", [0.002, 40.0])
    def test_points_are_as_fine_as_the_pixels(self, tmp_path: Path, spacing_mm: float) -> None:
        to = written(tmp_path / "ct", spacing_mm=(spacing_mm, spacing_mm), gap_mm=2.0)
        path = write(tmp_path / "a.dcm", hard_mask(), to)
        np.testing.assert_array_equal(read_rtstruct(path, to.image).mask, hard_mask())
        texts = [text for item in dcmread(path).ROIContourSequence[0].ContourSequence for text in item.ContourData]
        assert max(len(str(text)) for text in texts) <= 16

    def test_may_be_empty(self, axial: Written, tmp_path: Path) -> None:
        path = write(tmp_path / "a.dcm", np.zeros(SIZE, np.uint8), axial)
        assert validator_errors(path) == []
        read = read_rtstruct(path, axial.image)
        assert not read.mask.any()
        assert read.classes == (LabelClass(1, "Liver"),)
        assert read.warnings == ("a chosen structure has no closed contour (3006,0042), so no voxels",)

    def test_contours_longer_than_an_explicit_element_holds(self, tmp_path: Path) -> None:
        """A comb: 1499 teeth of four corners, one of three at the end of its back, which has three. 64 kB hold 2000."""
        comb = np.ones((3000, 3, 1), np.uint8)
        comb[::2, 1:] = 0
        to = written(tmp_path / "ct", comb.shape)
        path = write(tmp_path / "a.dcm", comb, to)
        assert dcmread(path).ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints == 6002
        np.testing.assert_array_equal(read_rtstruct(path, to.image).mask, comb)


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_file_passes_dciodvfy(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    to = written(tmp_path / "ct", orientation=orientation)
    assert validator_errors(write(tmp_path / "a.dcm", hard_mask(), to)) == []


class TestContent:
    def test_each_part_of_a_slice_is_a_closed_contour_on_its_image(self, data: Dataset, axial: Written) -> None:
        contours = data.ROIContourSequence[0].ContourSequence
        assert {item.ContourGeometricType for item in contours} == {"CLOSED_PLANAR"}
        assert [item.ContourNumber for item in contours] == list(range(1, len(contours) + 1))
        images = [item.ContourImageSequence[0].ReferencedSOPInstanceUID for item in contours]
        parts = [label(hard_mask()[..., z])[1] for z in range(SIZE[2])]
        assert [images.count(header.sop_uid) for header in axial.source.headers] == parts
        height = {header.sop_uid: (header.position_mm or ())[2] for header in axial.source.headers}
        for item, image in zip(contours, images, strict=True):
            assert set(item.ContourData[2::3]) == {height[image]}

    def test_series_is_named_with_all_its_images(self, data: Dataset, axial: Written) -> None:
        (frame,) = data.ReferencedFrameOfReferenceSequence
        (study,) = frame.RTReferencedStudySequence
        (series,) = study.RTReferencedSeriesSequence
        assert frame.FrameOfReferenceUID == data.FrameOfReferenceUID == f"{ROOT}.0.1"
        assert (study.ReferencedSOPInstanceUID, series.SeriesInstanceUID) == (f"{ROOT}.0", f"{ROOT}.1")
        named = [item.ReferencedSOPInstanceUID for item in series.ContourImageSequence]
        assert named == [header.sop_uid for header in axial.source.headers]

    def test_structure_is_named_and_numbered(self, axial: Written, tmp_path: Path) -> None:
        found = dcmread(write(tmp_path / "a.dcm", hard_mask(), axial, name="Links der Milz: Läsion", number=7))
        (roi,) = found.StructureSetROISequence
        assert (roi.ROINumber, roi.ROIName, roi.ROIGenerationAlgorithm) == (7, "Links der Milz: Läsion", "AUTOMATIC")
        assert roi.ROIGenerationDescription == "unet 0.1.0"
        assert found.ROIContourSequence[0].ReferencedROINumber == 7
        assert found.RTROIObservationsSequence[0].ReferencedROINumber == 7
        assert (found.StructureSetLabel, found.ApprovalStatus) == ("Links der Milz:", "UNAPPROVED")

    def test_patient_and_study_are_the_series_own(self, data: Dataset) -> None:
        assert (data.PatientName, data.PatientID, data.PatientSex) == ("CANARY^NAME", "CANARY-ID", "O")
        assert (data.StudyInstanceUID, data.StudyDate, data.StudyID) == (f"{ROOT}.0", "20200101", "1")
        assert (data.Modality, data.SeriesNumber) == ("RTSTRUCT", 102)
        assert data.SeriesInstanceUID != f"{ROOT}.1"

    def test_reader_finds_the_series(self, axial: Written, tmp_path: Path) -> None:
        assert referenced_series(write(tmp_path / "a.dcm", hard_mask(), axial)) == (f"{ROOT}.1",)


def test_frames_of_an_enhanced_image_are_named(tmp_path: Path) -> None:
    _, multi = converted(tmp_path, stored_voxels(SIZE), LegacyConvertedEnhancedCTImage)
    headers = headers_of(multi.parent)
    path = tmp_path / "a.dcm"
    write_rtstruct(path, hard_mask(), read_source_series(headers), name="Liver", algorithm=ALGORITHM)
    assert validator_errors(path) == []
    np.testing.assert_array_equal(read_rtstruct(path, read_dicom(multi.parent)).mask, hard_mask())
    images = [item.ContourImageSequence[0] for item in dcmread(path).ROIContourSequence[0].ContourSequence]
    assert {image.ReferencedSOPInstanceUID for image in images} == {"1.2.3.4"}
    drawn = dict.fromkeys(image.ReferencedFrameNumber for image in images)
    assert list(drawn) == [headers[z].frame + 1 for z in (0, 1, 2, 3, 5)]


class TestFaults:
    def test_mask_of_another_size_raises(self, axial: Written, tmp_path: Path) -> None:
        message = r"mask must have the size of its series, \(11, 9, 6\), got \(9, 11, 6\); predict on the series' own"
        with pytest.raises(MedsegError, match=message):
            write(tmp_path / "a.dcm", np.zeros((9, 11, 6), np.uint8), axial)
        assert not list(tmp_path.iterdir())

    def test_other_values_raise(self, axial: Written, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="mask must be of 0 and 1, got 0 to 2"):
            write(tmp_path / "a.dcm", hard_mask() * np.uint8(2), axial)

    @pytest.mark.parametrize("name", ["", " ", "a\\b", "a\nb", 65 * "a"])
    def test_name_that_is_no_text_of_dicom_raises(self, axial: Written, tmp_path: Path, name: str) -> None:
        with pytest.raises(UsageError, match="a structure's name must be 1 to 64 characters without backslash and"):
            write(tmp_path / "a.dcm", hard_mask(), axial, name=name)

    def test_more_parts_than_readers_take_raise(self, tmp_path: Path) -> None:
        """A chess board of 2048 fields: 1024 parts on the slice."""
        mask = (np.indices((64, 32, 1)).sum(axis=0) % 2).astype(np.uint8)
        to = written(tmp_path / "ct", mask.shape)
        with pytest.raises(MedsegError, match="at most 1000 separate parts on a slice, got 1024; leave out small"):
            write(tmp_path / "a.dcm", mask, to)
        assert not (tmp_path / "a.dcm").exists()

    def test_full_disk_leaves_no_file(self, axial: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def write_half(_: Dataset, path: Path, **_options: object) -> None:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Dataset, "save_as", write_half)
        with pytest.raises(OSError, match="No space left"):
            write(tmp_path / "a.dcm", hard_mask(), axial)
        assert not list(tmp_path.iterdir())
