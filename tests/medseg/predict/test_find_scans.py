from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from medseg.errors import MedsegError, SourceError, UsageError
from medseg.io.dicom import DicomSeriesError
from medseg.predict import check_output, find_scans, scan_items
from medseg.predict.find_scans import scan_name
from tests.data_prep.phantom.reading import write_small
from tests.medseg.io.dicom.writer import MR_CLASS, ROOT, slice_dataset, stored_voxels, write_series
from tests.medseg.io.dicom.writer import save as save_dicom

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SEG = "1.2.840.10008.5.1.4.1.1.66.4"


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def series(folder: Path, number: int, *, slices: int = 3, **options: Any) -> list[Path]:
    """A series whose files are named by its number."""
    return write_series(folder, stored_voxels((5, 4, slices)), series=number, name=lambda z: f"{number}-{z}", **options)


def cut(file: Path) -> Path:
    """Leave a DICOM file that ends within its header."""
    file.write_bytes(file.read_bytes()[:300])
    return file


def names(*paths: Path, **choices: Any) -> list[str]:
    return [scan.name for scan in find_scans(paths, **choices).scans]


class TestFiles:
    def test_a_folders_images_in_the_order_of_their_names_and_nothing_else(self, tmp_path: Path) -> None:
        touch(tmp_path, "b.PNG", "a.nii.gz", "c.tif", "notes.txt", "d.nii", "e.gz", "f.jpg", "g.bmp", "h.mha", "i.nrrd")
        touch(tmp_path / "deep.png", "other.png")
        found = find_scans([tmp_path])
        files = ["a.nii.gz", "b.PNG", "c.tif", "d.nii", "f.jpg", "g.bmp", "h.mha", "i.nrrd"]
        assert [scan.files for scan in found.scans] == [(tmp_path / file,) for file in files]
        assert [scan.name for scan in found.scans] == list("abcdfghi")
        assert all(scan.fault is None for scan in found.scans)
        assert found.aside == ()

    def test_several_files_and_folders(self, tmp_path: Path) -> None:
        touch(tmp_path / "one", "b.png")
        touch(tmp_path / "two", "a.nii", "c.nii")
        assert names(tmp_path / "one", tmp_path / "two" / "a.nii") == ["a", "b"]

    def test_path_may_be_text(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.png")
        assert find_scans([str(tmp_path)]).scans[0].files == (tmp_path / "a.png",)

    def test_hidden_files_do_not_count(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.png", ".b.png", "._a.nii")
        assert names(tmp_path) == ["a"]

    def test_hidden_file_counts_where_it_is_named(self, tmp_path: Path) -> None:
        touch(tmp_path, ".b.png")
        assert names(tmp_path / ".b.png") == [".b"]

    def test_second_files_of_pairs_do_not_count(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.hdr", "a.img", "b.mhd", "b.raw", "c.hdr.gz", "c.img.gz")
        assert [scan.files[0].name for scan in find_scans([tmp_path]).scans] == ["a.hdr", "b.mhd", "c.hdr.gz"]

    def test_a_file_of_a_series_is_predicted_by_itself(self, tmp_path: Path) -> None:
        files = write_series(tmp_path, stored_voxels())
        (scan,) = find_scans([files[1]]).scans
        assert (scan.name, scan.files) == ("001", (files[1],))


class TestDicom:
    def test_names_mirror_the_tree_a_folder_a_series(self, tmp_path: Path) -> None:
        root = tmp_path / "study"
        by_name = {
            "p1/ct": series(root / "p1" / "ct", 1),
            "p1/late": series(root / "p1" / "late", 2),
            "p2": series(root / "p2", 3),
        }
        found = find_scans([root])
        assert {scan.name: list(scan.files) for scan in found.scans} == by_name
        assert found.aside == ()

    def test_folder_with_a_series_gives_it_its_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        files = series(tmp_path / "ct", 1)
        assert names(tmp_path / "ct") == ["ct"]
        monkeypatch.chdir(tmp_path / "ct")
        (scan,) = find_scans(["."]).scans
        assert scan.name == "ct"
        assert [file.resolve() for file in scan.files] == files

    def test_several_series_in_a_folder_are_told_apart_by_their_numbers(self, tmp_path: Path) -> None:
        first, second = series(tmp_path / "p", 1), series(tmp_path / "p", 12)
        found = find_scans([tmp_path / "p"]).scans
        assert {scan.name: list(scan.files) for scan in found} == {"p_1": first, "p_12": second}

    def test_series_of_one_number_or_none_are_counted(self, tmp_path: Path) -> None:
        for number in (1, 2, 3, 4):
            series(tmp_path / "p", number, SeriesNumber=None if number > 2 else 7)
        assert names(tmp_path / "p") == ["p", "p-2", "p_7", "p_7-2"]

    def test_sibling_folder_whose_name_begins_alike_changes_no_name(self, tmp_path: Path) -> None:
        for number, folder in enumerate(("b/a-x", "b", "b/a", "b-2"), 1):
            series(tmp_path / folder, number)
        assert names(tmp_path) == ["b", "b-2", "b/a", "b/a-x"]

    def test_counted_name_that_a_folder_has_is_not_given_twice(self, tmp_path: Path) -> None:
        for number in (1, 2):
            series(tmp_path / "p", number, SeriesNumber=None)
        series(tmp_path / "p-2", 3)
        assert len(set(names(tmp_path))) == 3

    def test_series_over_several_folders_is_called_after_what_holds_them(self, tmp_path: Path) -> None:
        files = write_series(tmp_path / "p", stored_voxels(), name="disk{}/image".format)
        (scan,) = find_scans([tmp_path]).scans
        assert (scan.name, list(scan.files)) == ("p", files)

    def test_multi_frame_file_is_one_file(self, tmp_path: Path) -> None:
        (patient,) = write_small(tmp_path / "phantom", "enhanced-multiframe").folders
        (file,) = (patient / "ct").iterdir()
        (scan,) = find_scans([patient / "ct"]).scans
        assert (scan.name, scan.files) == ("ct", (file,))

    def test_files_of_any_name_count_but_hidden_ones(self, tmp_path: Path) -> None:
        files = series(tmp_path / "p", 1)
        series(tmp_path / ".trash", 2)
        (tmp_path / "p" / ".1-9").write_bytes(files[0].read_bytes())
        (scan,) = find_scans([tmp_path]).scans
        assert list(scan.files) == files

    def test_a_hidden_root_is_no_reason_to_find_nothing(self, tmp_path: Path) -> None:
        series(tmp_path / ".data" / "p", 1)
        assert names(tmp_path / ".data") == ["p"]


class TestSetAside:
    def test_localizers_and_captures(self, tmp_path: Path) -> None:
        series(tmp_path / "p", 1)
        series(tmp_path / "p", 2, slices=1, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
        captured = {"SOPClassUID": CAPTURE, "ImagePositionPatient": None, "ImageOrientationPatient": None}
        series(tmp_path / "p", 3, slices=1, **captured)
        found = find_scans([tmp_path])
        assert [scan.name for scan in found.scans] == ["p"]
        assert found.aside == ("2 localizer or capture set aside",)

    def test_other_modalities_where_there_is_the_wanted_one(self, tmp_path: Path) -> None:
        series(tmp_path / "p", 1)
        for number in (2, 3):
            series(tmp_path / "p", number, Modality="MR", SOPClassUID=MR_CLASS)
        found = find_scans([tmp_path], modality="CT")
        assert [scan.name for scan in found.scans] == ["p"]
        assert found.aside == ("2 series of another modality than CT set aside",)

    @pytest.mark.parametrize("modality", [None, "CT"])
    def test_no_modality_where_there_is_none_of_the_wanted_one(self, tmp_path: Path, modality: str | None) -> None:
        series(tmp_path / "p", 2, Modality="MR", SOPClassUID=MR_CLASS)
        found = find_scans([tmp_path], modality=modality)
        assert [scan.name for scan in found.scans] == ["p"]
        assert found.aside == ()

    @pytest.mark.parametrize("names_beside", [("mask.png", "preview.png"), ("label.nii.gz",), ("a.mha", "b.tif")])
    def test_other_files_beside_dicom(self, tmp_path: Path, names_beside: tuple[str, ...]) -> None:
        series(tmp_path / "p", 1)
        touch(tmp_path, *names_beside)
        found = find_scans([tmp_path])
        assert [scan.name for scan in found.scans] == ["p"]
        first = f"such as {names_beside[0]} ({len(names_beside)} in all)"
        assert found.aside == (f"{tmp_path}: files beside DICOM set aside, {first}; name them to predict them",)
        beside = [tmp_path / name for name in names_beside]
        assert len(names(tmp_path, *beside)) == 1 + len(beside)

    def test_other_files_count_where_dicom_is_damaged_altogether(self, tmp_path: Path) -> None:
        cut(series(tmp_path / "p", 1, slices=1)[0])
        touch(tmp_path, "a.nii", "b.png")
        found = find_scans([tmp_path])
        assert [(scan.name, scan.fault is None) for scan in found.scans] == [("a", True), ("b", True), ("p", False)]
        assert found.aside == ()

    def test_results_in_dicom_are_no_scans(self, tmp_path: Path) -> None:
        series(tmp_path / "p", 1)
        seg = slice_dataset(stored_voxels()[..., 0], (0, 0, 0), series=9, SOPClassUID=SEG, Modality="SEG")
        save_dicom(seg, tmp_path / "p_seg.dcm")
        found = find_scans([tmp_path])
        assert [scan.name for scan in found.scans] == ["p"]
        assert found.scans[0].fault is None

    def test_empty_files_that_may_have_been_images_are_told_of(self, tmp_path: Path) -> None:
        series(tmp_path / "p", 1)
        touch(tmp_path / "p", "1-3.dcm", "1-4.dcm")
        found = find_scans([tmp_path])
        assert found.scans[0].fault is None
        assert found.aside == (f"{tmp_path}: 2 empty files found; an image may be missing",)


class TestFaults:
    def test_damaged_file_is_a_fault_of_the_series_in_its_folder_alone(self, tmp_path: Path) -> None:
        series(tmp_path / "p1", 1)
        damaged = cut(series(tmp_path / "p2", 2)[1])
        whole, broken = find_scans([tmp_path]).scans
        assert (whole.name, whole.fault) == ("p1", None)
        assert broken.name == "p2"
        assert isinstance(broken.fault, SourceError)
        assert str(broken.fault).startswith(f"{damaged}: ")
        assert str(broken.fault).endswith("; an image may be missing, replace or remove the file")

    def test_folder_in_which_all_is_damaged_is_a_scan_with_a_fault(self, tmp_path: Path) -> None:
        series(tmp_path / "p1", 1)
        for file in series(tmp_path / "p2" / "ct", 2):
            cut(file)
        found = find_scans([tmp_path]).scans
        assert [(scan.name, scan.fault is None) for scan in found] == [("p1", True), ("p2/ct", False)]
        assert found[1].files == (tmp_path / "p2" / "ct",)

    def test_damaged_file_beside_the_folder_of_a_series_is_a_scan_of_its_own(self, tmp_path: Path) -> None:
        series(tmp_path / "study" / "study", 1)
        cut(series(tmp_path / "study", 2)[0])
        (tmp_path / "study" / "2-1").unlink()
        (tmp_path / "study" / "2-2").unlink()
        found = find_scans([tmp_path / "study"]).scans
        assert sorted(scan.fault is None for scan in found) == [False, True]
        assert len({scan.name for scan in found}) == 2

    def test_damaged_volume_or_picture_is_no_fault_of_dicom(self, tmp_path: Path) -> None:
        series(tmp_path, 1)
        (tmp_path / "a.nii.gz").write_bytes(b"nothing")
        (tmp_path / "b.png").write_bytes(b"nothing")
        assert all(scan.fault is None for scan in find_scans([tmp_path]).scans)

    def test_series_that_lies_over_folders_has_the_fault_of_each(self, tmp_path: Path) -> None:
        files = write_series(tmp_path / "p", stored_voxels(), name="disk{}/image".format)
        (files[2].parent / "more").write_bytes(files[2].read_bytes())
        cut(files[2].parent / "more")
        (scan,) = find_scans([tmp_path]).scans
        assert scan.fault is not None


class TestChoiceOfSeries:
    @pytest.fixture
    def tree(self, tmp_path: Path) -> Path:
        series(tmp_path / "small", 1)
        series(tmp_path / "large", 2, slices=5)
        return tmp_path

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [("all", ["large", "small"]), ("largest", ["large"]), (f"{ROOT}.1", ["small"]), (f"{ROOT}.2", ["large"])],
    )
    def test_of_each_folders_tree(self, tree: Path, choice: str, expected: list[str]) -> None:
        assert names(tree, series=choice) == expected

    def test_only_demands_that_there_is_one(self, tree: Path) -> None:
        with pytest.raises(DicomSeriesError, match="must hold one series, got 2; choose with --series UID"):
            find_scans([tree], series="only")
        assert names(tree / "small", series="only") == ["small"]

    def test_each_folder_has_a_largest(self, tree: Path) -> None:
        assert names(tree / "small", tree / "large", series="largest") == ["large", "small"]

    def test_unknown_uid_raises(self, tree: Path) -> None:
        message = f"--series must be only, largest, all or a UID of {tree}, got '1.2'; there are"
        with pytest.raises(UsageError, match=re.escape(message)):
            find_scans([tree], series="1.2")


class TestNoScans:
    def test_missing_path_raises(self, tmp_path: Path) -> None:
        message = "absent: must be a scan, an image or a folder of them, but there is no such path"
        with pytest.raises(UsageError, match=message):
            find_scans([tmp_path / "absent"])

    @pytest.mark.parametrize("files", [(), ("notes.txt",), (".hidden.png",), ("a.raw", "b.img")])
    def test_folder_without_scans_raises(self, tmp_path: Path, files: tuple[str, ...]) -> None:
        touch(tmp_path, *files)
        message = (
            f"^{tmp_path}: must hold scans or images (DICOM in any folders; NIfTI, NRRD, MetaImage, PNG, TIFF, JPEG or"
            " BMP directly in it), but none was found"
        )
        with pytest.raises(UsageError, match=re.escape(message)[1:]):
            find_scans([tmp_path])


class TestNames:
    @pytest.mark.parametrize(
        ("first", "second"),
        [("a.png", "a.tif"), ("scan.nii", "scan.nii.gz"), ("a.PNG", "a.nii"), ("b.tif", "b.tiff"), ("a.png", "A.bmp")],
    )
    def test_two_scans_of_one_name_raise(self, tmp_path: Path, first: str, second: str) -> None:
        touch(tmp_path, first, "other.png", second)
        message = (
            f"{tmp_path}: scans must have different names, as their results are called after them, got "
            r"{0}/(\S+) and {0}/(\S+); rename one, or give each an --output of its own".format(re.escape(str(tmp_path)))
        )
        with pytest.raises(UsageError, match=message) as raised:
            find_scans([tmp_path])
        both = re.search(message, str(raised.value))
        assert both is not None
        assert set(both.groups()) == {first, second}

    def test_scans_of_several_folders_too(self, tmp_path: Path) -> None:
        touch(tmp_path / "one", "a.png")
        touch(tmp_path / "two", "a.png")
        with pytest.raises(UsageError, match="scans must have different names"):
            find_scans([tmp_path / "one", tmp_path / "two"])

    def test_a_scan_given_twice_raises(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.png")
        with pytest.raises(UsageError, match="scans must have different names"):
            find_scans([tmp_path, tmp_path / "a.png"])

    def test_series_and_volume_file_of_one_name_raise(self, tmp_path: Path) -> None:
        series(tmp_path / "a", 1)
        touch(tmp_path, "a.nii")
        with pytest.raises(UsageError, match="scans must have different names"):
            find_scans([tmp_path, tmp_path / "a.nii"])

    @pytest.mark.parametrize(("first", "second"), [("a/b", "a_b"), ("p/q/r", "p/q_r")])
    def test_pictures_of_two_scans_under_one_name_raise(self, tmp_path: Path, first: str, second: str) -> None:
        """They lie side by side, whatever the tree."""
        series(tmp_path / first, 1)
        series(tmp_path / second, 2)
        with pytest.raises(UsageError, match="scans must have different names"):
            find_scans([tmp_path])

    def test_picture_of_a_scan_under_another_ones_montage_raises(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.nii", "a_montage.png")
        with pytest.raises(UsageError, match="scans must have different names"):
            find_scans([tmp_path])

    def test_names_that_only_begin_alike_pass(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.png", "a.b.png", "a.nii.png", "aa.nii", "a_mask.nii", "a_b.nii")
        assert len(names(tmp_path)) == 6


class TestScanName:
    @pytest.mark.parametrize(
        ("file", "name"),
        [
            ("a.png", "a"),
            ("a.b.tif", "a.b"),
            ("a.nii.gz", "a"),
            ("A.NII.GZ", "A"),
            ("a.nii.png", "a.nii"),
            ("a.hdr", "a"),
            ("a.nrrd", "a"),
            ("a.dcm", "a"),
            ("a.DCM", "a"),
            ("a", "a"),
            ("a.x", "a.x"),
            ("1.2.840.5", "1.2.840.5"),
            (".nii", ".nii"),
            (".png", ".png"),
        ],
    )
    def test_is_the_name_without_the_suffix_of_a_known_kind(self, file: str, name: str) -> None:
        assert scan_name(Path("scans") / file) == name


class TestScanItems:
    def test_gives_a_loader_paths_and_names(self, tmp_path: Path) -> None:
        files = series(tmp_path / "p", 1)
        touch(tmp_path, "a.nii.gz")
        assert scan_items([str(tmp_path), str(tmp_path / "a.nii.gz")]) == [
            {"image": str(tmp_path / "a.nii.gz"), "name": "a"},
            {"image": list(map(str, files)), "name": "p"},
        ]

    def test_takes_one_image_or_several(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.png", "b.png", "c.png")
        one = {"image": str(tmp_path / "a.png"), "name": "a"}
        assert scan_items(str(tmp_path / "a.png")) == [one]
        assert scan_items([str(tmp_path / name) for name in ("b.png", "a.png")]) == [
            one,
            {"image": str(tmp_path / "b.png"), "name": "b"},
        ]

    def test_scan_that_is_known_to_be_broken_raises(self, tmp_path: Path) -> None:
        series(tmp_path / "p1", 1)
        damaged = cut(series(tmp_path / "p2", 2)[1])
        with pytest.raises(MedsegError, match=rf"^{damaged}: .*; an image may be missing, replace or remove the file"):
            scan_items(str(tmp_path))

    def test_missing_path_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="absent: must be a scan, an image or a folder of them"):
            scan_items(str(tmp_path / "absent"))


class TestCheckOutput:
    @pytest.mark.parametrize("source", [".", "a.png", "sub/..", "link"])
    def test_folder_from_which_scans_are_read_is_refused(self, tmp_path: Path, source: str) -> None:
        touch(tmp_path / "scans", "a.png", "b.png")
        (tmp_path / "scans" / "sub").mkdir()
        (tmp_path / "scans" / "link").symlink_to(tmp_path / "scans", target_is_directory=True)
        message = f"{tmp_path}/scans: output must be another folder than the images', or a mask may replace one"
        with pytest.raises(UsageError, match=message):
            check_output(tmp_path / "scans", [tmp_path / "scans" / source])

    def test_second_of_several_counts(self, tmp_path: Path) -> None:
        touch(tmp_path / "one", "a.png")
        touch(tmp_path / "two", "b.png")
        with pytest.raises(UsageError, match="output must be another folder"):
            check_output(tmp_path / "two", [tmp_path / "one", str(tmp_path / "two" / "b.png")])

    def test_file_is_refused(self, tmp_path: Path) -> None:
        touch(tmp_path, "out")
        touch(tmp_path / "scans", "a.png")
        with pytest.raises(UsageError, match=f"{tmp_path}/out: output must be a folder, got a file"):
            check_output(tmp_path / "out", [tmp_path / "scans"])

    def test_another_folder_passes_whether_it_exists_or_not(self, tmp_path: Path) -> None:
        Image.new("L", (2, 2)).save(tmp_path / "a.png")
        (tmp_path / "out").mkdir()
        check_output(tmp_path / "out", [tmp_path / "a.png", tmp_path])
        check_output(tmp_path / "new" / "out", [tmp_path])
