from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from data_prep.phantom.acquisition import plan
from data_prep.phantom.scanner import Scanner
from tests.data_prep.phantom.reading import images, nifti_truth, sitk_volume, write_small
from tests.dicom_validator import validator_errors


def _scanner(patient: int) -> Scanner:
    """The scan that the shared phantom was written from."""
    return Scanner(*plan(patient, slices=8, size_px=48, seed=5, identity="5/8/48"))


class TestValidator:
    def test_every_file_is_valid(self, patients: tuple[Path, ...]) -> None:
        files = [path for patient in patients for path in patient.rglob("*.dcm")]
        assert len(files) == 6 * 8 + 6
        assert {str(path): validator_errors(path) for path in files if validator_errors(path)} == {}

    @pytest.mark.parametrize(
        "fault",
        ["tilt", "enhanced-multiframe", "compressed", "localizer", "secondary-capture", "padding", "two-acquisitions"],
    )
    def test_what_is_unusual_but_legal_is_valid(self, fault: str, tmp_path: Path) -> None:
        write_small(tmp_path, fault)
        files = list(tmp_path.rglob("*.dcm"))
        assert files
        assert [error for path in files for error in validator_errors(path)] == []

    def test_it_finds_what_is_wrong(self, tmp_path: Path) -> None:
        write_small(tmp_path, "no-rescale")
        errors = validator_errors(next((tmp_path / "PHANTOM-01" / "ct").glob("*.dcm")))
        assert any("RescaleIntercept" in error for error in errors)


class TestPixels:
    @pytest.mark.parametrize("patient", range(1, 7))
    def test_simpleitk_reads_the_hu_that_were_scanned(self, patients: tuple[Path, ...], patient: int) -> None:
        hu, affine = sitk_volume(patients[patient - 1])
        scanner = _scanner(patient)
        assert hu.shape[2] == len(scanner.acquisition.planes)
        for plane in scanner.acquisition.planes:
            column, row, index = np.linalg.solve(affine, (*plane.position_mm, 1))[:3]
            assert (round(column), round(row)) == (0, 0)
            expected = np.maximum(scanner.image(plane), scanner.acquisition.intercept_hu or -1024)
            np.testing.assert_array_equal(hu[:, :, round(index)], expected)

    @pytest.mark.parametrize("patient", range(1, 7))
    def test_simpleitk_sees_the_grid_of_the_nifti_truth(self, patients: tuple[Path, ...], patient: int) -> None:
        hu, affine = sitk_volume(patients[patient - 1])
        liver, expected = nifti_truth(patients[patient - 1])
        assert liver.shape == hu.shape
        np.testing.assert_allclose(affine, expected, atol=1e-3)

    def test_pydicom_reads_the_same_pixels(self, patients: tuple[Path, ...]) -> None:
        for patient in patients:
            hu, _ = sitk_volume(patient)
            stack = np.stack(
                [
                    dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
                    for dataset in images(patient)
                ]
            )
            assert stack.min() == hu.min()
            assert stack.max() == hu.max()
            assert stack.sum() == hu.sum(dtype=np.int64)


class TestTags:
    def test_file_meta_information_agrees_with_the_image(self, patients: tuple[Path, ...]) -> None:
        for dataset in (image for patient in patients for image in images(patient)):
            assert dataset.preamble == bytes(128)
            assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
            assert dataset.file_meta.MediaStorageSOPClassUID == dataset.SOPClassUID == pydicom.uid.CTImageStorage

    def test_uids_are_shared_where_they_should_and_nowhere_else(self, patients: tuple[Path, ...]) -> None:
        every = [image for patient in patients for image in images(patient)]
        assert len({image.SOPInstanceUID for image in every}) == len(every)
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PatientID"):
            assert len({image[keyword].value for image in every}) == 6
        assert all(pydicom.uid.UID(image.SOPInstanceUID).is_valid for image in every)

    def test_patients_are_named_by_number(self, patients: tuple[Path, ...]) -> None:
        assert [images(patient)[0].PatientID for patient in patients] == [
            f"PHANTOM-0{number}" for number in range(1, 7)
        ]

    def test_file_names_of_one_patient_mean_nothing(self, patients: tuple[Path, ...]) -> None:
        names = [sorted(path.stem for path in (patient / "ct").iterdir()) for patient in patients]
        meaningless = [patient for patient in names if not any(name.startswith("IM") for name in patient)]
        assert len(meaningless) == 1

    def test_one_patient_is_in_implicit_vr(self, patients: tuple[Path, ...]) -> None:
        syntaxes = [images(patient)[0].file_meta.TransferSyntaxUID for patient in patients]
        assert syntaxes.count(pydicom.uid.ImplicitVRLittleEndian) == 1
        assert syntaxes.count(pydicom.uid.ExplicitVRLittleEndian) == 5
