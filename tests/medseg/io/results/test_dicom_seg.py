from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest
from highdicom.legacy import LegacyConvertedEnhancedCTImage
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from medseg.errors import MedsegError
from medseg.io.dicom import read_dicom
from medseg.io.labels import read_seg, referenced_series
from medseg.io.results import read_source_series, segment_for, write_dicom_seg
from tests.dicom_validator import validator_errors
from tests.medseg.io.dicom.test_enhanced import converted
from tests.medseg.io.dicom.writer import ROOT, stored_voxels
from tests.medseg.io.results.peers import by_dcmqi
from tests.medseg.io.results.sources import ALGORITHM, ORIENTATIONS, SIZE, Written, hard_mask, headers_of, written

LIVER = segment_for("liver")


def write(path: Path, mask: NDArray[np.uint8], to: Written, **options: Any) -> Path:
    write_dicom_seg(path, mask, to.source, **{"segment": LIVER, "algorithm": ALGORITHM, **options})
    return path


def by_highdicom(path: Path, to: Written) -> NDArray[np.uint8]:
    """Frames of the segment by the source's images, ``(x, y, z)``."""
    seg = highdicom.seg.segread(path)
    uids = [header.sop_uid for header in to.source.headers]
    pixels: NDArray[np.uint8] = seg.get_pixels_by_source_instance(uids, combine_segments=True)
    return pixels.T


@pytest.fixture(scope="module")
def axial(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return written(tmp_path_factory.mktemp("seg") / "ct")


@pytest.fixture(scope="module")
def data(axial: Written, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dcmread(write(tmp_path_factory.mktemp("seg") / "a.dcm", hard_mask(), axial))


class TestMask:
    @pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
    def test_is_read_back_by_ours_highdicom_and_dcmqi(self, tmp_path: Path, orientation: tuple[float, ...]) -> None:
        to = written(tmp_path / "ct", orientation=orientation, spacing_mm=(0.6, 1.3), gap_mm=3.1)
        path = write(tmp_path / "a.dcm", hard_mask(), to)
        np.testing.assert_array_equal(read_seg(path, to.image).mask, hard_mask())
        np.testing.assert_array_equal(by_highdicom(path, to), hard_mask())
        mask, affine = by_dcmqi(path, tmp_path / "dcmqi", to.image.affine_mm)
        np.testing.assert_array_equal(mask, hard_mask())
        np.testing.assert_allclose(affine, to.image.affine_mm, atol=1e-4)

    def test_may_be_empty(self, axial: Written, tmp_path: Path) -> None:
        path = write(tmp_path / "a.dcm", np.zeros(SIZE, np.uint8), axial)
        assert validator_errors(path) == []
        assert not read_seg(path, axial.image).mask.any()
        mask, _ = by_dcmqi(path, tmp_path / "dcmqi", axial.image.affine_mm)
        assert mask.shape == SIZE
        assert not mask.any()

    def test_may_be_of_one_slice(self, tmp_path: Path) -> None:
        to = written(tmp_path / "ct", (11, 9, 1))
        path = write(tmp_path / "a.dcm", hard_mask()[..., :1], to)
        assert validator_errors(path) == []
        np.testing.assert_array_equal(read_seg(path, to.image).mask, hard_mask()[..., :1])
        mask, affine = by_dcmqi(path, tmp_path / "dcmqi", to.image.affine_mm)
        np.testing.assert_array_equal(mask, hard_mask()[..., :1])
        np.testing.assert_allclose(affine, to.image.affine_mm, atol=1e-4)

    def test_is_written_from_any_memory_order(self, axial: Written, tmp_path: Path) -> None:
        path = write(tmp_path / "a.dcm", np.asfortranarray(hard_mask()), axial)
        np.testing.assert_array_equal(read_seg(path, axial.image).mask, hard_mask())

    def test_thickness_beyond_the_gap_does_not_move_it(self, tmp_path: Path) -> None:
        """Of the scanner's slices, as CHAOS has it; voxels are as deep as slices are apart."""
        to = written(tmp_path / "ct", gap_mm=2.0, SliceThickness=3.2)
        path = write(tmp_path / "a.dcm", hard_mask(), to)
        measures = dcmread(path).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        assert (measures.SliceThickness, measures.SpacingBetweenSlices) == (2, 2)
        mask, affine = by_dcmqi(path, tmp_path / "dcmqi", to.image.affine_mm)
        np.testing.assert_array_equal(mask, hard_mask())
        np.testing.assert_allclose(affine, to.image.affine_mm, atol=1e-4)


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_file_passes_dciodvfy(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    to = written(tmp_path / "ct", orientation=orientation)
    assert validator_errors(write(tmp_path / "a.dcm", hard_mask(), to, segment=segment_for("left kidney"))) == []


class TestContent:
    def test_every_slice_has_a_frame_that_names_its_image(self, data: Dataset, axial: Written) -> None:
        frames = [
            (
                tuple(map(float, frame.PlanePositionSequence[0].ImagePositionPatient)),
                frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID,
            )
            for frame in data.PerFrameFunctionalGroupsSequence
        ]
        wanted = [(header.position_mm, header.sop_uid) for header in axial.source.headers]
        assert sorted(frames) == sorted(wanted)
        # By geometry, from either end.
        assert frames in (wanted, wanted[::-1])

    def test_series_is_named_with_all_its_images(self, data: Dataset, axial: Written) -> None:
        (series,) = data.ReferencedSeriesSequence
        assert series.SeriesInstanceUID == f"{ROOT}.1"
        named = [
            (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) for item in series.ReferencedInstanceSequence
        ]
        assert named == [(header.sop_class, header.sop_uid) for header in axial.source.headers]

    def test_patient_study_and_frame_of_reference_are_the_series_own(self, data: Dataset) -> None:
        assert (data.PatientName, data.PatientID, data.PatientSex) == ("CANARY^NAME", "CANARY-ID", "O")
        assert (data.StudyInstanceUID, data.StudyDate, data.StudyID) == (f"{ROOT}.0", "20200101", "1")
        assert data.FrameOfReferenceUID == f"{ROOT}.0.1"
        assert data.SeriesInstanceUID != f"{ROOT}.1"
        assert data.SeriesNumber == 101

    def test_segment_tells_what_it_shows_and_what_made_it(self, data: Dataset) -> None:
        (segment,) = data.SegmentSequence
        (kind,) = segment.SegmentedPropertyTypeCodeSequence
        (category,) = segment.SegmentedPropertyCategoryCodeSequence
        (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
        assert (segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType) == (1, "liver", "AUTOMATIC")
        assert (kind.CodeValue, kind.CodingSchemeDesignator, kind.CodeMeaning) == ("10200004", "SCT", "Liver")
        assert (category.CodeValue, category.CodeMeaning) == ("91723000", "Anatomical Structure")
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("unet", "0.1.0")
        assert (data.SegmentationType, data.ContentLabel) == ("BINARY", "LIVER")

    def test_side_is_a_modifier(self, axial: Written, tmp_path: Path) -> None:
        found = dcmread(write(tmp_path / "a.dcm", hard_mask(), axial, segment=segment_for("kidney_left")))
        (kind,) = found.SegmentSequence[0].SegmentedPropertyTypeCodeSequence
        assert (kind.CodeValue, kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeValue) == ("64033007", "7771000")

    def test_label_beyond_code_strings_and_latin(self, axial: Written, tmp_path: Path) -> None:
        table = tmp_path / "terms.csv"
        table.write_text("name,category,code,meaning\nLeber-Läsion von 2026,tissue,52988006,Lesion\n", encoding="utf-8")
        segment = segment_for("leber läsion von 2026", table)
        path = write(tmp_path / "a.dcm", hard_mask(), axial, segment=segment)
        found = dcmread(path)
        assert found.SegmentSequence[0].SegmentLabel == "Leber-Läsion von 2026"
        assert found.ContentLabel == "LEBER_L_SION VON"
        assert validator_errors(path) == []

    def test_reader_finds_the_series(self, axial: Written, tmp_path: Path) -> None:
        assert referenced_series(write(tmp_path / "a.dcm", hard_mask(), axial)) == (f"{ROOT}.1",)


class TestMultiFrame:
    """A series of one enhanced image, whose frames are not in the order of the slices."""

    def test_frames_are_named(self, tmp_path: Path) -> None:
        _, multi = converted(tmp_path, stored_voxels(SIZE), LegacyConvertedEnhancedCTImage)
        headers = headers_of(multi.parent)
        source = read_source_series(headers)
        path = tmp_path / "a.dcm"
        write_dicom_seg(path, hard_mask(), source, segment=LIVER, algorithm=ALGORITHM)
        assert validator_errors(path) == []
        image = read_dicom(multi.parent)
        np.testing.assert_array_equal(read_seg(path, image).mask, hard_mask())
        data = dcmread(path)
        (only,) = data.ReferencedSeriesSequence[0].ReferencedInstanceSequence
        assert only.ReferencedSOPInstanceUID == "1.2.3.4"
        number = {header.position_mm: header.frame + 1 for header in headers}
        for frame in data.PerFrameFunctionalGroupsSequence:
            named = frame.DerivationImageSequence[0].SourceImageSequence[0]
            place = tuple(map(float, frame.PlanePositionSequence[0].ImagePositionPatient))
            assert (named.ReferencedSOPInstanceUID, named.ReferencedFrameNumber) == ("1.2.3.4", number[place])
            assert named.ReferencedSOPClassUID == headers[0].sop_class

    def test_dcmqi_reads_it(self, tmp_path: Path) -> None:
        _, multi = converted(tmp_path, stored_voxels(SIZE), LegacyConvertedEnhancedCTImage)
        write_dicom_seg(
            tmp_path / "a.dcm",
            hard_mask(),
            read_source_series(headers_of(multi.parent)),
            segment=LIVER,
            algorithm=ALGORITHM,
        )
        mask, _ = by_dcmqi(tmp_path / "a.dcm", tmp_path / "dcmqi", read_dicom(multi.parent).affine_mm)
        np.testing.assert_array_equal(mask, hard_mask())


class TestFaults:
    def test_mask_of_another_size_raises(self, axial: Written, tmp_path: Path) -> None:
        message = r"mask must have the size of its series, \(11, 9, 6\), got \(9, 11, 6\); predict on the series' own"
        with pytest.raises(MedsegError, match=message):
            write(tmp_path / "a.dcm", np.zeros((9, 11, 6), np.uint8), axial)
        assert not list(tmp_path.iterdir())

    def test_other_values_raise(self, axial: Written, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="mask must be of 0 and 1, got 0 to 255"):
            write(tmp_path / "a.dcm", hard_mask() * np.uint8(255), axial)

    def test_full_disk_leaves_no_file(self, axial: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def write_half(_: Dataset, path: Path, **_options: object) -> None:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Dataset, "save_as", write_half)
        with pytest.raises(OSError, match="No space left"):
            write(tmp_path / "a.dcm", hard_mask(), axial)
        assert not list(tmp_path.iterdir())
