"""One picture of several trainings: a row a slice, a column a network, errors coloured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from medseg.io.atomic import atomic_path
from medseg.transforms import ERROR_COLOURS

__all__ = ["write_overview"]

_TILE_PX = 256
_GAP_PX = 8
_TEXT_PX = 34


def write_overview(path: Path, pictures: Mapping[str, Sequence[Path]], *, rows: int = 3) -> None:
    """Draw the pictures that all columns have in common.

    Args:
        path: PNG to write.
        pictures: Overlay files of each column's run, by the column's title.
        rows: Most rows to draw.
    """
    names = [{picture.name: picture for picture in column} for column in pictures.values()]
    common = sorted(set.intersection(*(set(column) for column in names)))[:rows] if names else []
    width = len(names) * (_TILE_PX + _GAP_PX) + _GAP_PX
    canvas = Image.new("RGB", (width, 2 * _TEXT_PX + len(common) * (_TILE_PX + _GAP_PX)), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=17)
    for column, title in enumerate(pictures):
        left = _GAP_PX + column * (_TILE_PX + _GAP_PX)
        draw.text((left, 8), title, fill="black", font=font)
        for row, name in enumerate(common):
            with Image.open(names[column][name]) as picture:
                tile = picture.convert("RGB").resize((_TILE_PX, _TILE_PX), Image.Resampling.BILINEAR)
            canvas.paste(tile, (left, _TEXT_PX + row * (_TILE_PX + _GAP_PX)))
    _legend(draw, font, canvas.height - _TEXT_PX + 4)
    with atomic_path(path) as partial:
        canvas.save(partial, format="PNG")


def _legend(draw: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, top: int) -> None:
    left = _GAP_PX
    for name, colour in ERROR_COLOURS.items():
        draw.rectangle((left, top + 2, left + 18, top + 20), fill=colour)
        draw.text((left + 26, top), name, fill="black", font=font)
        left += 190
