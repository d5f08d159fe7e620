from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_prep.choose_layout import choose_layout
from data_prep.sources import FindChoices
from medseg.io.scans import ScanChoices
from tests.data_prep.raw_folders import (
    found_cases,
    found_errors,
    image_rows,
    make_stack,
    mask_rows,
    save,
    save_pages,
    surveyed,
    surveyed_errors,
)


class TestCases:
    def test_each_page_is_a_case(self, tmp_path: Path) -> None:
        make_stack(tmp_path, 11)
        assert choose_layout(tmp_path).name == "tiff-stack"
        files = ("train-volume.tif", "train-labels.tif")
        assert found_cases(tmp_path) == {f"train-volume/{page:02d}": files for page in range(11)}

    def test_pages_are_paired_in_order(self, tmp_path: Path) -> None:
        make_stack(tmp_path, 4)
        for page, case in enumerate(choose_layout(tmp_path).find(tmp_path, FindChoices()).cases):
            image = case.image.read(ScanChoices(), None)
            assert case.label is not None
            label = case.label.read(case.image, image, None, ScanChoices())
            np.testing.assert_array_equal(image.volume.voxels[..., 0], image_rows(page).T)
            np.testing.assert_array_equal(label.mask[..., 0], mask_rows(page + 1, value=1).T)

    @pytest.mark.parametrize(("image", "label"), [("stack.tif", "stack_mask.tif"), ("Raw Image.tiff", "Raw GT.tiff")])
    def test_usual_names_are_known(self, tmp_path: Path, image: str, label: str) -> None:
        save_pages(tmp_path / image, [image_rows(0), image_rows(1)])
        save_pages(tmp_path / label, [mask_rows(), mask_rows()])
        assert set(found_cases(tmp_path).values()) == {(image, label)}

    def test_pages_of_one_stack_are_one_group(self, tmp_path: Path) -> None:
        result = surveyed(make_stack(tmp_path))
        assert len({case.group for case in result.cases}) == 1
        assert result.split is not None
        assert result.split.method == "contiguous"

    def test_several_stacks_are_a_group_each(self, tmp_path: Path) -> None:
        make_stack(tmp_path, 3, block="b")
        result = surveyed(make_stack(tmp_path, 2, block="a", first_seed=10))
        assert [case.group for case in result.cases] == ["g00", "g00", "g01", "g01", "g01"]
        assert result.split is not None
        assert result.split.method == "group"


class TestErrors:
    def test_numbers_of_pages_differ(self, tmp_path: Path) -> None:
        save_pages(make_stack(tmp_path, 4) / "train-labels.tif", [mask_rows()] * 3)
        assert found_errors(tmp_path) == ["train-labels.tif: must have a page for each of train-volume.tif's 4, got 3"]

    def test_stack_without_labels(self, tmp_path: Path) -> None:
        save_pages(make_stack(tmp_path) / "test-volume.tif", [image_rows(8), image_rows(9)])
        assert found_errors(tmp_path) == [
            "test-volume.tif: must be one stack of images and one of labels, got test-volume.tif;"
            " move others to another folder"
        ]

    def test_two_stacks_of_one_name(self, tmp_path: Path) -> None:
        save_pages(make_stack(tmp_path) / "train-image.tif", [image_rows(8), image_rows(9)])
        assert found_errors(tmp_path) == [
            "train-image.tif: must be one stack of images and one of labels, got train-image.tif, train-volume.tif,"
            " train-labels.tif; move others to another folder"
        ]

    def test_damaged_stack(self, tmp_path: Path) -> None:
        file = make_stack(tmp_path) / "train-labels.tif"
        file.write_bytes(file.read_bytes()[:4])
        (error,) = found_errors(tmp_path, "tiff-stack")
        assert error.startswith("train-labels.tif: must be a readable image")

    def test_damaged_single_image_is_left_to_its_own_layout(self, tmp_path: Path) -> None:
        save(tmp_path / "a.tif", image_rows(0))
        (tmp_path / "a_mask.tif").write_bytes(b"")
        assert choose_layout(tmp_path).name == "mask-suffix"
        (error,) = surveyed_errors(tmp_path)
        assert error.startswith("a_mask.tif: must be a readable image")

    def test_single_images_are_no_stack(self, tmp_path: Path) -> None:
        save(tmp_path / "a.tif", image_rows(0))
        save(tmp_path / "a_mask.tif", mask_rows())
        assert choose_layout(tmp_path).name == "mask-suffix"
