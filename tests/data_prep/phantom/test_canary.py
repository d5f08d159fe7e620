from __future__ import annotations

from pathlib import Path

import nibabel as nib
import pydicom
import pytest
from pydicom.dataset import Dataset

from data_prep.phantom.canary import CANARY, CANARY_DATE, CANARY_TIME
from tests.data_prep.phantom.reading import write_small

# Tags that identify a patient (PS3.15 table E.1-1), of several kinds.
IDENTIFYING = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientAddress", "OtherPatientNames", "EthnicGroup", "Occupation",
    "PatientComments", "PatientTelephoneNumbers", "InstitutionName", "InstitutionAddress", "ReferringPhysicianName",
    "OperatorsName", "StationName", "DeviceSerialNumber", "AccessionNumber", "StudyID", "StudyDate", "SeriesTime",
    "StudyDescription", "SeriesDescription", "ProtocolName", "ImageComments", "AdmissionID",
)  # fmt: skip


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patient whose every text is a canary."""
    return write_small(tmp_path_factory.mktemp("canary"), "canary", slices=5).folders[0]


@pytest.fixture(scope="module")
def datasets(patient: Path) -> list[Dataset]:
    """All DICOM files, the segmentation too."""
    return [pydicom.dcmread(path) for path in patient.rglob("*.dcm")]


class TestCanary:
    def test_every_name_of_file_and_folder_holds_it(self, patient: Path) -> None:
        paths = list(patient.rglob("*"))
        assert len(paths) == 5 + 1 + 1 + 2
        assert all(CANARY in path.name for path in (patient, *paths))

    @pytest.mark.parametrize("keyword", IDENTIFYING)
    def test_identifying_tags_hold_it(self, datasets: list[Dataset], keyword: str) -> None:
        assert len(datasets) == 6
        for dataset in datasets:
            assert any(canary in str(dataset[keyword].value) for canary in (CANARY, CANARY_DATE, CANARY_TIME))

    def test_no_other_text_date_or_time_is_left(self, datasets: list[Dataset]) -> None:
        coded = {"RescaleType", "CodeValue", "CodingSchemeDesignator"}
        seen = 0
        for dataset in datasets:
            for element in dataset.iterall():
                if element.VR in {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", "DA", "TM", "DT"}:
                    seen += 1
                    shown = str(element.value)
                    assert element.keyword in coded or CANARY in shown or CANARY_DATE in shown or shown == CANARY_TIME
        assert seen > 6 * 100

    def test_private_tags_and_file_meta_information_hold_it(self, datasets: list[Dataset]) -> None:
        for dataset in datasets:
            block = dataset.private_block(0x0009, CANARY)
            assert block[0x01].value == CANARY
            assert CANARY.encode() in block[0x02].value
            assert dataset.file_meta.SourceApplicationEntityTitle == CANARY

    def test_nifti_header_holds_it(self, patient: Path) -> None:
        header = nib.load(next(patient.glob("*.nii.gz"))).header
        for name in ("descrip", "aux_file", "intent_name", "db_name"):
            assert bytes(header[name]).startswith(CANARY.encode()), name

    def test_pixels_and_truth_are_those_of_the_patient_without_it(self, patient: Path, tmp_path: Path) -> None:
        plain = write_small(tmp_path, slices=5).folders[0]
        for path in plain.glob("ct/*.dcm"):
            twin = pydicom.dcmread(patient / f"{CANARY}-ct" / f"{CANARY}-{path.name}")
            assert twin.PixelData == pydicom.dcmread(path).PixelData
        liver = nib.load(next(patient.glob("*.nii.gz")))
        assert (liver.get_fdata() == nib.load(plain / "liver.nii.gz").get_fdata()).all()
        seg = pydicom.dcmread(patient / f"{CANARY}-seg" / f"{CANARY}-liver.dcm")
        assert seg.PixelData == pydicom.dcmread(plain / "seg" / "liver.dcm").PixelData

    def test_patients_segments_and_codes_stay_apart_by_what_follows_it(self, datasets: list[Dataset]) -> None:
        assert {dataset.PatientID for dataset in datasets} == {f"{CANARY} PHANTOM-01"}
        (segment,) = next(dataset for dataset in datasets if "SegmentSequence" in dataset).SegmentSequence
        assert segment.SegmentLabel == f"{CANARY} Liver"
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == f"{CANARY} Liver"

    def test_codes_that_were_not_there_hold_it(self, datasets: list[Dataset]) -> None:
        for dataset in datasets:
            codes = {element.keyword: element.value for element in dataset if element.VR == "CS"}
            assert sum(value == CANARY for value in codes.values()) > 20
            assert codes["Modality"] in ("CT", "SEG")
