from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from medseg.handlers import Overlays
from tests.medseg.handlers.outputs import COLUMN, CORNER, EMPTY, make_item, passing_engine


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestOverlays:
    def test_draws_the_first_slices_with_foreground(self, tmp_path: Path) -> None:
        engine = passing_engine()
        Overlays(tmp_path, count=2).attach(engine)
        labels = [EMPTY, CORNER, EMPTY, COLUMN, CORNER]
        engine.run([[make_item("a", index, CORNER, label)] for index, label in enumerate(labels)])
        assert names(tmp_path) == ["a_001.png", "a_003.png"]

    def test_colours_errors_with_x_along_columns(self, tmp_path: Path) -> None:
        engine = passing_engine()
        Overlays(tmp_path, count=1).attach(engine)
        pred = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
        engine.run([[make_item("a", 12, pred, COLUMN)]])
        with Image.open(tmp_path / "a_012.png") as image:
            # On black, 0.45 of green, orange and purple; (x, y) in Pillow's getpixel.
            assert image.getpixel((0, 0)) == (0, 71, 52)
            assert image.getpixel((0, 1)) == (104, 72, 0)
            assert image.getpixel((1, 0)) == (92, 54, 75)
            assert image.getpixel((1, 1)) == (0, 0, 0)

    def test_scanner_view_turns_slices_that_run_to_r_and_a(self, tmp_path: Path) -> None:
        engine = passing_engine()
        Overlays(tmp_path, count=1, scanner_view=True).attach(engine)
        pred = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
        engine.run([[make_item("a", 12, pred, COLUMN)]])
        with Image.open(tmp_path / "a_012.png") as image:
            # What is at R and A, the end of both axes, is at the picture's left and top; green is at L and P.
            assert image.getpixel((1, 1)) == (0, 71, 52)
            assert image.getpixel((1, 0)) == (104, 72, 0)
            assert image.getpixel((0, 1)) == (92, 54, 75)
            assert image.getpixel((0, 0)) == (0, 0, 0)

    def test_next_epoch_draws_the_same_slices_anew(self, tmp_path: Path) -> None:
        engine = passing_engine()
        Overlays(tmp_path, count=1).attach(engine)
        engine.run([[make_item("a", 0, EMPTY, CORNER)], [make_item("b", 0, EMPTY, CORNER)]])
        before = (tmp_path / "a_000.png").read_bytes()
        engine.run([[make_item("a", 0, CORNER, CORNER)], [make_item("b", 0, EMPTY, CORNER)]])
        assert names(tmp_path) == ["a_000.png"]
        assert (tmp_path / "a_000.png").read_bytes() != before

    def test_image_of_another_size_is_brought_to_the_masks(self, tmp_path: Path) -> None:
        engine = passing_engine()
        Overlays(tmp_path).attach(engine)
        engine.run([[make_item("a", 0, CORNER, CORNER, image=torch.rand(1, 8, 6))]])
        with Image.open(tmp_path / "a_000.png") as image:
            assert image.size == (2, 2)
