"""The real data sets, each in its own layout; facts are those their makers or their files state."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.choose_layout import choose_layout
from data_prep.image_sources import DicomSeries
from tests.data_prep.layouts.trees import cases_of, errors_of, find, refusals, warnings_of

pytestmark = pytest.mark.realdata


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("liver400", "mask-suffix"),
        ("isbi2012", "folder-pairs"),
        ("dsb2018", "object-masks"),
        ("chaos_ct", "chaos"),
        ("ct_j2k", "dicom-tree"),
        ("ct_seg", "dicom-tree"),
        ("dicom_codecs", "dicom-tree"),
        ("dicom_faults", "dicom-tree"),
    ],
)
def test_layout_is_recognised(shared_data: Path, name: str, layout: str) -> None:
    assert choose_layout(shared_data / name).name == layout


def test_chaos_is_one_patient(shared_data: Path) -> None:
    (case,) = find(shared_data / "chaos_ct").cases
    assert case.label is not None
    assert (len(case.image.paths), len(case.label.paths)) == (78, 78)


def test_empty_uids_leave_one_series_with_the_label_map(shared_data: Path) -> None:
    root = shared_data / "ct_j2k"
    (case,) = find(root).cases
    assert isinstance(case.image, DicomSeries)
    assert len(case.image.paths) == 20
    assert cases_of(root)["ct_j2k"][1] == "labels.nii.gz"
    assert case.group == "ct_j2k"


def test_segmentation_and_label_map_need_a_choice(shared_data: Path) -> None:
    root = shared_data / "ct_seg"
    assert errors_of(root) == [
        f"{root}: a case must have one kind of label, got seg (liver.dcm) and files (liver_seg.nrrd) in ct_seg and"
        " several in 1 of 1 cases; choose with --labels files|seg|rtstruct|png"
    ]
    images = "03.dcm, 02.dcm, 01.dcm"  # from the feet up
    assert cases_of(root, labels="seg") == {"ct_seg": (images, "seg/liver.dcm")}
    assert cases_of(root, labels="files") == {"ct_seg": (images, "seg/liver_seg.nrrd")}


def test_codecs_are_two_volumes_of_one_uid(shared_data: Path) -> None:
    root = shared_data / "dicom_codecs"
    ((where, fault),) = refusals(root).values()
    assert where.startswith(f"{root} [")
    assert "(10 images)" in where
    assert "(6 images)" in where
    assert fault == (
        "must hold one series, got 2, one series UID (0020,000e) being parted by image type (0008,0008); choose with"
        " --series UID|largest|all"
    )


class TestFaults:
    def test_two_modalities_need_a_choice(self, shared_data: Path) -> None:
        root = shared_data / "dicom_faults"
        assert errors_of(root) == [
            f"{root}: series must have one modality (0008,0060), got 3 of CT, 3 of MR; choose with --modality"
        ]

    def test_all_folders_are_one_patient_by_id(self, shared_data: Path) -> None:
        root = shared_data / "dicom_faults"
        assert [*cases_of(root, modality="CT")] == ["gantrytilting", "notavolume", "sliceincrement"]
        assert {case.group for case in find(root, modality="CT").cases} == {"id:dicom2nifti"}
        assert warnings_of(root, modality="CT")[0].startswith("all 5 folders have the same Patient ID (0010,0020)")

    def test_two_orientations_are_refused(self, shared_data: Path) -> None:
        ((_, fault),) = refusals(shared_data / "dicom_faults", modality="MR").values()
        assert fault == (
            "must hold one series, got 2, one series UID (0020,000e) being parted by orientation (0020,0037), pixel"
            " spacing (0028,0030); choose with --series UID|largest|all"
        )
