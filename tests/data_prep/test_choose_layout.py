from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.choose_layout import choose_layout
from data_prep.layouts import LAYOUTS
from medseg.errors import UsageError
from tests.data_prep.layouts.trees import touch, write_json, write_nifti, write_patient
from tests.data_prep.raw_folders import image_rows, make_objects, make_pairs, make_stack, make_suffixed, mask_rows, save

MAKERS: dict[str, Callable[[Path], object]] = {
    "folder-pairs": make_pairs,
    "mask-suffix": lambda root: make_suffixed(root, ["0", "1"]),
    "object-masks": lambda root: make_objects(root, ["a", "b"]),
    "tiff-stack": make_stack,
    "lits": lambda root: touch(root, "volume-0.nii", "segmentation-0.nii"),
    "msd": lambda root: touch(write_json(root, {"training": []}), "imagesTr/a.nii.gz", "labelsTr/a.nii.gz"),
    "nnunet": lambda root: touch(
        write_json(root, {"channel_names": {"0": "CT"}}), "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"
    ),
    "chaos": lambda root: touch(root, "1/Ground/0.png") and write_patient(root / "1" / "DICOM_anon", 1),
    "ircadb": lambda root: write_patient(root / "1" / "PATIENT_DICOM", 1),
    "volume-pairs": lambda root: touch(root, "images/a.nii.gz", "labels/a.nii.gz"),
    "dicom-tree": lambda root: touch(root, "labels/p1.nii.gz") and write_patient(root / "images" / "p1", 1),
}


class TestChooseLayout:
    @pytest.mark.parametrize("name", MAKERS)
    def test_auto_knows_each(self, tmp_path: Path, name: str) -> None:
        MAKERS[name](tmp_path)
        assert choose_layout(tmp_path).name == name

    @pytest.mark.parametrize("name", MAKERS)
    def test_named_one_is_taken_whatever_the_folder_holds(self, tmp_path: Path, name: str) -> None:
        assert choose_layout(tmp_path, name).name == name

    def test_each_layout_is_tried(self) -> None:
        assert [layout.name for layout in LAYOUTS] == [*MAKERS]

    @pytest.mark.parametrize("name", ["lits", "msd", "nnunet", "chaos", "ircadb"])
    def test_special_layout_comes_before_general_ones_that_fit_too(self, tmp_path: Path, name: str) -> None:
        MAKERS[name](tmp_path)
        touch(tmp_path, "more/x.nii.gz", "more/x_seg.nii.gz")
        write_patient(tmp_path / "even more", 2)
        assert choose_layout(tmp_path).name == name

    def test_two_general_layouts_raise(self, tmp_path: Path) -> None:
        MAKERS["volume-pairs"](tmp_path)
        write_patient(tmp_path / "dicom", 2)
        with pytest.raises(UsageError, match=r"must have one layout, got volume-pairs, dicom-tree; choose with"):
            choose_layout(tmp_path)

    def test_volumes_in_folders_of_pictures_are_no_pictures(self, tmp_path: Path) -> None:
        for part in ("images", "masks"):
            write_nifti(tmp_path / "p1" / part / "p1.nii.gz", mask_rows()[..., None])
        assert choose_layout(tmp_path).name == "volume-pairs"

    def test_images_that_are_missing_are_told_of_by_their_layout(self, tmp_path: Path) -> None:
        for file in (make_pairs(tmp_path) / "image").iterdir():
            file.unlink()
        assert choose_layout(tmp_path).name == "folder-pairs"

    def test_volumes_without_labels_say_what_was_looked_for(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.nii.gz", "b.nii.gz", "c.mha", "c.hdr")
        rule = r"got 2 x \.nii\.gz, 1 x \.hdr, 1 x \.mha; looked for .* x\.nii\.gz beside x_seg\.nii\.gz"
        with pytest.raises(UsageError, match=rule):
            choose_layout(tmp_path)

    def test_unknown_name_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"--layout must be one of auto, folder-pairs, mask-suffix, .*, got pears"):
            choose_layout(tmp_path, "pears")

    def test_folder_with_two_layouts_raises(self, tmp_path: Path) -> None:
        make_suffixed(make_pairs(tmp_path) / "more", ["a"])
        rule = r"must have one layout, got folder-pairs, mask-suffix; choose with --layout"
        with pytest.raises(UsageError, match=rf"{tmp_path}: {rule}"):
            choose_layout(tmp_path)

    def test_folder_without_layout_says_what_it_holds(self, tmp_path: Path) -> None:
        for index in range(3):
            save(tmp_path / "one" / f"{index}.png", image_rows(index))
        (tmp_path / "notes").write_text("", encoding="utf-8")
        rule = (
            r"must have a known layout, got 3 x \.png, 1 x no suffix in folders one; looked for folder-pairs: a folder"
        )
        with pytest.raises(UsageError, match=rf"{tmp_path}: {rule}"):
            choose_layout(tmp_path)

    def test_only_some_of_many_folders_are_named(self, tmp_path: Path) -> None:
        for index in range(6):
            save(tmp_path / f"f{index}" / "a.png", mask_rows())
        with pytest.raises(UsageError, match=r"got 6 x \.png in folders f0, f1, f2, f3\.\.\.; looked for"):
            choose_layout(tmp_path)

    def test_empty_folder_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="must have a known layout, got an empty folder"):
            choose_layout(tmp_path)

    def test_empty_subfolders_raise(self, tmp_path: Path) -> None:
        (tmp_path / "one").mkdir()
        with pytest.raises(UsageError, match="must have a known layout, got folders without files"):
            choose_layout(tmp_path)

    def test_missing_folder_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="nowhere: RAW must be a folder, but there is none"):
            choose_layout(tmp_path / "nowhere")

    def test_file_raises(self, tmp_path: Path) -> None:
        (tmp_path / "a.zip").write_bytes(b"")
        with pytest.raises(UsageError, match=r"a\.zip: RAW must be a folder, but there is only a file"):
            choose_layout(tmp_path / "a.zip")
