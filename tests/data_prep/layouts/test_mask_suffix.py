from __future__ import annotations

from pathlib import Path

import pytest

from tests.data_prep.raw_folders import found_cases, found_errors, image_rows, make_suffixed, mask_rows, save


class TestPairs:
    def test_mask_beside_its_image_makes_a_case(self, tmp_path: Path) -> None:
        make_suffixed(tmp_path, ["000", "001"])
        assert found_cases(tmp_path) == {name: (f"{name}.png", f"{name}_mask.png") for name in ("000", "001")}

    def test_subfolders_stand_in_the_names(self, tmp_path: Path) -> None:
        make_suffixed(tmp_path, ["train/2", "train/10", "val/0"])
        assert [*found_cases(tmp_path)] == ["train/2", "train/10", "val/0"]

    @pytest.mark.parametrize("mask", ["a_mask.tif", "a-seg.png", "a_LABEL.PNG"])
    def test_other_suffixes_and_formats_are_known(self, tmp_path: Path, mask: str) -> None:
        save(tmp_path / "a.png", image_rows(0))
        save(tmp_path / mask, mask_rows())
        assert found_cases(tmp_path) == {"a": ("a.png", mask)}


class TestErrors:
    def test_image_without_mask(self, tmp_path: Path) -> None:
        (make_suffixed(tmp_path, ["0", "1"]) / "1_mask.png").unlink()
        assert found_errors(tmp_path) == ["1.png: image must have one mask 1_mask beside it, got none"]

    def test_mask_without_image(self, tmp_path: Path) -> None:
        (make_suffixed(tmp_path, ["0", "1"]) / "1.png").unlink()
        assert found_errors(tmp_path) == ["1_mask.png: mask has no image"]

    def test_two_masks(self, tmp_path: Path) -> None:
        save(make_suffixed(tmp_path, ["0"]) / "0_seg.png", mask_rows())
        assert found_errors(tmp_path) == ["0.png: image must have one mask 0_mask beside it, got 0_mask.png, 0_seg.png"]

    def test_two_images_of_one_name(self, tmp_path: Path) -> None:
        save(make_suffixed(tmp_path, ["0"]) / "0.tif", image_rows(1))
        assert found_errors(tmp_path) == ["0.tif: image names must differ, got 0.png beside it"]

    def test_mask_whose_name_is_only_the_suffix(self, tmp_path: Path) -> None:
        save(make_suffixed(tmp_path, ["0"]) / "_mask.png", mask_rows())
        assert found_errors(tmp_path) == ["_mask.png: mask has no image"]
