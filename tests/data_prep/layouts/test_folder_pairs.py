from __future__ import annotations

from pathlib import Path

import pytest

from tests.data_prep.raw_folders import (
    found_cases,
    found_errors,
    image_rows,
    make_objects,
    make_pairs,
    mask_rows,
    save,
    surveyed_warnings,
)


class TestPairs:
    def test_images_and_labels_of_one_name_are_a_case(self, tmp_path: Path) -> None:
        make_pairs(tmp_path, 3)
        assert found_cases(tmp_path) == {str(index): (f"image/{index}.png", f"label/{index}.png") for index in range(3)}

    def test_order_is_by_number(self, tmp_path: Path) -> None:
        make_pairs(tmp_path, 12)
        assert [*found_cases(tmp_path)] == [str(index) for index in range(12)]

    @pytest.mark.parametrize(
        ("images", "labels"), [("Images", "Masks"), ("img", "ground-truth"), ("x", "Ground Truth")]
    )
    def test_usual_names_of_folders_are_known(self, tmp_path: Path, images: str, labels: str) -> None:
        save(tmp_path / images / "a.png", image_rows(0))
        save(tmp_path / labels / "a.png", mask_rows())
        assert found_cases(tmp_path) == {"a": (f"{images}/a.png", f"{labels}/a.png")}

    @pytest.mark.parametrize("label", ["a_mask.png", "a-label.png", "a_SEG.tif", "a_gt.bmp", "a.tif"])
    def test_label_may_have_a_suffix_and_another_format(self, tmp_path: Path, label: str) -> None:
        save(tmp_path / "image" / "a.png", image_rows(0))
        save(tmp_path / "label" / label, mask_rows())
        assert found_cases(tmp_path) == {"a": ("image/a.png", f"label/{label}")}

    def test_image_whose_own_name_ends_in_mask_keeps_it(self, tmp_path: Path) -> None:
        save(tmp_path / "image" / "a_mask.png", image_rows(0))
        save(tmp_path / "label" / "a_mask.png", mask_rows())
        assert found_cases(tmp_path) == {"a_mask": ("image/a_mask.png", "label/a_mask.png")}

    def test_files_in_deeper_folders_pair_by_their_path(self, tmp_path: Path) -> None:
        for patient in ("p1", "p2"):
            save(tmp_path / "images" / patient / "0.png", image_rows(0))
            save(tmp_path / "labels" / patient / "0.png", mask_rows())
        assert [*found_cases(tmp_path)] == ["p1/0", "p2/0"]

    def test_subfolders_are_read_together(self, tmp_path: Path) -> None:
        make_pairs(tmp_path / "train", 2)
        make_pairs(tmp_path / "val", 1, first_seed=9)
        assert [*found_cases(tmp_path)] == ["train/0", "train/1", "val/0"]

    def test_patients_folder_that_is_called_as_one_of_its_images_is_kept(self, tmp_path: Path) -> None:
        for patient in ("1", "50"):
            make_pairs(tmp_path / patient, 3)
        assert len(found_cases(tmp_path)) == 6

    def test_named_layout_takes_every_folder(self, tmp_path: Path) -> None:
        # A patient "1" with the only image "1.png" looks like the layout object-masks.
        make_pairs(tmp_path / "50", 3)
        save(tmp_path / "1" / "images" / "1.png", image_rows(7))
        save(tmp_path / "1" / "masks" / "1.png", mask_rows())
        assert [*found_cases(tmp_path, "folder-pairs")] == ["1/1", "50/0", "50/1", "50/2"]

    def test_masks_of_objects_are_not_dropped_without_a_word(self, tmp_path: Path) -> None:
        make_objects(tmp_path, ["a"])
        assert "a/images/a.png: image has no label in masks" in found_errors(tmp_path, "folder-pairs")


class TestErrors:
    def test_image_without_label(self, tmp_path: Path) -> None:
        (make_pairs(tmp_path) / "label" / "3.png").unlink()
        assert found_errors(tmp_path) == ["image/3.png: image has no label in label"]
        assert "3" not in found_cases(tmp_path)

    def test_label_without_image(self, tmp_path: Path) -> None:
        (make_pairs(tmp_path) / "image" / "3.png").unlink()
        assert found_errors(tmp_path) == ["label/3.png: label has no image"]

    def test_two_images_of_one_name(self, tmp_path: Path) -> None:
        save(make_pairs(tmp_path) / "image" / "3.tif", image_rows(3))
        assert found_errors(tmp_path) == ["image/3.tif: image names must differ, got 3.png beside it"]

    def test_two_labels_of_one_image(self, tmp_path: Path) -> None:
        save(make_pairs(tmp_path) / "label" / "3_mask.png", mask_rows())
        assert found_errors(tmp_path, "folder-pairs") == [
            "image/3.png: image must have one label, got 3.png, 3_mask.png"
        ]

    def test_two_folders_of_labels(self, tmp_path: Path) -> None:
        save(make_pairs(tmp_path) / "masks" / "0.png", mask_rows())
        rule = f"{tmp_path}: must have one folder of images and one of labels, got image, label, masks"
        assert found_errors(tmp_path) == [rule]


class TestIgnored:
    def test_image_outside_the_folders_is_a_warning(self, tmp_path: Path) -> None:
        save(make_pairs(tmp_path) / "overview.png", image_rows(50))
        assert "images outside the layout were ignored (1: overview.png)" in surveyed_warnings(tmp_path)

    @pytest.mark.parametrize("name", [".hidden.png", "Thumbs.db", "image/.DS_Store", "__MACOSX/._0.png"])
    def test_what_systems_leave_behind_is_nothing(self, tmp_path: Path, name: str) -> None:
        file = make_pairs(tmp_path) / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"")
        assert not any("ignored" in warning for warning in surveyed_warnings(tmp_path))
        assert len(found_cases(tmp_path)) == 6
