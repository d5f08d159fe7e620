from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_prep.choose_layout import choose_layout
from data_prep.layouts import LAYOUTS
from medseg.io.scans import ScanChoices
from tests.data_prep.layouts.trees import cases_of, errors_of, find, touch, warnings_of, write_nifti

UNKNOWN = (
    "the files do not say which scans are of one patient, so each counts as a patient of its own; give --groups if a"
    " patient has several"
)


def fits(root: Path) -> bool:
    (layout,) = (layout for layout in LAYOUTS if layout.name == "volume-pairs")
    return layout.detect(root)


class TestFolders:
    def test_images_and_labels_of_one_name_are_a_case(self, tmp_path: Path) -> None:
        touch(tmp_path, *(f"{folder}/{name}.nii.gz" for folder in ("images", "labels") for name in ("b10", "b9")))
        assert choose_layout(tmp_path).name == "volume-pairs"
        assert [*cases_of(tmp_path).items()] == [
            ("b9", ("images/b9.nii.gz", "labels/b9.nii.gz")),
            ("b10", ("images/b10.nii.gz", "labels/b10.nii.gz")),
        ]

    @pytest.mark.parametrize(
        ("images", "labels"), [("imagesTr", "labelsTr"), ("ct", "seg"), ("Scans", "Ground Truth"), ("img", "label")]
    )
    def test_usual_names_of_folders_are_known(self, tmp_path: Path, images: str, labels: str) -> None:
        touch(tmp_path, f"{images}/a.nrrd", f"{labels}/a.mha")
        assert cases_of(tmp_path) == {"a": (f"{images}/a.nrrd", f"{labels}/a.mha")}

    @pytest.mark.parametrize(
        ("image", "label"),
        [
            ("a.nii.gz", "a.nii"),
            ("a_0000.nii.gz", "a.nii.gz"),
            ("a_ct.nii.gz", "a_seg.nii.gz"),
            ("img0001.nii.gz", "label0001.nii.gz"),
            ("p1/a.mhd", "p1/a-label.mhd"),
            ("a_seg.nii", "a_seg.nii"),
        ],
    )
    def test_names_need_only_agree(self, tmp_path: Path, image: str, label: str) -> None:
        touch(tmp_path, f"images/{image}", f"labels/{label}")
        assert [*cases_of(tmp_path).values()] == [(f"images/{image}", f"labels/{label}")]

    def test_same_name_comes_before_one_that_agrees(self, tmp_path: Path) -> None:
        touch(tmp_path, "images/a.nii", "images/a_ct.nii", "labels/a_ct.nii", "labels/a.nii")
        assert cases_of(tmp_path) == {
            "a": ("images/a.nii", "labels/a.nii"),
            "a_ct": ("images/a_ct.nii", "labels/a_ct.nii"),
        }

    def test_pairs_of_files_count_once(self, tmp_path: Path) -> None:
        touch(tmp_path, "images/a.hdr", "images/a.img", "labels/a.mhd", "labels/a.raw")
        assert cases_of(tmp_path) == {"a": ("images/a.hdr", "labels/a.mhd")}
        assert {path.name for path in find(tmp_path).used} == {"a.hdr", "a.img", "a.mhd", "a.raw"}

    def test_subfolders_are_read_together(self, tmp_path: Path) -> None:
        for part in ("train", "val"):
            touch(tmp_path / part, "images/a.nii", "labels/a.nii")
        assert [*cases_of(tmp_path)] == ["train/a", "val/a"]

    def test_test_images_have_no_label(self, tmp_path: Path) -> None:
        touch(tmp_path, "imagesTr/a.nii", "labelsTr/a.nii", "imagesTs/b_0000.nii")
        assert cases_of(tmp_path)["imagesTs/b_0000"] == ("imagesTs/b_0000.nii", "")
        assert warnings_of(tmp_path) == [UNKNOWN, "cases without label: imagesTs/b_0000"]

    def test_folders_of_pictures_and_of_dicom_are_others(self, tmp_path: Path) -> None:
        touch(tmp_path, "images/a.png", "labels/a.nii", "p1/ct/1.dcm", "p1/seg/1.nii")
        assert not fits(tmp_path)

    def test_image_without_label(self, tmp_path: Path) -> None:
        touch(tmp_path, "images/a.nii", "images/b.nii", "labels/a.nii")
        assert errors_of(tmp_path) == [
            "images/b.nii: image has no label in labels; add it, or move the image to another folder"
        ]

    def test_label_without_image(self, tmp_path: Path) -> None:
        touch(tmp_path, "images/a.nii", "labels/a.nii", "labels/b.nii")
        assert errors_of(tmp_path) == ["labels/b.nii: label must have one image, got none; add it or move others away"]

    def test_two_images_of_a_label(self, tmp_path: Path) -> None:
        touch(tmp_path, "images/a.nii", "images/a.nii.gz", "images/b.nii", "labels/a.nii", "labels/b.nii")
        assert errors_of(tmp_path) == [
            "labels/a.nii: label must have one image, got a.nii, a.nii.gz; add it or move others away"
        ]

    def test_two_labels_of_an_image(self, tmp_path: Path) -> None:
        touch(tmp_path, "images/a.nii", "images/b.nii", "labels/a.nii", "labels/a_seg.nii", "labels/b.nii")
        assert errors_of(tmp_path) == [
            "images/a.nii: image must have one label, got a.nii, a_seg.nii; move others to another folder"
        ]

    def test_two_folders_of_labels(self, tmp_path: Path) -> None:
        touch(tmp_path, "images/a.nii", "labels/a.nii", "masks/a.nii")
        assert errors_of(tmp_path, "volume-pairs") == [
            f"{tmp_path}: must have one folder of images and one of labels, got images, labels, masks; move others to"
            " another folder"
        ]


class TestSuffixes:
    @pytest.mark.parametrize(
        "label", ["x_seg.nii.gz", "x_label.nii.gz", "x_mask.nii", "x-label.nrrd", "x_segmentation.nii.gz"]
    )
    def test_label_beside_its_image(self, tmp_path: Path, label: str) -> None:
        touch(tmp_path, "x.nii.gz", label, "readme.txt")
        assert choose_layout(tmp_path).name == "volume-pairs"
        assert cases_of(tmp_path) == {"x": ("x.nii.gz", label)}

    def test_folders_stand_in_the_names(self, tmp_path: Path) -> None:
        touch(tmp_path, "a/x_0000.nii", "a/x_seg.nii", "b/image_1.nii", "b/label_1.nii")
        assert [*cases_of(tmp_path)] == ["a/x_0000", "b/image_1"]

    def test_image_without_label(self, tmp_path: Path) -> None:
        touch(tmp_path, "x.nii", "x_seg.nii", "y.nii")
        assert errors_of(tmp_path) == [
            "y.nii: image has no label beside it; add it, or move the image to another folder"
        ]

    def test_label_without_image(self, tmp_path: Path) -> None:
        touch(tmp_path, "x.nii", "x_seg.nii", "y_seg.nii")
        assert errors_of(tmp_path) == ["y_seg.nii: label must have one image, got none; add it or move others away"]

    def test_folder_without_any_pair_is_not_used(self, tmp_path: Path) -> None:
        touch(tmp_path, "x.nii", "x_seg.nii", "other/z.nii")
        assert [*cases_of(tmp_path)] == ["x"]
        assert tmp_path / "other" / "z.nii" not in find(tmp_path).used


class TestCaseFolders:
    @pytest.mark.parametrize(
        ("image", "label"),
        [
            ("ct.nii.gz", "labels.nii.gz"),
            ("imaging.nii.gz", "segmentation.nii.gz"),
            ("portal.mha", "mask.mha"),
            ("ct.nii.gz", "liver_seg.nii.gz"),
        ],
    )
    def test_each_folder_is_a_case(self, tmp_path: Path, image: str, label: str) -> None:
        touch(tmp_path, *(f"{case}/{name}" for case in ("case_2", "case_10") for name in (image, label)))
        assert choose_layout(tmp_path).name == "volume-pairs"
        assert [*cases_of(tmp_path).items()] == [
            (case, (f"{case}/{image}", f"{case}/{label}")) for case in ("case_2", "case_10")
        ]

    def test_folder_itself_may_be_the_case(self, tmp_path: Path) -> None:
        assert cases_of(touch(tmp_path, "ct.nii", "label.nii")) == {tmp_path.name: ("ct.nii", "label.nii")}

    def test_image_alone_is_a_case_without_label(self, tmp_path: Path) -> None:
        touch(tmp_path, "a/imaging.nii", "a/segmentation.nii", "b/imaging.nii")
        assert cases_of(tmp_path)["b"] == ("b/imaging.nii", "")
        assert warnings_of(tmp_path) == [UNKNOWN, "cases without label: b"]

    def test_several_images(self, tmp_path: Path) -> None:
        touch(tmp_path, "a/ct.nii", "a/label.nii", "b/t1.nii", "b/t2.nii", "b/label.nii")
        assert errors_of(tmp_path) == [
            "b: a case's folder must hold one image and one label, got 2 and 1 (t1.nii, t2.nii, label.nii); move others"
            " to another folder"
        ]

    def test_label_alone(self, tmp_path: Path) -> None:
        touch(tmp_path, "a/ct.nii", "a/label.nii", "b/label.nii")
        assert errors_of(tmp_path) == [
            "b: a case's folder must hold one image and one label, got 0 and 1 (label.nii); move others to another"
            " folder"
        ]


class TestFound:
    def test_each_scan_is_a_group_of_unknown_modality(self, tmp_path: Path) -> None:
        found = find(touch(tmp_path, "x.nii", "x_seg.nii", "y.nii", "y_seg.nii"))
        assert [case.group for case in found.cases] == ["x", "y"]
        assert found.modality is None
        assert found.warnings == (UNKNOWN,)

    def test_image_and_label_are_read(self, tmp_path: Path) -> None:
        voxels = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
        write_nifti(tmp_path / "images" / "x_0000.nii.gz", voxels)
        write_nifti(tmp_path / "labels" / "x.nii.gz", (voxels > 20).astype(np.uint8))
        (case,) = find(tmp_path).cases
        image = case.image.read(ScanChoices(), None)
        assert case.label is not None
        np.testing.assert_array_equal(image.volume.voxels, voxels)
        np.testing.assert_array_equal(case.label.read(case.image, image, None, ScanChoices()).mask, voxels > 20)

    def test_volumes_without_labels_are_no_such_folder(self, tmp_path: Path) -> None:
        assert not fits(touch(tmp_path, "a.nii", "b/ct.nii", "c/label.nii", "d/001_truth_other.nii"))
