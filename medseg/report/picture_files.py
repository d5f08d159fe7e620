"""Pictures of cases as files, and within a page."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image

from medseg.io.atomic import atomic_path
from medseg.report.pictures import PictureRow
from medseg.transforms.overlay import ERROR_COLOURS

__all__ = ["embedded", "hex_colour", "save_row"]

_PAGE_PX = 400
_PANEL_INCH = 2.2
_PNG_DPI = 150


def embedded(rgb: NDArray[np.uint8]) -> dict[str, object]:
    """Attributes of an ``img`` that holds its own pixels, at most 400 along a side.

    Args:
        rgb: ``(x, y, 3)``, x along columns.
    """
    image = Image.fromarray(np.ascontiguousarray(rgb.transpose(1, 0, 2)))
    image.thumbnail((_PAGE_PX, _PAGE_PX))
    buffer = BytesIO()
    # Grey levels and tints fit into 256 colours, which take a third of the bytes.
    image.quantize(256, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    source = f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
    return {"src": source, "width": image.width, "height": image.height}


def hex_colour(rgb: tuple[int, int, int]) -> str:
    """``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def save_row(folder: Path, row: PictureRow) -> None:
    """Write ``case_<rank>.png``: the panels side by side under their titles, and what the colours mean."""
    figure = Figure(figsize=(_PANEL_INCH * len(row.panels), _PANEL_INCH + 0.9))
    axes = figure.subplots(1, len(row.panels), squeeze=False)[0]
    for place, panel in zip(axes, row.panels, strict=True):
        place.imshow(panel.rgb.transpose(1, 0, 2))
        place.set_title(f"{panel.title}\n{panel.note}", fontsize=8, loc="left")
        place.set_axis_off()
    figure.suptitle(row.title, x=0.01, ha="left", fontsize=9)
    patches = [Patch(color=hex_colour(colour), label=name) for name, colour in ERROR_COLOURS.items()]
    figure.legend(handles=patches, loc="outside lower left", ncols=3, fontsize=8)
    with atomic_path(folder / f"case_{row.chosen.rank}.png") as partial:
        figure.savefig(partial, format="png", dpi=_PNG_DPI, metadata={"Software": None})
