"""One picture of several trainings: a row a slice, a column a network, errors coloured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import atomic_path
from medseg.transforms import ERROR_COLOURS

__all__ = ["Column", "Section", "write_overview"]

_TILE_PX = 256
_GAP_PX = 8
_LINE_PX = 24
_STEP_PX = _TILE_PX + _GAP_PX


@dataclass(frozen=True)
class Column:
    """A training's overlay files, under lines of text."""

    heading: tuple[str, ...]
    pictures: Sequence[Path]


@dataclass(frozen=True)
class Section:
    """Trainings on one data set."""

    title: str
    columns: Sequence[Column]


def write_overview(path: Path, sections: Sequence[Section], *, rows: int = 3) -> None:
    """Draw, section below section, the pictures that all columns of a section have in common.

    Args:
        path: PNG to write.
        sections: At least one.
        rows: Most pictures to draw of a column.

    Raises:
        UsageError: If the columns of a section have no picture in common.
        MedsegError: If a picture is damaged.
    """
    parts = [_draw(section, rows) for section in sections]
    legend = _draw_legend()
    parts.append(legend)
    canvas = Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        canvas.paste(part, (0, top))
        top += part.height
    with atomic_path(path) as partial:
        canvas.save(partial, format="PNG")


def _draw(section: Section, rows: int) -> Image.Image:
    named = [{picture.name: picture for picture in column.pictures} for column in section.columns]
    common = sorted(set.intersection(*map(set, named)))[:rows]
    if not common:
        raise UsageError(
            f"{section.title}: a picture must show slices that each training drew, but there is none;"
            " leave out --picture, or name another data set with --dataset"
        )
    head = _GAP_PX + _LINE_PX * (1 + max(len(column.heading) for column in section.columns))
    width = max(_GAP_PX + len(named) * _STEP_PX, 2 * _GAP_PX + round(_font().getlength(section.title)))
    canvas = Image.new("RGB", (width, head + len(common) * _STEP_PX), "white")
    draw = ImageDraw.Draw(canvas)
    draw.text((_GAP_PX, _GAP_PX), section.title, fill="black", font=_font())
    for index, column in enumerate(section.columns):
        left = _GAP_PX + index * _STEP_PX
        for line, text in enumerate(column.heading, start=1):
            draw.text((left, _GAP_PX + line * _LINE_PX), text, fill="black", font=_font())
        for row, name in enumerate(common):
            canvas.paste(_tile(named[index][name]), (left, head + row * _STEP_PX))
    return canvas


def _tile(picture: Path) -> Image.Image:
    try:
        with Image.open(picture) as image:
            return ImageOps.pad(image.convert("RGB"), (_TILE_PX, _TILE_PX), color="white")
    except (OSError, SyntaxError) as error:  # Pillow's for a damaged PNG
        raise MedsegError(f"{picture}: must be a readable picture, got {error}; leave out --picture") from error


def _draw_legend() -> Image.Image:
    canvas = Image.new("RGB", (_GAP_PX + 190 * len(ERROR_COLOURS), _LINE_PX + _GAP_PX), "white")
    draw = ImageDraw.Draw(canvas)
    for index, (name, colour) in enumerate(ERROR_COLOURS.items()):
        left = _GAP_PX + 190 * index
        draw.rectangle((left, 2, left + 18, 20), fill=colour)
        draw.text((left + 26, 0), name, fill="black", font=_font())
    return canvas


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size=17)
