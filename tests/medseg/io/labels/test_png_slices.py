from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medseg.errors import MedsegError, SourceError
from medseg.io.labels import LabelClass, read_png_slices
from medseg.io.volume import Volume
from tests.medseg.io.labels.series_files import SIZE, random_mask, read_ct, write_ct

MASK = random_mask(seed=3)
SLICES = SIZE[2]


def from_the_top(z: int) -> str:
    """CHAOS's names: they run down the body."""
    return f"i{SLICES - 1 - z:04d},0000b.dcm"


def write_masks(
    folder: Path, name: Callable[[int], str] = "liver_GT_{:03d}.png".format, value: int = 255
) -> list[Path]:
    """Masks in the order of their numbers, the first one of the topmost slice."""
    folder.mkdir()
    for number in range(SLICES):
        Image.fromarray(np.ascontiguousarray(value * MASK[..., SLICES - 1 - number].T)).save(folder / name(number))
    return [folder / name(number) for number in range(SLICES)]


@pytest.fixture
def series(tmp_path: Path) -> tuple[list[Path], Volume]:
    """A series' files in the order of its slices, and itself."""
    files = write_ct(tmp_path / "DICOM_anon", name=from_the_top)
    return files, read_ct(files)


class TestReadPngSlices:
    def test_masks_pair_with_files_in_the_order_of_names(
        self, tmp_path: Path, series: tuple[list[Path], Volume]
    ) -> None:
        paths = write_masks(tmp_path / "Ground")
        read = read_png_slices(paths[2:] + paths[:2], *series)
        np.testing.assert_array_equal(read.mask, MASK)
        assert read.mask.dtype == np.uint8
        assert (read.classes, read.absent, read.warnings) == ((LabelClass(255),), (), ())

    def test_names_that_run_up(self, tmp_path: Path) -> None:
        files = write_ct(tmp_path / "ct")
        read = read_png_slices(write_masks(tmp_path / "Ground"), files, read_ct(files))
        np.testing.assert_array_equal(read.mask, MASK[..., ::-1])

    def test_one_bit_masks(self, tmp_path: Path, series: tuple[list[Path], Volume]) -> None:
        paths = write_masks(tmp_path / "Ground")
        for path in paths:
            Image.open(path).convert("1").save(path)
        np.testing.assert_array_equal(read_png_slices(paths, *series).mask, MASK)

    def test_values_are_chosen(self, tmp_path: Path, series: tuple[list[Path], Volume]) -> None:
        paths = write_masks(tmp_path / "Ground", value=63)
        Image.fromarray(np.full(SIZE[1::-1], 126, np.uint8)).save(paths[0])
        with pytest.raises(SourceError, match=r"Ground \[63, 126\]: label must have one class, got 2"):
            read_png_slices(paths, *series)
        chosen = read_png_slices(paths, *series, ["63"]).mask
        np.testing.assert_array_equal(chosen[..., :-1], MASK[..., :-1])
        assert not chosen[..., -1].any()

    @pytest.mark.parametrize("number", [0, 4])
    def test_numbers_must_agree(self, tmp_path: Path, series: tuple[list[Path], Volume], number: int) -> None:
        paths = write_masks(tmp_path / "Ground")
        with pytest.raises(SourceError, match=f"masks must be as many as the slices, 5 in 5 files, got {number}"):
            read_png_slices(paths[:number], *series)

    def test_sizes_must_agree(self, tmp_path: Path, series: tuple[list[Path], Volume]) -> None:
        paths = write_masks(tmp_path / "Ground")
        Image.fromarray(np.zeros((7, 6), np.uint8)).save(paths[2])
        with pytest.raises(SourceError, match=r"GT_002\.png: mask must have the size of its slice, 7 x 6, got 6 x 7"):
            read_png_slices(paths, *series)

    def test_masks_whose_numbers_are_not_in_the_order_of_letters_are_refused(
        self, tmp_path: Path, series: tuple[list[Path], Volume]
    ) -> None:
        paths = write_masks(tmp_path / "Ground", name=lambda number: f"GT_{number + 8}.png")
        with pytest.raises(
            SourceError, match=r"Ground: numbers in file names .* fill them up with zeros \(2 becomes 002"
        ):
            read_png_slices(paths, *series)

    def test_files_whose_numbers_are_not_in_the_order_of_letters_are_refused(self, tmp_path: Path) -> None:
        files = write_ct(tmp_path / "ct", name=lambda z: f"IMG{z + 8}")
        with pytest.raises(SourceError, match="ct: numbers in file names must order them as letters do"):
            read_png_slices(write_masks(tmp_path / "Ground"), files, read_ct(files))

    def test_names_in_another_order_than_the_slices_are_refused(self, tmp_path: Path) -> None:
        files = write_ct(tmp_path / "ct", name=lambda z: f"{2 * z % SLICES}.dcm")
        with pytest.raises(SourceError, match="ct: files must be in the order of their slices by name, got another"):
            read_png_slices(write_masks(tmp_path / "Ground"), files, read_ct(files))

    def test_value_that_no_label_holds_is_refused(self, tmp_path: Path, series: tuple[list[Path], Volume]) -> None:
        paths = write_masks(tmp_path / "Ground", name="GT_{:03d}.tif".format)
        Image.fromarray(np.full(SIZE[1::-1], 2**16 + 1, np.int32)).save(paths[1])
        with pytest.raises(SourceError, match=r"GT_001\.tif: label values must be 0 to 65535, got 0 to 65537"):
            read_png_slices(paths, *series)

    def test_damaged_mask_is_refused(self, tmp_path: Path, series: tuple[list[Path], Volume]) -> None:
        paths = write_masks(tmp_path / "Ground")
        paths[3].write_bytes(paths[3].read_bytes()[:50])
        with pytest.raises(MedsegError, match=r"liver_GT_003\.png: must be a readable image"):
            read_png_slices(paths, *series)
