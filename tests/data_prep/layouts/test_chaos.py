from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from data_prep.choose_layout import choose_layout
from medseg.errors import UsageError
from medseg.io.scans import ScanChoices
from tests.data_prep.layouts.trees import cases_of, errors_of, find, refusals, touch, uid, warnings_of, write_patient
from tests.data_prep.raw_folders import save
from tests.medseg.io.dicom.writer import MR_CLASS


def make(root: Path, *patients: str) -> Path:
    """Patients with three slices each, on which the liver covers 1, 2 and 3 columns."""
    for number, patient in enumerate(patients, 1):
        write_patient(root / patient / "DICOM_anon", number, PatientID="")
        for z in range(3):
            rows = np.zeros((4, 5), dtype=np.uint8)
            rows[:, : z + 1] = 255
            save(root / patient / "Ground" / f"liver_GT_00{z}.png", rows)
    return root


class TestCases:
    def test_each_patient_is_a_case(self, tmp_path: Path) -> None:
        make(tmp_path, "10", "9")
        assert choose_layout(tmp_path).name == "chaos"
        assert [*cases_of(tmp_path).items()] == [
            (
                patient,
                (
                    ", ".join(f"{patient}/DICOM_anon/00{z}.dcm" for z in range(3)),
                    ", ".join(f"{patient}/Ground/liver_GT_00{z}.png" for z in range(3)),
                ),
            )
            for patient in ("9", "10")
        ]

    def test_folder_may_be_the_patients(self, tmp_path: Path) -> None:
        assert [*cases_of(make(tmp_path, "."))] == [tmp_path.name]

    def test_whole_set_is_searched(self, tmp_path: Path) -> None:
        make(tmp_path, "Train_Sets/CT/1", "Train_Sets/CT/2")
        assert [*cases_of(tmp_path)] == ["Train_Sets/CT/1", "Train_Sets/CT/2"]

    def test_patients_of_the_test_set_have_no_label(self, tmp_path: Path) -> None:
        shutil.rmtree(make(tmp_path, "Train_Sets/CT/1", "Test_Sets/CT/3") / "Test_Sets/CT/3/Ground")
        assert cases_of(tmp_path)["Test_Sets/CT/3"][1] == ""
        assert warnings_of(tmp_path) == ["cases without label: Test_Sets/CT/3"]

    def test_mr_sets_are_set_aside(self, tmp_path: Path) -> None:
        make(tmp_path, "Train_Sets/CT/1", "Train_Sets/MR/1/T2SPIR")
        assert [*cases_of(tmp_path)] == ["Train_Sets/CT/1"]
        assert warnings_of(tmp_path) == ["MR sets set aside: Train_Sets/MR/1/T2SPIR"]
        assert tmp_path / "Train_Sets/MR/1/T2SPIR/Ground/liver_GT_000.png" in find(tmp_path).used

    def test_scans_are_ct_and_a_group_each(self, tmp_path: Path) -> None:
        found = find(make(tmp_path, "1", "2"))
        assert found.modality == "CT"
        assert [case.group for case in found.cases] == ["1", "2"]

    def test_masks_pair_with_slices_by_name(self, tmp_path: Path) -> None:
        (case,) = find(make(tmp_path, "1")).cases
        assert case.label is not None
        image = case.image.read(ScanChoices(), None)
        mask = case.label.read(case.image, image, None, ScanChoices()).mask
        assert mask.sum(axis=(0, 1)).tolist() == [4, 8, 12]
        assert mask[0].all()


class TestSeries:
    def make(self, root: Path) -> Path:
        write_patient(make(root, "1", "2") / "1" / "DICOM_anon" / "more", 1, series=11, PatientID="")[2].unlink()
        return root

    def test_several_are_refused(self, tmp_path: Path) -> None:
        assert refusals(self.make(tmp_path)) == {
            "1": (
                f"1/DICOM_anon [{uid(1)} (3 images), {uid(11)} (2 images)]",
                "must hold one series, got 2; choose with --series UID|largest|all",
            )
        }

    def test_largest(self, tmp_path: Path) -> None:
        assert refusals(self.make(tmp_path), series="largest") == {}

    def test_masks_cannot_be_of_all(self, tmp_path: Path) -> None:
        assert refusals(self.make(tmp_path), series="all") == {
            "1": ("1/DICOM_anon", "masks must belong to one series, got 2; choose with --series UID|largest")
        }

    def test_uid_sets_other_patients_aside(self, tmp_path: Path) -> None:
        assert [*cases_of(self.make(tmp_path), series=uid(1))] == ["1"]
        assert warnings_of(tmp_path, series=uid(1)) == ["folders without a series that was chosen set aside: 2"]

    def test_unknown_uid_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"--series must be only, largest, all or a UID of .*, got '1\.9'"):
            find(make(tmp_path, "1"), series="1.9")


class TestErrors:
    def test_no_patient(self, tmp_path: Path) -> None:
        assert errors_of(tmp_path, "chaos") == [
            f"{tmp_path}: must hold patients' folders with DICOM_anon and Ground, got none"
        ]

    def test_folder_of_masks_is_empty(self, tmp_path: Path) -> None:
        for path in (make(tmp_path, "1", "2") / "1" / "Ground").iterdir():
            path.unlink()
        assert errors_of(tmp_path) == ["1/Ground: must hold a PNG mask for each slice, got none; copy them again"]

    def test_nobody_has_masks(self, tmp_path: Path) -> None:
        shutil.rmtree(make(tmp_path, "1") / "1" / "Ground")
        assert errors_of(tmp_path, "chaos") == [f"{tmp_path}: CHAOS CT patients must have masks, got none for any of 1"]

    def test_folder_of_images_is_empty(self, tmp_path: Path) -> None:
        for path in (make(tmp_path, "1", "2") / "1" / "DICOM_anon").iterdir():
            path.unlink()
        assert refusals(tmp_path) == {"1": ("1/DICOM_anon", "must hold DICOM images, got none")}

    def test_damaged_file(self, tmp_path: Path) -> None:
        (make(tmp_path, "1", "2") / "1" / "DICOM_anon" / "001.dcm").write_bytes(bytes(1000))
        fault = "begins with zeros only; an image may be missing, replace or remove the file"
        assert refusals(tmp_path) == {"1": ("1/DICOM_anon/001.dcm", fault)}

    def test_empty_file_is_a_warning(self, tmp_path: Path) -> None:
        touch(make(tmp_path, "1"), "1/DICOM_anon/x.dcm")
        assert warnings_of(tmp_path) == ["1/DICOM_anon/x.dcm: is empty; an image may be missing"]

    def test_series_are_of_another_modality(self, tmp_path: Path) -> None:
        write_patient(make(tmp_path, "1") / "1" / "DICOM_anon", 1, Modality="MR", SOPClassUID=MR_CLASS)
        assert errors_of(tmp_path) == [
            f"{tmp_path}: CHAOS CT series must be CT, got MR (0008,0060); choose another --layout"
        ]
