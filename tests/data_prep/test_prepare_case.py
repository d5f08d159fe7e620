from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.options import Options
from data_prep.read_case import read_case
from data_prep.sources import SourceCase
from medseg.errors import MedsegError
from tests.data_prep.raw_folders import image_rows, mask_rows, save, save_pages

OPTIONS = Options(name="set")


def case(folder: Path, *masks: np.ndarray, image: np.ndarray | None = None) -> SourceCase:
    """An image with its masks in files."""
    paths = tuple(save(folder / f"mask{index}.png", mask) for index, mask in enumerate(masks))
    return SourceCase("a", save(folder / "a.png", image_rows(0) if image is None else image), paths)


class TestReadCase:
    def test_image_is_kept_and_mask_becomes_0_and_1(self, tmp_path: Path) -> None:
        pixels = read_case(case(tmp_path, mask_rows(3)), OPTIONS)
        assert (pixels.image.dtype, pixels.label.dtype) == (np.uint8, np.uint8)
        np.testing.assert_array_equal(pixels.image[..., 0], image_rows(0).T)
        np.testing.assert_array_equal(pixels.label[..., 0], mask_rows(3, value=1).T)
        assert (pixels.mask_values, pixels.overlap_px) == ({0, 255}, 0)

    def test_sixteen_bits_are_kept(self, tmp_path: Path) -> None:
        pixels = read_case(case(tmp_path, mask_rows(), image=image_rows(0, "uint16") * 250), OPTIONS)
        assert pixels.image.dtype == np.uint16
        np.testing.assert_array_equal(pixels.image[..., 0], image_rows(0, "uint16").T * 250)

    def test_masks_are_united_and_their_overlap_counted(self, tmp_path: Path) -> None:
        # Rows 0-3, 0-1 and 0-1: two rows belong to more than one mask.
        pixels = read_case(case(tmp_path, mask_rows(4), mask_rows(2, value=1), mask_rows(2)), OPTIONS)
        assert pixels.label.sum() == 4 * 16
        assert pixels.overlap_px == 2 * 16
        assert pixels.mask_values == {0, 1, 255}

    def test_more_masks_than_a_byte_counts_are_united(self, tmp_path: Path) -> None:
        source = case(tmp_path, mask_rows(1))
        many = SourceCase(source.name, source.image, source.masks * 256)
        assert read_case(many, OPTIONS).label.sum() == 16

    def test_foreground_is_chosen(self, tmp_path: Path) -> None:
        mask = mask_rows(6, value=2)
        mask[:2] = 1
        pixels = read_case(case(tmp_path, mask), Options(name="set", foreground=frozenset({2})))
        assert pixels.label.sum() == 4 * 16
        assert pixels.mask_values == {0, 1, 2}

    def test_image_and_label_are_turned_alike(self, tmp_path: Path) -> None:
        image = np.arange(6, dtype=np.uint8).reshape(2, 3)
        pixels = read_case(
            case(tmp_path, (image > 3).astype(np.uint8), image=image), Options(name="set", orientation="LP")
        )
        # Rows [[0, 1, 2], [3, 4, 5]] seen from below, first axis to R, second to A.
        assert pixels.image[..., 0].tolist() == [[5, 2], [4, 1], [3, 0]]
        np.testing.assert_array_equal(pixels.label, pixels.image > 3)

    def test_size_that_differs_raises(self, tmp_path: Path) -> None:
        rule = r"mask0\.png: mask must have the size of its image a\.png, 16 x 16, got 10 x 20$"
        with pytest.raises(MedsegError, match=rule):
            read_case(case(tmp_path, np.zeros((20, 10), dtype=np.uint8)), OPTIONS)

    def test_other_mask_values_raise(self, tmp_path: Path) -> None:
        with pytest.raises(
            MedsegError, match=r"mask1\.png: mask values must be 0 and 1, or 0 and 255, got 0, 7; choose"
        ):
            read_case(case(tmp_path, mask_rows(), mask_rows(value=7)), OPTIONS)

    def test_mask_in_jpeg_is_recognised(self, tmp_path: Path) -> None:
        image = save(tmp_path / "a.png", image_rows(0))
        disc = (np.hypot(*np.ogrid[-8:8, -8:8]) < 5).astype(np.uint8) * 255
        Image.fromarray(disc).save(tmp_path / "mask.jpg", quality=95)
        rule = r"mask\.jpg: mask values must be .*; it looks like 0 and 255 blurred by JPEG, so save masks as PNG"
        with pytest.raises(MedsegError, match=rule):
            read_case(SourceCase("a", image, (tmp_path / "mask.jpg",)), OPTIONS)

    def test_page_is_named(self, tmp_path: Path) -> None:
        images = save_pages(tmp_path / "volume.tif", [image_rows(0), image_rows(1)])
        masks = save_pages(tmp_path / "labels.tif", [mask_rows(), mask_rows(value=7)])
        assert read_case(SourceCase("v/0", images, (masks,), page=0), OPTIONS).label.sum() == 4 * 16
        with pytest.raises(MedsegError, match=r"labels\.tif page 1 \(counted from 0\): mask values must be"):
            read_case(SourceCase("v/1", images, (masks,), page=1), OPTIONS)

    @pytest.mark.parametrize("name", ["a.png", "mask0.png"])
    def test_damaged_file_is_named(self, tmp_path: Path, name: str) -> None:
        source = case(tmp_path, mask_rows())
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(MedsegError, match=rf"{name}: must be a readable image"):
            read_case(source, OPTIONS)
