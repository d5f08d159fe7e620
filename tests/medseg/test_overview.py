from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from medseg.errors import MedsegError, UsageError
from medseg.overview import Column, Section, write_overview
from medseg.transforms import ERROR_COLOURS

TILE, GAP = 256, 8
WHITE = (255, 255, 255)


def column(folder: Path, colours: dict[str, str], heading: Sequence[str] = ("unet", "Dice 0.9000")) -> Column:
    """Pictures of one colour each, by name."""
    folder.mkdir(parents=True)
    pictures = []
    for name, colour in colours.items():
        Image.new("RGB", (20, 20), colour).save(folder / name)
        pictures.append(folder / name)
    return Column(tuple(heading), pictures)


def drawn(folder: Path, *sections: Section, rows: int = 3) -> Image.Image:
    write_overview(folder / "overview.png", sections, rows=rows)
    with Image.open(folder / "overview.png") as image:
        return image.convert("RGB")


def colours_down(image: Image.Image, x: int, top: int = 0) -> list[tuple[int, ...]]:
    """Colours met going down at ``x``, white and text left out."""
    met: list[tuple[int, ...]] = []
    for y in range(top, image.height):
        colour = image.getpixel((x, y))
        assert isinstance(colour, tuple)
        if max(colour) == 255 and min(colour) == 0 and colour not in met[-1:]:
            met.append(colour)
    return met


class TestWriteOverview:
    def test_a_column_a_training_and_a_row_a_slice(self, tmp_path: Path) -> None:
        first = column(tmp_path / "1", {"b.png": "lime", "a.png": "red"})
        second = column(tmp_path / "2", {"a.png": "blue", "b.png": "yellow"})
        image = drawn(tmp_path, Section("discs", [first, second]))
        middle = GAP + TILE // 2
        assert colours_down(image, middle) == [(255, 0, 0), (0, 255, 0)]
        assert colours_down(image, middle + TILE + GAP) == [(0, 0, 255), (255, 255, 0)]

    def test_only_slices_that_all_trainings_drew_are_shown(self, tmp_path: Path) -> None:
        first = column(tmp_path / "1", {"a.png": "red", "b.png": "lime"})
        second = column(tmp_path / "2", {"b.png": "blue", "c.png": "yellow"})
        image = drawn(tmp_path, Section("discs", [first, second]))
        assert colours_down(image, 100) == [(0, 255, 0)]
        assert colours_down(image, 100 + TILE + GAP) == [(0, 0, 255)]

    def test_at_most_so_many_rows(self, tmp_path: Path) -> None:
        colours = {"a.png": "red", "b.png": "lime", "c.png": "blue"}
        image = drawn(tmp_path, Section("discs", [column(tmp_path / "1", colours)]), rows=2)
        assert colours_down(image, 100) == [(255, 0, 0), (0, 255, 0)]

    def test_sections_stand_below_each_other(self, tmp_path: Path) -> None:
        sections = [
            Section("discs", [column(tmp_path / "1", {"a.png": "red"})]),
            Section("cells", [column(tmp_path / "2", {"x.png": "blue"}), column(tmp_path / "3", {"x.png": "lime"})]),
        ]
        image = drawn(tmp_path, *sections)
        assert colours_down(image, 100) == [(255, 0, 0), (0, 0, 255)]
        assert colours_down(image, 100 + TILE + GAP) == [(0, 255, 0)]

    def test_picture_that_is_not_square_keeps_its_shape(self, tmp_path: Path) -> None:
        (tmp_path / "1").mkdir()
        Image.new("RGB", (40, 20), "red").save(tmp_path / "1" / "a.png")
        image = drawn(tmp_path, Section("discs", [Column(("unet",), [tmp_path / "1" / "a.png"])]))
        red = [(x, y) for x in range(image.width) for y in range(image.height) if image.getpixel((x, y)) == (255, 0, 0)]
        width, height = (max(place) - min(place) + 1 for place in zip(*red, strict=True))
        assert (width, height) == (TILE, TILE // 2)

    def test_text_is_drawn_and_fits(self, tmp_path: Path) -> None:
        title = "a data set with a long name (data dddddddd, random split 55555555, images at their own size) LEAKY"
        image = drawn(tmp_path, Section(title, [column(tmp_path / "1", {"a.png": "red"})]))
        top = image.crop((0, 0, image.width, 30))
        dark = [x for x in range(top.width) for y in range(top.height) if max(top.getpixel((x, y))) < 128]  # type: ignore[arg-type]
        assert min(dark) < 20
        assert 700 < max(dark) < image.width - 4
        # The lines of a column's heading, each 24 pixels high.
        for line in (1, 2):
            text = image.crop((0, GAP + 24 * line, TILE, GAP + 24 * (line + 1)))
            assert min(min(pixel) for pixel in text.get_flattened_data()) < 128

    def test_legend_shows_what_the_colours_mean(self, tmp_path: Path) -> None:
        image = drawn(tmp_path, Section("discs", [column(tmp_path / "1", {"a.png": "red"})] * 3))
        bottom = image.crop((0, image.height - 32, image.width, image.height))
        assert set(ERROR_COLOURS.values()) <= set(bottom.get_flattened_data())

    def test_no_slice_in_common_raises(self, tmp_path: Path) -> None:
        columns = [column(tmp_path / "1", {"a.png": "red"}), column(tmp_path / "2", {})]
        with pytest.raises(
            UsageError, match=r"^discs: a picture must show slices that each training drew, but there is"
        ):
            write_overview(tmp_path / "overview.png", [Section("discs", columns)])
        assert not (tmp_path / "overview.png").exists()

    def test_damaged_picture_is_named(self, tmp_path: Path) -> None:
        damaged = column(tmp_path / "1", {"a.png": "red"})
        damaged.pictures[0].write_bytes(damaged.pictures[0].read_bytes()[:40])
        with pytest.raises(MedsegError, match=r"1/a\.png: must be a readable picture, got .*; leave out --picture"):
            write_overview(tmp_path / "overview.png", [Section("discs", [damaged])])
        assert not (tmp_path / "overview.png").exists()
