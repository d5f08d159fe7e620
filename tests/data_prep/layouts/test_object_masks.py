from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.choose_layout import choose_layout
from tests.data_prep.raw_folders import found_cases, found_errors, image_rows, make_objects, mask_rows, save, surveyed


class TestCases:
    @pytest.mark.parametrize("home", ["", "stage1_train"])
    def test_each_folder_is_a_case_with_all_its_masks(self, tmp_path: Path, home: str) -> None:
        make_objects(tmp_path / home, ["b", "a"])
        prefix = f"{home}/" if home else ""
        assert choose_layout(tmp_path).name == "object-masks"
        assert found_cases(tmp_path) == {
            name: tuple(
                f"{prefix}{name}/{file}" for file in (f"images/{name}.png", "masks/first.png", "masks/second.png")
            )
            for name in ("a", "b")
        }

    def test_each_image_is_a_group_of_its_own(self, tmp_path: Path) -> None:
        result = surveyed(make_objects(tmp_path, ["a", "b", "c"]))
        assert result.plan.groups_known
        assert len({case.group for case in result.cases}) == 3

    def test_label_is_the_union_of_the_masks(self, tmp_path: Path) -> None:
        # Two rows of 16 pixels in one mask, three in the other.
        assert surveyed(make_objects(tmp_path, ["a", "b"])).cases[0].foreground_px == 5 * 16


class TestErrors:
    def test_folder_without_image(self, tmp_path: Path) -> None:
        (make_objects(tmp_path, ["a", "b"]) / "a" / "images" / "a.png").unlink()
        assert found_errors(tmp_path) == ["a/images: must hold one image, got 0"]

    def test_folder_with_two_images(self, tmp_path: Path) -> None:
        save(make_objects(tmp_path, ["a", "b"]) / "a" / "images" / "other.png", image_rows(7))
        assert found_errors(tmp_path, "object-masks") == ["a/images: must hold one image, got 2"]

    def test_image_without_masks(self, tmp_path: Path) -> None:
        make_objects(tmp_path, ["a", "b"])
        for mask in ("first", "second"):
            (tmp_path / "a" / "masks" / f"{mask}.png").unlink()
        assert found_errors(tmp_path) == ["a/images/a.png: image has no mask in a/masks"]

    def test_masks_without_folder_of_images(self, tmp_path: Path) -> None:
        save(make_objects(tmp_path, ["a"]) / "b" / "masks" / "first.png", mask_rows())
        assert found_errors(tmp_path) == ["b/masks: 1 masks have no image in b/images"]
