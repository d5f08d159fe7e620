from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_prep.choose_layout import choose_layout
from medseg.io.scans import ScanChoices
from tests.data_prep.layouts.trees import SIZE, cases_of, errors_of, find, touch, warnings_of, write_patient
from tests.medseg.io.dicom.writer import write_series


def mask(columns: int) -> np.ndarray:
    """``(x, y, z)``: the first columns are 255."""
    voxels = np.zeros(SIZE, dtype=np.uint8)
    voxels[:columns] = 255
    return voxels


def make(root: Path, *patients: str) -> Path:
    """Patients with a liver of two columns and a tumor of one."""
    for number, patient in enumerate(patients, 1):
        write_patient(root / patient / "PATIENT_DICOM", number, PatientID="", name="image_{}".format)
        for structure, columns in (("liver", 2), ("livertumor", 1)):
            write_series(root / patient / "MASKS_DICOM" / structure, mask(columns), name="image_{}".format)
        touch(root / patient, "LABELLED_DICOM/image_0", "MESHES_VTK/liver.vtk")
    return root


class TestCases:
    def test_each_patient_is_a_case(self, tmp_path: Path) -> None:
        make(tmp_path, "3Dircadb1.10", "3Dircadb1.9")
        assert choose_layout(tmp_path).name == "ircadb"
        first = "3Dircadb1.9"
        assert [*cases_of(tmp_path)] == [first, "3Dircadb1.10"]
        assert cases_of(tmp_path)[first] == (
            ", ".join(f"{first}/PATIENT_DICOM/image_{z}" for z in range(3)),
            ", ".join(f"{first}/MASKS_DICOM/liver/image_{z}" for z in range(3)) + " and 3 more",
        )

    def test_folder_may_be_the_patients(self, tmp_path: Path) -> None:
        assert [*cases_of(make(tmp_path, "."))] == [tmp_path.name]

    def test_scans_are_ct_and_a_group_each_and_all_files_are_known(self, tmp_path: Path) -> None:
        found = find(make(tmp_path, "1", "2"))
        assert found.modality == "CT"
        assert [case.group for case in found.cases] == ["1", "2"]
        assert found.used == {path for path in tmp_path.rglob("*") if path.is_file()}
        assert found.warnings == ()

    @pytest.mark.parametrize(("foreground", "columns"), [("liver", 2), ("livertumor", 1)])
    def test_structures_are_classes(self, tmp_path: Path, foreground: str, columns: int) -> None:
        (case,) = find(make(tmp_path, "1")).cases
        assert case.label is not None
        image = case.image.read(ScanChoices(), None)
        found = case.label.read(case.image, image, [foreground], ScanChoices())
        np.testing.assert_array_equal(found.mask, mask(columns) // 255)

    def test_archive_may_be_unpacked_into_a_folder_of_its_own_name(self, tmp_path: Path) -> None:
        home = make(tmp_path, "1") / "1" / "MASKS_DICOM"
        home.rename(tmp_path / "1" / "inner")
        home.mkdir()
        (tmp_path / "1" / "inner").rename(home / "MASKS_DICOM")
        touch(tmp_path, "1/MASKS_DICOM.zip")
        assert cases_of(tmp_path)["1"][1].startswith("1/MASKS_DICOM/MASKS_DICOM/liver/image_0")

    def test_patient_without_masks_has_no_label(self, tmp_path: Path) -> None:
        write_patient(make(tmp_path, "1") / "2" / "PATIENT_DICOM", 2)
        assert cases_of(tmp_path)["2"][1] == ""
        assert warnings_of(tmp_path) == ["cases without label: 2"]


class TestErrors:
    @pytest.mark.parametrize("packed", ["PATIENT_DICOM", "MASKS_DICOM"])
    def test_archive_is_packed(self, tmp_path: Path, packed: str) -> None:
        (make(tmp_path, "1", "2") / "1" / packed).rename(tmp_path / "unpacked")
        touch(tmp_path, f"1/{packed}.zip")
        assert choose_layout(tmp_path).name == "ircadb"
        assert errors_of(tmp_path) == [
            f"1/{packed}.zip: must be unpacked, got the archive alone; unzip it in its folder"
        ]

    def test_no_patient(self, tmp_path: Path) -> None:
        assert errors_of(tmp_path, "ircadb") == [
            f"{tmp_path}: must hold patients' folders with PATIENT_DICOM and MASKS_DICOM, got none"
        ]

    def test_nobody_has_masks(self, tmp_path: Path) -> None:
        write_patient(tmp_path / "1" / "PATIENT_DICOM", 1)
        assert errors_of(tmp_path) == [f"{tmp_path}: 3D-IRCADb patients must have masks, got none for any of 1"]
