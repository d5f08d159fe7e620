from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_prep.choose_layout import choose_layout
from medseg.errors import SourceError, UsageError
from medseg.io.scans import ScanChoices
from tests.data_prep.layouts.trees import (
    cases_of,
    errors_of,
    find,
    refusals,
    touch,
    uid,
    warnings_of,
    write_patient,
    write_rtstruct,
    write_seg,
)
from tests.medseg.io.dicom.writer import MR_CLASS, save, slice_dataset, stored_voxels

LAYOUT = "dicom-tree"
LABEL_MAPS = "label maps called after a case's folder (p1.nii.gz, p1_label.nii.gz) or alone in it"


def make(root: Path, *numbers: int) -> Path:
    """Patients ``p1``, ``p2`` ... with images in ``ct`` and ``labels/p1.nii.gz`` ..."""
    for number in numbers:
        write_patient(root / "dicom" / f"p{number}" / "ct", number)
        touch(root, f"labels/p{number}.nii.gz")
    return root


def images(folder: str) -> str:
    return ", ".join(f"{folder}/00{number}.dcm" for number in range(3))


class TestDetect:
    def test_dicom_images_by_any_name_fit(self, tmp_path: Path) -> None:
        write_patient(tmp_path / "a" / "b", 1, name="I{}".format)
        touch(tmp_path, "a/readme.txt", "a/label.nii.gz")
        assert choose_layout(tmp_path).name == LAYOUT

    def test_damaged_files_fit_by_their_suffix(self, tmp_path: Path) -> None:
        file = write_patient(tmp_path, 1)[0]
        for other in tmp_path.iterdir():
            other.write_bytes(file.read_bytes()[:200])
        assert choose_layout(tmp_path).name == LAYOUT
        (error,) = errors_of(tmp_path)
        assert error.startswith(f"{tmp_path}: must hold DICOM images, got 3 files, of which 3 as 000.dcm ")

    def test_label_alone_does_not_fit(self, tmp_path: Path) -> None:
        write_seg(tmp_path / "seg.dcm", 1)
        with pytest.raises(UsageError, match=r"must have a known layout, got 1 x \.dcm"):
            choose_layout(tmp_path)

    def test_named_layout_needs_images(self, tmp_path: Path) -> None:
        assert errors_of(tmp_path, LAYOUT) == [f"{tmp_path}: must hold DICOM images, got no files"]


class TestLabelMaps:
    def test_label_is_called_after_the_case(self, tmp_path: Path) -> None:
        make(tmp_path, 9, 10)
        assert [*cases_of(tmp_path).items()] == [
            (f"p{number}", (images(f"dicom/p{number}/ct"), f"labels/p{number}.nii.gz")) for number in (9, 10)
        ]

    @pytest.mark.parametrize("name", ["p1_label.nrrd", "P1_seg.nii", "a/b/p1_mask.mha", "dicom/p2/p1-seg.nii.gz"])
    def test_label_may_have_a_suffix_and_be_anywhere(self, tmp_path: Path, name: str) -> None:
        shutil.rmtree(make(tmp_path, 1, 2) / "labels")
        touch(tmp_path, name, "p2.nii")
        assert {case: label for case, (_, label) in cases_of(tmp_path).items()} == {"p1": name, "p2": "p2.nii"}

    @pytest.mark.parametrize(
        ("files", "label"),
        [
            (["liver.nii.gz"], "liver.nii.gz"),
            (["ct.nii.gz", "labels/liver_seg.nii.gz"], "labels/liver_seg.nii.gz"),
            (["label.hdr", "label.img"], "label.hdr"),
        ],
    )
    def test_label_may_be_alone_in_the_cases_folder(self, tmp_path: Path, files: list[str], label: str) -> None:
        for number in (1, 2):
            write_patient(tmp_path / f"p{number}" / "ct", number)
            touch(tmp_path / f"p{number}", *files)
        assert {case: found for case, (_, found) in cases_of(tmp_path).items()} == {
            "p1": f"p1/{label}",
            "p2": f"p2/{label}",
        }

    def test_one_patient_is_the_folder_itself(self, tmp_path: Path) -> None:
        write_patient(tmp_path / "dicom", 1)
        touch(tmp_path, "labels.nii.gz")
        assert cases_of(tmp_path) == {tmp_path.name: (images("dicom"), "labels.nii.gz")}

    def test_parts_of_a_name_tell_labels_of_one_name_apart(self, tmp_path: Path) -> None:
        for number, case in enumerate(("train/1", "train/2", "val/1", "val/2"), 1):
            write_patient(tmp_path / "dicom" / case, number)
            touch(tmp_path, f"labels/{case}.nii.gz")
        found = cases_of(tmp_path)
        assert {case: label for case, (_, label) in found.items()} == {case: f"labels/{case}.nii.gz" for case in found}

    def test_series_of_one_patient_have_labels_called_after_their_folders(self, tmp_path: Path) -> None:
        for phase, series in (("art", 11), ("ven", 12)):
            write_patient(tmp_path / phase, 1, series=series)
            touch(tmp_path, f"{phase}_seg.nii.gz")
        name = tmp_path.name
        assert cases_of(tmp_path, series="all") == {
            f"{name}/1": (images("art"), "art_seg.nii.gz"),
            f"{name}/2": (images("ven"), "ven_seg.nii.gz"),
        }

    def test_two_labels_of_a_case(self, tmp_path: Path) -> None:
        touch(make(tmp_path, 1, 2), "more/p1_seg.nii.gz")
        assert refusals(tmp_path) == {
            "p1": (
                "dicom/p1 [p1.nii.gz, p1_seg.nii.gz]",
                "series must have one label map, got 2; move all but one away, or join them",
            )
        }

    def test_label_of_two_cases(self, tmp_path: Path) -> None:
        for number in (1, 2):
            write_patient(tmp_path / f"p{number}", number)
        touch(tmp_path, "p1/p2.nii.gz")
        assert errors_of(tmp_path) == [
            "p1/p2.nii.gz: a label map must belong to one case, got p1, p2; call it after its case's folder"
        ]

    def test_label_that_may_be_of_several_series(self, tmp_path: Path) -> None:
        for series in (11, 12):
            write_patient(tmp_path / "ct", 1, series=series, name=f"{series}-{{}}".format)
        touch(tmp_path, "liver.nii.gz")
        fault = "a label map must belong to one series, got 2; choose with --series UID|largest"
        where = f"{tmp_path} [liver.nii.gz]"
        assert refusals(tmp_path, series="all") == {f"{tmp_path.name}/{n}": (where, fault) for n in (1, 2)}


class TestReferringLabels:
    def test_label_belongs_to_its_series_wherever_it_is(self, tmp_path: Path) -> None:
        for number in (1, 2):
            write_patient(tmp_path / f"p{number}", number)
        write_seg(tmp_path / "p2" / "seg.dcm", 1)
        write_seg(tmp_path / "other" / "x", 2)
        assert {case: label for case, (_, label) in cases_of(tmp_path).items()} == {
            "p1": "p2/seg.dcm",
            "p2": "other/x",
        }

    def test_structure_set_belongs_to_its_series(self, tmp_path: Path) -> None:
        write_patient(tmp_path / "p1" / "ct", 1)
        write_rtstruct(tmp_path / "p1" / "rt" / "1", 1)
        assert cases_of(tmp_path) == {tmp_path.name: (images("p1/ct"), "p1/rt/1")}

    def test_label_that_refers_to_nothing_belongs_to_its_folder(self, tmp_path: Path) -> None:
        for number in (1, 2):
            write_patient(tmp_path / f"p{number}" / "ct", number, SeriesInstanceUID="")
            write_seg(tmp_path / f"p{number}" / "seg.dcm")
        assert {case: label for case, (_, label) in cases_of(tmp_path).items()} == {
            "p1": "p1/seg.dcm",
            "p2": "p2/seg.dcm",
        }

    def test_label_of_a_series_that_is_not_here(self, tmp_path: Path) -> None:
        write_seg(make(tmp_path, 1, 2) / "dicom" / "p1" / "seg.dcm", 7)
        assert warnings_of(tmp_path) == [
            "DICOM SEG or RTSTRUCT files that belong to no series that was taken: dicom/p1/seg.dcm"
        ]

    def test_series_that_lost_its_uid_has_the_label_of_its_folder(self, tmp_path: Path) -> None:
        write_patient(tmp_path / "p1" / "ct", 1, SeriesInstanceUID="")
        write_patient(tmp_path / "p2" / "ct", 2)
        write_seg(tmp_path / "p1" / "a.dcm", 7)
        write_seg(tmp_path / "p1" / "b.dcm", 2)
        assert {case: label for case, (_, label) in cases_of(tmp_path).items()} == {
            "p1": "p1/a.dcm",
            "p2": "p1/b.dcm",
        }

    def test_no_label_refers_to_a_series_that_is_here(self, tmp_path: Path) -> None:
        write_patient(tmp_path, 1)
        write_seg(tmp_path / "seg.dcm", 7)
        assert errors_of(tmp_path, labels="seg") == [
            f"{tmp_path}: DICOM series must have labels, got none for any of 1, and seg.dcm that refer to none of them;"
            " looked for DICOM SEG that refer to a series; --labels none prepares them without"
        ]

    def test_labels_of_a_refused_case_are_not_odd(self, tmp_path: Path) -> None:
        for series in (1, 11):
            write_patient(tmp_path / "p1" / str(series), 1, series=series)
            write_seg(tmp_path / f"{series}.dcm", series)
        write_patient(tmp_path / "p2", 2)
        touch(tmp_path, "p1/more.nii", "p2/label.nii")
        assert [*refusals(tmp_path)] == ["p1"]
        assert warnings_of(tmp_path) == []
        assert tmp_path / "p1" / "more.nii" in find(tmp_path).used

    def test_damaged_label_is_told_of_when_its_folders_case_is_read(self, tmp_path: Path) -> None:
        write_patient(tmp_path / "p1", 1)
        file = write_rtstruct(tmp_path / "rt.dcm", 1)
        file.write_bytes(file.read_bytes()[:-30])
        (case,) = find(tmp_path).cases
        assert case.label is not None
        image = case.image.read(ScanChoices(), None)
        with pytest.raises(SourceError, match=r"rt\.dcm: value of \(3006,0010\) must have 84 bytes, got 78"):
            case.label.read(case.image, image, None, ScanChoices())

    def test_damaged_label_of_nobody(self, tmp_path: Path) -> None:
        file = write_rtstruct(make(tmp_path, 1, 2) / "rt.dcm", 1)
        file.write_bytes(file.read_bytes()[:-30])
        assert errors_of(tmp_path) == [
            "rt.dcm: value of (3006,0010) must have 84 bytes, got 78; the file is cut short, export it again; it may be"
            " any series' label"
        ]

    def test_several_labels_of_one_series(self, tmp_path: Path) -> None:
        write_patient(tmp_path, 1)
        for name in ("a.dcm", "b.dcm"):
            write_seg(tmp_path / name, 1)
        assert refusals(tmp_path) == {
            tmp_path.name: (
                f"{tmp_path} [a.dcm, b.dcm]",
                "series must have one DICOM SEG, got 2; move all but one away, or join them",
            )
        }


class TestKindsOfLabels:
    def make(self, root: Path) -> Path:
        write_seg(make(root, 1, 2) / "dicom" / "p1" / "seg.dcm", 1)
        write_rtstruct(root / "dicom" / "p1" / "rt.dcm", 1)
        return root

    def test_several_kinds_need_a_choice(self, tmp_path: Path) -> None:
        assert errors_of(self.make(tmp_path)) == [
            f"{tmp_path}: a case must have one kind of label, got rtstruct (rt.dcm) and seg (seg.dcm) and files"
            " (p1.nii.gz) in p1 and several in 1 of 2 cases; choose with --labels files|seg|rtstruct|png"
        ]

    @pytest.mark.parametrize(
        ("kind", "first", "second"),
        [
            ("files", "labels/p1.nii.gz", "labels/p2.nii.gz"),
            ("seg", "dicom/p1/seg.dcm", ""),
            ("rtstruct", "dicom/p1/rt.dcm", ""),
        ],
    )
    def test_kind_that_was_chosen_counts(self, tmp_path: Path, kind: str, first: str, second: str) -> None:
        found = cases_of(self.make(tmp_path), labels=kind)
        assert {case: label for case, (_, label) in found.items()} == {"p1": first, "p2": second}

    def test_case_without_label_is_kept_with_a_warning(self, tmp_path: Path) -> None:
        assert "cases without label: p2" in warnings_of(self.make(tmp_path), labels="seg")

    def test_no_label_at_all(self, tmp_path: Path) -> None:
        shutil.rmtree(make(tmp_path, 1, 2) / "labels")
        assert errors_of(tmp_path) == [
            f"{tmp_path}: DICOM series must have labels, got none for any of 2; looked for {LABEL_MAPS}; DICOM SEG that"
            " refer to a series; DICOM RTSTRUCT that refer to a series; a folder with a picture for each slice;"
            " --labels none prepares them without"
        ]

    def test_no_label_of_the_kind(self, tmp_path: Path) -> None:
        assert errors_of(make(tmp_path, 1), labels="seg") == [
            f"{tmp_path}: DICOM series must have labels, got none for any of 1; looked for DICOM SEG that refer to a"
            " series; --labels none prepares them without"
        ]

    def test_none_takes_all_without(self, tmp_path: Path) -> None:
        found = cases_of(self.make(tmp_path), labels="none")
        assert {case: label for case, (_, label) in found.items()} == {"p1": "", "p2": ""}
        assert warnings_of(tmp_path, labels="none") == []


class TestPictures:
    def test_folder_with_a_picture_a_slice_is_the_label(self, tmp_path: Path) -> None:
        for number in (1, 2):
            write_patient(tmp_path / f"p{number}" / "ct", number)
        touch(tmp_path, *(f"p1/Ground/{slice}.png" for slice in range(3)), "p1/previews/a.png", "p2/Ground/0.png")
        found = cases_of(tmp_path)
        expected = ", ".join(f"p1/Ground/{slice}.png" for slice in range(3))
        assert {case: label for case, (_, label) in found.items()} == {"p1": expected, "p2": ""}

    def test_beside_a_label_map_needs_a_choice(self, tmp_path: Path) -> None:
        touch(make(tmp_path, 1), *(f"dicom/p1/masks/{slice}.png" for slice in range(3)))
        (error,) = errors_of(tmp_path)
        assert "got files (p1.nii.gz) and png (masks)" in error
        assert cases_of(tmp_path, labels="png") != cases_of(tmp_path, labels="files")

    def test_several_folders_are_refused(self, tmp_path: Path) -> None:
        write_patient(tmp_path / "p1" / "ct", 1)
        touch(tmp_path, *(f"p1/{folder}/{slice}.png" for folder in ("a", "b") for slice in range(3)))
        ((_, fault),) = refusals(tmp_path).values()
        assert fault == "series must have one folder of masks, got 2; move all but one away, or join them"


class TestSeries:
    def make(self, root: Path) -> Path:
        """``p1`` with a series of three images and one of two, and ``p2`` with one."""
        make(root, 1, 2)
        write_patient(root / "dicom" / "p1" / "more", 1, series=11, each=lambda z: {"position_mm": (0, 0, z)})[
            2
        ].unlink()
        return root

    def test_several_are_refused(self, tmp_path: Path) -> None:
        assert refusals(self.make(tmp_path)) == {
            "p1": (
                f"dicom/p1 [{uid(1)} (3 images), {uid(11)} (2 images)]",
                "must hold one series, got 2; choose with --series UID|largest|all",
            )
        }

    def test_largest(self, tmp_path: Path) -> None:
        assert cases_of(self.make(tmp_path), series="largest")["p1"] == (images("dicom/p1/ct"), "labels/p1.nii.gz")

    def test_uid_sets_others_aside(self, tmp_path: Path) -> None:
        found = cases_of(self.make(tmp_path), series=uid(11))
        assert found == {"p1": ("dicom/p1/more/000.dcm, dicom/p1/more/001.dcm", "labels/p1.nii.gz")}
        assert warnings_of(tmp_path, series=uid(11)) == ["folders without a series that was chosen set aside: p2"]

    def test_unknown_uid_raises(self, tmp_path: Path) -> None:
        rule = (
            rf"--series must be only, largest, all or a UID of {tmp_path}, got '1\.9'; there are {uid(1)}, {uid(11)}, "
        )
        with pytest.raises(UsageError, match=rule):
            find(self.make(tmp_path), series="1.9")

    def test_only_one_that_a_label_refers_to_is_taken(self, tmp_path: Path) -> None:
        shutil.rmtree(self.make(tmp_path) / "labels")
        for number, series in ((1, 11), (2, 2)):
            write_seg(tmp_path / f"seg{number}.dcm", series)
        assert cases_of(tmp_path)["p1"] == ("dicom/p1/more/000.dcm, dicom/p1/more/001.dcm", "seg1.dcm")
        assert warnings_of(tmp_path) == ["of several series the only one with a label was taken: p1"]

    def test_all_makes_a_case_of_each_with_a_label(self, tmp_path: Path) -> None:
        shutil.rmtree(self.make(tmp_path) / "labels")
        write_patient(tmp_path / "dicom" / "p1" / "third", 1, series=12)
        for series in (1, 12, 2):
            write_seg(tmp_path / f"seg{series}.dcm", series)
        assert {case: label for case, (_, label) in cases_of(tmp_path, series="all").items()} == {
            "p1/1": "seg1.dcm",
            "p1/3": "seg12.dcm",
            "p2": "seg2.dcm",
        }
        assert warnings_of(tmp_path, series="all") == [
            f"series without label set aside beside those with one: p1 {uid(11)}"
        ]

    def test_localizers_do_not_count(self, tmp_path: Path) -> None:
        make(tmp_path, 1, 2)
        view = slice_dataset(
            stored_voxels()[..., 0], (0, 0, 0), series=9, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]
        )
        view.PatientID = "P1"
        save(view, tmp_path / "dicom" / "p1" / "view.dcm")
        assert cases_of(tmp_path)["p1"][0] == images("dicom/p1/ct")
        assert warnings_of(tmp_path) == ["1 localizer image set aside (0008,0008)"]

    def test_localizers_alone_are_taken(self, tmp_path: Path) -> None:
        write_patient(tmp_path, 1, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
        write_seg(tmp_path / "seg.dcm", 1)
        assert [*cases_of(tmp_path)] == [tmp_path.name]
        assert warnings_of(tmp_path) == []


class TestModality:
    def make(self, root: Path) -> Path:
        write_patient(make(root, 1) / "dicom" / "p2", 2, Modality="MR", SOPClassUID=MR_CLASS)
        return touch(root, "labels/p2.nii.gz")

    def test_files_say(self, tmp_path: Path) -> None:
        assert find(make(tmp_path, 1)).modality == "CT"

    def test_several_need_a_choice(self, tmp_path: Path) -> None:
        assert errors_of(self.make(tmp_path)) == [
            f"{tmp_path}: series must have one modality (0008,0060), got 1 of CT, 1 of MR; choose with --modality"
        ]

    def test_others_than_the_chosen_one_are_set_aside(self, tmp_path: Path) -> None:
        assert [*cases_of(self.make(tmp_path), modality="mr")] == ["p2"]
        assert find(tmp_path, modality="mr").modality == "MR"
        assert warnings_of(tmp_path, modality="mr") == [
            "series of another modality than MR set aside: 1 of CT",
            "folders without a series that was chosen set aside: p1",
        ]

    def test_chosen_one_is_nowhere(self, tmp_path: Path) -> None:
        assert errors_of(self.make(tmp_path), modality="PT") == [
            f"{tmp_path}: must hold series of modality PT (0008,0060), got 1 of CT, 1 of MR; choose another --modality"
        ]

    def test_label_chooses_among_those_of_one_patient(self, tmp_path: Path) -> None:
        write_patient(tmp_path / "ct", 1)
        write_patient(tmp_path / "pt", 1, series=2, Modality="PT", SOPClassUID="1.2.840.10008.5.1.4.1.1.128")
        assert errors_of(tmp_path) == [
            f"{tmp_path}: series must have one modality (0008,0060), got 1 of CT, 1 of PT; choose with --modality"
        ]
        write_seg(tmp_path / "seg.dcm", 1)
        assert cases_of(tmp_path) == {tmp_path.name: (images("ct"), "seg.dcm")}


class TestPatients:
    def test_patient_id_is_the_group(self, tmp_path: Path) -> None:
        assert [case.group for case in find(make(tmp_path, 1, 2)).cases] == ["id:P1", "id:P2"]
        assert warnings_of(tmp_path) == []

    def test_one_id_in_all_folders_is_one_group(self, tmp_path: Path) -> None:
        for number in (1, 2):
            write_patient(tmp_path / f"p{number}", number, PatientID="anonymous")
            touch(tmp_path, f"p{number}.nii")
        assert {case.group for case in find(tmp_path).cases} == {"id:anonymous"}
        assert warnings_of(tmp_path) == [
            "all 2 folders have the same Patient ID (0010,0020), so they count as one patient; give --groups if they"
            " are several"
        ]

    def test_two_patients_in_one_folder(self, tmp_path: Path) -> None:
        write_patient(make(tmp_path, 1, 2) / "dicom" / "p1" / "ct", 3, name="more{}".format)
        (tmp_path / "dicom" / "p1" / "ct").rename(tmp_path / "ct")
        (tmp_path / "dicom" / "p1").rmdir()
        (tmp_path / "ct").rename(tmp_path / "dicom" / "p1")
        assert refusals(tmp_path) == {
            "p1": (
                "dicom/p1",
                "must hold images of one patient, got 2 different patient IDs (0010,0020); give each patient a folder",
            )
        }

    def test_patients_flat_in_one_folder(self, tmp_path: Path) -> None:
        for number in (1, 2):
            write_patient(tmp_path / "dump", number, name=f"{number}-{{}}".format)
        write_seg(tmp_path / "seg1", 1)
        touch(tmp_path, "labels/P2.nii")
        assert {case: label for case, (_, label) in cases_of(tmp_path).items()} == {"P1": "seg1", "P2": "labels/P2.nii"}
        assert warnings_of(tmp_path) == ["patients share a folder, so each Patient ID (0010,0020) is a case: P1, P2"]

    def test_folders_that_share_a_series(self, tmp_path: Path) -> None:
        files = write_patient(make(tmp_path, 1, 2) / "dicom" / "a", 3)
        (tmp_path / "dicom" / "b").mkdir()
        files[2].rename(tmp_path / "dicom" / "b" / "002.dcm")
        write_seg(tmp_path / "seg.dcm", 3)
        assert cases_of(tmp_path)["a+b"] == ("dicom/a/000.dcm, dicom/a/001.dcm, dicom/b/002.dcm", "seg.dcm")
        assert warnings_of(tmp_path) == ["folders that share a series were taken as one case: a+b"]


class TestDamagedFiles:
    @pytest.mark.parametrize("place", ["p1/ct/001.dcm", "p1/ct/x.dcm", "p1/x/y.dcm"])
    def test_one_in_the_folder_of_a_case_refuses_it(self, tmp_path: Path, place: str) -> None:
        file = make(tmp_path, 1, 2) / "dicom" / place
        file.parent.mkdir(exist_ok=True)
        file.write_bytes((tmp_path / "dicom" / "p2" / "ct" / "001.dcm").read_bytes()[:300])
        ((case, (where, fault)),) = refusals(tmp_path).items()
        assert (case, where) == ("p1", f"dicom/{place}")
        assert fault.endswith("; an image may be missing, replace or remove the file")

    def test_several_are_counted(self, tmp_path: Path) -> None:
        for file in (make(tmp_path, 1, 2) / "dicom" / "p1" / "ct").iterdir():
            if file.name != "000.dcm":
                file.write_bytes(bytes(1000))
        assert refusals(tmp_path) == {
            "p1": (
                "dicom/p1/ct/001.dcm",
                "begins with zeros only and 1 more like it; an image may be missing, replace or remove the file",
            )
        }

    def test_one_beside_the_images_of_several_patients_refuses_all(self, tmp_path: Path) -> None:
        for number in (1, 2):
            write_patient(tmp_path, number, name=f"{number}-{{}}".format)
        (tmp_path / "x.dcm").write_bytes(bytes(1000))
        assert [*refusals(tmp_path)] == ["P1", "P2"]

    def test_one_elsewhere_is_a_warning(self, tmp_path: Path) -> None:
        (make(tmp_path, 1, 2) / "labels" / "x.dcm").write_bytes(bytes(1000))
        assert warnings_of(tmp_path) == ["labels/x.dcm: begins with zeros only; an image may be missing"]

    def test_empty_file_is_a_warning(self, tmp_path: Path) -> None:
        touch(make(tmp_path, 1, 2), "dicom/p1/ct/x.dcm")
        assert warnings_of(tmp_path) == ["dicom/p1/ct/x.dcm: is empty; an image may be missing"]
        assert tmp_path / "dicom" / "p1" / "ct" / "x.dcm" in find(tmp_path).used

    def test_objects_of_other_kinds_are_a_warning(self, tmp_path: Path) -> None:
        report = slice_dataset(stored_voxels()[..., 0], (0, 0, 0), SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
        del report.PixelData
        save(report, make(tmp_path, 1, 2) / "dicom" / "p1" / "report")
        assert warnings_of(tmp_path) == [
            "dicom/p1/report: is a DICOM object but no image (Basic Text SR Storage) and was set aside"
        ]

    def test_hidden_files_do_not_count(self, tmp_path: Path) -> None:
        write_patient(make(tmp_path, 1, 2) / ".trash", 3)
        (tmp_path / "dicom" / "p1" / "ct" / "._000.dcm").write_bytes(bytes(1000))
        assert [*cases_of(tmp_path)] == ["p1", "p2"]
        assert warnings_of(tmp_path) == []
