from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from highdicom.legacy import LegacyConvertedEnhancedCTImage, LegacyConvertedEnhancedMRImage
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from medseg.errors import SourceError
from medseg.io.dicom import Header, group_series, read_dicom, read_headers, read_series
from medseg.io.dicom.enhanced import frame_headers
from medseg.io.dicom.header import MARKS
from tests.medseg.io.dicom.encodings import DEFLATED, J2K, j2k, save_as, save_encapsulated
from tests.medseg.io.dicom.references import by_dcm2niix, by_simpleitk, onto_axes
from tests.medseg.io.dicom.writer import CT_CLASS, MR_CLASS, save, slice_dataset, stored_voxels, write_series

OBLIQUE = (0.9659258, 0.2588190, 0.0, -0.2241439, 0.8365163, 0.5)
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
# What highdicom's conversion wants beside what slices need.
PATIENT = {
    "PatientName": "Phantom^",
    "PatientID": "1",
    "PatientBirthDate": "",
    "PatientSex": "",
    "AccessionNumber": "",
    "StudyID": "1",
    "StudyDate": "20200101",
    "StudyTime": "120000",
    "AcquisitionDate": "20200101",
    "AcquisitionTime": "120000",
    "ReferringPhysicianName": "",
    "Manufacturer": "none",
    "PositionReferenceIndicator": "",
    "SliceThickness": 2.5,
    "AcquisitionNumber": 1,
}


def converted(folder: Path, voxels: NDArray[Any], convert: Callable[..., Any], **tags: Any) -> tuple[Path, Path]:
    """A series of single frames, and what highdicom makes of them."""
    files = write_series(folder / "single", voxels, orientation=OBLIQUE, **(PATIENT | tags))
    shuffled = [dcmread(files[index]) for index in np.random.default_rng(0).permutation(len(files))]
    image = convert(
        shuffled, series_instance_uid="1.2.3", series_number=7, sop_instance_uid="1.2.3.4", instance_number=1
    )
    (folder / "multi").mkdir()
    image.save_as(folder / "multi" / "image.dcm")
    return folder / "single", folder / "multi" / "image.dcm"


def item(**tags: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def enhanced(voxels: NDArray[Any], *, sop_class: str = ENHANCED_CT, times: int = 1) -> Dataset:
    """An enhanced image by hand; slices 3 mm apart, and ``times`` frames at each position."""
    count = voxels.shape[2]
    dataset = slice_dataset(voxels[..., 0], (0, 0, 0), SOPClassUID=sop_class)
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        del dataset[keyword]
    dataset.NumberOfFrames = count
    dataset.PixelData = voxels.T.tobytes()
    dataset.SharedFunctionalGroupsSequence = [
        item(
            PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
            PixelMeasuresSequence=[item(PixelSpacing=[0.8, 0.7], SliceThickness=3)],
            PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=-1000, RescaleType="HU")],
        )
    ]
    dataset.PerFrameFunctionalGroupsSequence = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=[1, 2, 3 * (frame // times)])],
            FrameContentSequence=[item(TemporalPositionIndex=1 + frame % times, StackID="1", FrameAcquisitionNumber=4)],
        )
        for frame in range(count)
    ]
    return dataset


def mark(header: Header, name: str) -> str:
    return header.marks[[known for known, _ in MARKS].index(name)]


class TestLegacyConverted:
    """Written by highdicom, which shares nothing with the reader but pydicom."""

    @pytest.fixture
    def ct(self, tmp_path: Path) -> tuple[Path, Path]:
        return converted(
            tmp_path, stored_voxels((5, 4, 6), low=-500, high=2000), LegacyConvertedEnhancedCTImage, KVP=120
        )

    def test_ct_is_the_volume_of_its_single_frames(self, ct: tuple[Path, Path]) -> None:
        single, multi = map(read_dicom, ct)
        np.testing.assert_array_equal(multi.voxels, single.voxels)
        np.testing.assert_allclose(multi.affine_mm, single.affine_mm, atol=1e-6)
        assert multi.modality == "CT"

    def test_ct_agrees_with_simpleitk(self, ct: tuple[Path, Path]) -> None:
        volume = read_dicom(ct[1])
        voxels, affine = onto_axes(by_simpleitk(ct[1]), volume.affine_mm)
        np.testing.assert_array_equal(volume.voxels, voxels)
        np.testing.assert_allclose(volume.affine_mm, affine, atol=1e-4)

    def test_ct_agrees_with_dcm2niix(self, ct: tuple[Path, Path], tmp_path: Path) -> None:
        volume = read_dicom(ct[1])
        voxels, affine = onto_axes(by_dcm2niix(ct[1].parent, tmp_path / "nifti"), volume.affine_mm)
        np.testing.assert_array_equal(volume.voxels, voxels)
        np.testing.assert_allclose(volume.affine_mm, affine, atol=1e-4)

    def test_what_parts_a_series_is_found_among_the_converted_attributes(self, ct: tuple[Path, Path]) -> None:
        headers = read_headers(ct[1]).headers
        assert len(headers) == 6
        assert {mark(header, "tube voltage") for header in headers} == {"120.0"}
        assert {header.image_type[:3] for header in headers} == {("ORIGINAL", "PRIMARY", "AXIAL")}

    def test_mr_is_the_volume_of_its_single_frames(self, tmp_path: Path) -> None:
        single, multi = converted(
            tmp_path,
            stored_voxels((5, 4, 3)),
            LegacyConvertedEnhancedMRImage,
            SOPClassUID=MR_CLASS,
            Modality="MR",
            ScanningSequence="SE",
            SequenceVariant="NONE",
            ScanOptions="",
            MRAcquisitionType="2D",
            EchoTime=12.5,
            EchoTrainLength=1,
            RescaleSlope=None,
            RescaleIntercept=None,
        )
        assert {mark(header, "echo time") for header in read_headers(multi).headers} == {"12.5"}
        np.testing.assert_array_equal(read_dicom(multi).voxels, read_dicom(single).voxels)
        assert read_dicom(multi).modality == "MR"


class TestFrameHeaders:
    def test_groups_place_and_scale_each_frame(self, tmp_path: Path) -> None:
        voxels = stored_voxels((3, 4, 2))
        headers = read_headers(save(enhanced(voxels), tmp_path / "a.dcm")).headers
        assert [header.frame for header in headers] == [0, 1]
        assert [header.position_mm for header in headers] == [(1, 2, 0), (1, 2, 3)]
        assert {header.orientation for header in headers} == {(1, 0, 0, 0, 1, 0)}
        assert {header.pixel_spacing_mm for header in headers} == {(0.8, 0.7)}
        assert {(header.slope, header.intercept, header.rescale_type) for header in headers} == {(2, -1000, "HU")}
        assert {header.slice_thickness_mm for header in headers} == {3}
        volume = read_dicom(tmp_path / "a.dcm")
        np.testing.assert_array_equal(volume.voxels, 2 * voxels.astype(int) - 1000)
        np.testing.assert_allclose(volume.affine_mm, [[-0.7, 0, 0, -1], [0, -0.8, 0, -2], [0, 0, 3, 0], [0, 0, 0, 1]])

    def test_frame_s_own_group_goes_before_the_shared_one(self, tmp_path: Path) -> None:
        dataset = enhanced(stored_voxels((3, 4, 2)))
        own = item(RescaleSlope=3, RescaleIntercept=7, RescaleType="US")
        dataset.PerFrameFunctionalGroupsSequence[1].PixelValueTransformationSequence = [own]
        headers = read_headers(save(dataset, tmp_path / "a.dcm")).headers
        assert [header.slope for header in headers] == [2, 3]
        assert [header.rescale_type for header in headers] == ["HU", "US"]

    def test_time_points_become_volumes_of_their_own(self, tmp_path: Path) -> None:
        voxels = stored_voxels((3, 4, 6))
        dataset = enhanced(voxels, sop_class=ENHANCED_MR, times=2)
        dataset.Modality = "MR"
        serieses = group_series(read_headers(save(dataset, tmp_path / "a.dcm")).headers)
        assert len(serieses) == 2
        for time, series in enumerate(serieses):
            np.testing.assert_array_equal(read_series(series).voxels, 2 * voxels[..., time::2].astype(int) - 1000)

    def test_marks_of_mr(self, tmp_path: Path) -> None:
        dataset = enhanced(stored_voxels((3, 4, 1)), sop_class=ENHANCED_MR)
        shared = dataset.SharedFunctionalGroupsSequence[0]
        shared.MREchoSequence = [item(EffectiveEchoTime=12.5)]
        shared.MRDiffusionSequence = [item(DiffusionBValue=800.0)]
        shared.MRImageFrameTypeSequence = [item(FrameType=["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"])]
        shared.CardiacSynchronizationSequence = [item(NominalCardiacTriggerDelayTime=90.0)]
        (header,) = read_headers(save(dataset, tmp_path / "a.dcm")).headers
        names = ("echo time", "b value", "trigger time", "temporal position", "acquisition number", "stack")
        assert [mark(header, name) for name in names] == ["12.5", "800.0", "90.0", "1", "4", "1"]
        assert header.image_type == ("ORIGINAL", "PRIMARY", "DIFFUSION", "NONE")

    def test_marks_and_tilt_of_ct(self, tmp_path: Path) -> None:
        dataset = enhanced(stored_voxels((3, 4, 1)))
        shared = dataset.SharedFunctionalGroupsSequence[0]
        shared.CTXRayDetailsSequence = [item(KVP=100)]
        shared.CTReconstructionSequence = [item(ConvolutionKernel="B30f")]
        shared.CTAcquisitionDetailsSequence = [item(GantryDetectorTilt=-12.0)]
        (header,) = read_headers(save(dataset, tmp_path / "a.dcm")).headers
        assert [mark(header, name) for name in ("tube voltage", "convolution kernel")] == ["100.0", "B30f"]
        assert header.tilt_degrees == -12

    def test_compressed_frames(self, tmp_path: Path) -> None:
        voxels = stored_voxels((33, 34, 3))
        streams = [j2k(voxels[..., z].T, bits=16) for z in range(3)]
        save_encapsulated(enhanced(voxels), tmp_path / "a.dcm", J2K, streams)
        np.testing.assert_array_equal(read_dicom(tmp_path / "a.dcm").voxels, 2 * voxels.astype(int) - 1000)

    def test_deflated_frames(self, tmp_path: Path) -> None:
        voxels = stored_voxels((3, 4, 2))
        save_as(enhanced(voxels), tmp_path / "a.dcm", DEFLATED)
        np.testing.assert_array_equal(read_dicom(tmp_path / "a.dcm").voxels, 2 * voxels.astype(int) - 1000)


class TestRefused:
    @pytest.fixture
    def dataset(self) -> Dataset:
        return enhanced(stored_voxels((3, 4, 2)))

    @staticmethod
    def fault(dataset: Dataset, folder: Path) -> str:
        """Why no image is found in a file, as the walk tells it."""
        scan = read_headers(save(dataset, folder / "a.dcm"))
        assert scan.headers == ()
        assert scan.others[0].damaged
        return scan.others[0].reason

    @pytest.mark.parametrize(
        ("group", "where", "name"),
        [
            (
                "PlanePositionSequence",
                0,
                r"plane position sequence (0020,9113) with image position (patient) (0020,0032)",
            ),
            ("PlaneOrientationSequence", None, r"plane orientation sequence (0020,9116) with image orientation"),
            ("PixelMeasuresSequence", None, r"pixel measures sequence (0028,9110) with pixel spacing (0028,0030)"),
        ],
    )
    def test_missing_group_is_named(
        self, dataset: Dataset, tmp_path: Path, group: str, where: int | None, name: str
    ) -> None:
        groups = dataset.SharedFunctionalGroupsSequence
        del (groups[0] if where is None else dataset.PerFrameFunctionalGroupsSequence[where])[group]
        fault = self.fault(dataset, tmp_path)
        assert fault.startswith(name)
        assert (
            "must be in the shared (5200,9229) or per-frame (5200,9230) functional groups, got none for frame 1"
            in fault
        )

    def test_group_without_its_value_is_named(self, dataset: Dataset, tmp_path: Path) -> None:
        dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient = None
        assert "plane position sequence (0020,9113)" in self.fault(dataset, tmp_path)
        assert "got none for frame 2" in self.fault(dataset, tmp_path)

    @pytest.mark.parametrize("value", [[1, 2], [1, 2, 3, 4]])
    def test_value_of_another_form_is_named(self, dataset: Dataset, tmp_path: Path, value: list[float]) -> None:
        dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient = value
        fault = self.fault(dataset, tmp_path)
        assert "(0020,9113) must have 3 numbers in image position (patient) (0020,0032), got others in frame 2" in fault

    @pytest.mark.parametrize("frames", [1, 3, 10**6])
    def test_other_number_of_groups_is_named(self, dataset: Dataset, tmp_path: Path, frames: int) -> None:
        dataset.NumberOfFrames = frames
        fault = f"per-frame functional groups (5200,9230) must be as many as frames (0028,0008), {frames}, got 2"
        assert self.fault(dataset, tmp_path).startswith(fault)

    def test_more_items_than_frames_can_need_are_refused_before_they_take_memory(
        self, dataset: Dataset, tmp_path: Path
    ) -> None:
        dataset.PerFrameFunctionalGroupsSequence = [Dataset() for _ in range(1300)]
        path = save_as(dataset, tmp_path / "a.dcm", DEFLATED)
        (other,) = read_headers(path).others
        assert other.reason.startswith("sequences must have the items of 2 frames (0028,0008), got 1304 items")

    def test_missing_groups_are_named(self, dataset: Dataset, tmp_path: Path) -> None:
        del dataset.PerFrameFunctionalGroupsSequence
        assert self.fault(dataset, tmp_path).startswith("per-frame functional groups (5200,9230) must be as many as")

    def test_groups_that_are_no_sequence_are_named(self, dataset: Dataset, tmp_path: Path) -> None:
        dataset.SharedFunctionalGroupsSequence[0].add_new(0x00289110, "LO", "none")
        assert "pixel measures sequence (0028,9110) must be a sequence" in self.fault(dataset, tmp_path)

    def test_frames_of_a_single_frame_class_are_refused_by_name(self, dataset: Dataset, tmp_path: Path) -> None:
        dataset.SOPClassUID = CT_CLASS
        fault = "multi-frame images (0028,0008) must be enhanced CT, MR or PET (0008,0016), got CT Image Storage;"
        assert self.fault(dataset, tmp_path).startswith(fault)

    def test_frames_of_an_unknown_class_are_refused_without_its_text(self) -> None:
        header = Header(path=Path("a.dcm"), transfer_syntax="1.2.840.10008.1.2", sop_class="Doe^Jane", frames=2)
        with pytest.raises(SourceError, match=r"^a\.dcm: .* got unknown; export the series again, as single frames"):
            frame_headers(header)

    @pytest.mark.parametrize("end", ["7", "7.3", "3.1"])
    def test_secondary_captures_and_the_like_are_no_images(self, dataset: Dataset, tmp_path: Path, end: str) -> None:
        dataset.SOPClassUID = f"1.2.840.10008.5.1.4.1.1.{end}"
        scan = read_headers(save(dataset, tmp_path / "a.dcm"))
        assert scan.headers == ()
        assert scan.others[0].reason.startswith("is a multi-frame image without places of its frames")

    def test_file_that_is_no_more_there_raises(self, dataset: Dataset, tmp_path: Path) -> None:
        header = read_headers(save(dataset, tmp_path / "a.dcm")).headers[0]
        header.path.unlink()
        with pytest.raises(SourceError, match=r"a\.dcm: elements before the pixels must be readable, got FileNotFound"):
            frame_headers(header)
