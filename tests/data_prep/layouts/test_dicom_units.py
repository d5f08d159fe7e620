from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.layouts.dicom_units import make_units
from medseg.io.dicom import Header

RAW = Path("/raw")


def images(folder: str, patient: str = "", study: str = "", series: str = "") -> list[Header]:
    """Two images in a folder below RAW."""
    return [
        Header(
            path=RAW / folder / f"{patient}{number}.dcm",
            transfer_syntax="",
            patient_id=patient,
            study_uid=study,
            series_uid=series,
        )
        for number in range(2)
    ]


def units(*folders: list[Header]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Number of images and folders of each unit."""
    found = make_units(RAW, [header for headers in folders for header in headers])
    return {
        unit.name: (len(unit.headers), tuple(folder.relative_to(RAW).as_posix() for folder in unit.folders))
        for unit in found
    }


class TestFolders:
    def test_subfolders_of_the_deepest_common_folder_are_units(self) -> None:
        found = units(images("dl/p10/st/se", "A", "1"), images("dl/p9/st/se1", "B", "2"), images("dl/p9/x", "B", "3"))
        assert found == {"p9": (4, ("dl/p9",)), "p10": (2, ("dl/p10",))}
        assert [*found] == ["p9", "p10"]

    def test_one_patient_id_in_all_folders_keeps_them_apart(self) -> None:
        assert [*units(images("a", "X", "1"), images("b", "X", "2"))] == ["a", "b"]

    def test_folders_without_ids_and_uids_are_units(self) -> None:
        assert [*units(images("a/dicom"), images("b/dicom"))] == ["a", "b"]

    def test_images_in_one_folder_are_the_whole_tree(self) -> None:
        assert units(images("p/ct", "A", "1")) == {"raw": (2, (".",))}

    def test_images_in_a_folder_and_below_it_are_the_whole_tree(self) -> None:
        assert units(images("p", "A", "1"), images("p/more", "A", "2")) == {"raw": (4, (".",))}

    def test_folders_of_one_study_are_the_whole_tree(self) -> None:
        assert units(images("p/s/art", "A", "1"), images("p/s/ven", "A", "1")) == {"raw": (4, (".",))}

    def test_images_without_study_are_of_no_study(self) -> None:
        assert [*units(images("a", "", "1"), images("b", "", ""))] == ["a", "b"]


class TestPatients:
    def test_folder_of_several_patients_is_divided(self) -> None:
        found = units(images("train/p1", "A"), images("train/p2", "B"), images("val/p1", "C"))
        assert found == {"train/p1": (2, ("train/p1",)), "train/p2": (2, ("train/p2",)), "val": (2, ("val",))}

    def test_several_patients_among_the_images_of_a_folder_stay_one_unit(self) -> None:
        found = units(images("p1", "A"), images("p1", "B"), images("p2", "C"))
        assert found == {"p1": (4, ("p1",)), "p2": (2, ("p2",))}

    def test_patients_flat_in_one_folder_are_told_by_id(self) -> None:
        assert units(images("dump", "B"), images("dump", "A")) == {"A": (2, ()), "B": (2, ())}

    def test_names_that_cannot_be_printed_stay_apart(self) -> None:
        assert [*units(images("", "Mü"), images("", "Mö"), images("", ""))] == ["M?", "M? (2)", "no id"]


class TestSharedSeries:
    def test_folders_that_share_a_series_are_one_unit(self) -> None:
        found = units(
            images("1", "A", "1", "1.1"),
            images("2", "A", "1", "1.1"),
            images("3", "B", "2", "1.2"),
            images("4", "C", ""),
        )
        assert found == {"1+2": (4, ("1", "2")), "3": (2, ("3",)), "4": (2, ("4",))}

    def test_chains_of_shared_series_are_one_unit(self) -> None:
        pair = [*images("2", "A", "1", "1.1"), *images("2", "A", "2", "1.2")]
        found = units(images("1", "A", "1", "1.1"), images("3", "A", "2", "1.2"), pair, images("4", "B", "3", "1.3"))
        assert found == {"1+2+3": (8, ("1", "2", "3")), "4": (2, ("4",))}

    def test_all_folders_together_are_the_whole_tree(self) -> None:
        assert units(images("1", "A", "1", "1.1"), images("2", "A", "", "1.1")) == {"raw": (4, (".",))}

    def test_archive_by_number_of_files_is_divided_by_patient(self) -> None:
        # Folder 2 begins with the rest of A's series and ends with the begin of B's.
        second = [*images("2", "A", "1", "1.1"), *images("2", "B", "2", "1.2")]
        assert units(images("1", "A", "1", "1.1"), second, images("3", "B", "2", "1.2")) == {"A": (4, ()), "B": (4, ())}

    def test_same_uid_of_other_patients_is_not_shared(self) -> None:
        assert [*units(images("1", "A", "1", "1.1"), images("2", "B", "1", "1.1"))] == ["1", "2"]


class TestUnit:
    @pytest.mark.parametrize(
        ("patient", "study", "group"), [("A", "1.2", "id:A"), ("", "1.2", "study:1.2"), ("", "", "a")]
    )
    def test_group_is_the_best_that_is_known(self, patient: str, study: str, group: str) -> None:
        unit, _ = make_units(RAW, [*images("a", patient, study), *images("b", "Z", "9")])
        assert unit.group == group

    def test_place_is_a_folder_or_a_patient(self) -> None:
        assert make_units(RAW, [*images("a", "A"), *images("b", "B")])[0].where == "/raw/a"
        assert make_units(RAW, [*images("a", "A"), *images("a", "B")])[0].where == "patient A"
