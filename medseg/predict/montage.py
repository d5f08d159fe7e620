"""A contact sheet of a predicted mask: slices of a volume side by side, as a scanner shows them."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_erosion

from medseg.io.orient import Plane
from medseg.transforms.overlay import ERROR_COLOURS

__all__ = ["chosen_slices", "montage"]

_GAP_PX = 4
_LETTER_PX = 13
_ALPHA = 0.3
_COLOUR = np.array(ERROR_COLOURS["true positive"], dtype=np.float32)
_CONTOUR_RGB = (0, 230, 160)  # the same hue, bright enough for a thin line
_PERCENTILES = (0.5, 99.5)
# Axes run to R or A and to A or S, which a scanner shows turned round. Of "source" the plane is not known.
_LEFT_END: dict[Plane | None, str] = {"axial": "R", "coronal": "R", "sagittal": "A"}


def montage(
    voxels: NDArray[Any],
    mask: NDArray[Any],
    *,
    spacing_mm: tuple[float, float, float] | None = None,
    window: tuple[float, float] | None = None,
    plane: Plane | None = "axial",
    count: int = 12,
    tile_px: int = 256,
) -> NDArray[np.uint8]:
    """Draw slices of a volume with the mask in green and the slice's index, from 0, in its corner.

    Args:
        voxels: ``(x, y, z)`` with slices along z, turned as :func:`medseg.io.orient.to_ras` does.
        mask: The same shape, 0 and 1; may be empty.
        spacing_mm: Along x, y and z, by which slices get their proportions; None takes square pixels.
        window: Values shown as black and white; None takes the 0.5th and 99.5th percentile of the slices shown.
        plane: Plane of the slices, which is turned to a scanner's view, the patient's right (of sagittal slices
            anterior) at the left; None leaves pictures that show no patient as they are.
        count: Most slices; see :func:`chosen_slices`.
        tile_px: Longer side of a slice in the sheet.

    Returns:
        RGB ``(x, y, 3)``, x along columns.

    Raises:
        ValueError: If the shapes differ.
    """
    if mask.shape != voxels.shape or mask.ndim != 3:
        raise ValueError(f"mask must be (x, y, z) as its image, got {mask.shape} for {voxels.shape}")
    slices = chosen_slices(mask, count)
    low, high = window or np.percentile(voxels[..., slices], _PERCENTILES)
    size_px = _tile_size(voxels.shape, spacing_mm, tile_px)
    turn = slice(None, None, -1 if plane is not None else 1)
    tiles = []
    for index in slices:
        grey, inside = (array[turn, turn, index].T for array in (voxels, mask))
        tile = _tile(grey, inside > 0, float(low), float(high), size_px)
        _letter(tile, str(index), (4, tile.height - 3), "ls")
        if plane in _LEFT_END:
            _letter(tile, _LEFT_END[plane], (4, tile.height // 2), "lm")
        tiles.append(tile)
    return np.asarray(_sheet(tiles)).transpose(1, 0, 2)


def chosen_slices(mask: NDArray[Any], count: int) -> list[int]:
    """Indices along z to show: evenly those with foreground, first and last among them, and one before and after.

    Args:
        mask: ``(x, y, z)``; where it is empty, slices are taken evenly from all.
        count: Most slices; from 1.

    Raises:
        ValueError: If ``count`` is below 1.
    """
    if count < 1:
        raise ValueError(f"count must be >= 1, got {count}")
    found = np.flatnonzero(mask.any(axis=(0, 1)))
    if not found.size:
        return _evenly(np.arange(mask.shape[2]), count)
    beside = [index for index in (int(found[0]) - 1, int(found[-1]) + 1) if 0 <= index < mask.shape[2]]
    if count <= len(beside):
        beside = []
    return sorted([*beside, *_evenly(found, count - len(beside))])


def _evenly(indices: NDArray[np.int64], count: int) -> list[int]:
    if count == 1:
        return [int(indices[len(indices) // 2])]
    places = np.rint(np.linspace(0, len(indices) - 1, min(count, len(indices)))).astype(int)
    return [int(index) for index in indices[places]]


def _tile_size(shape: tuple[int, ...], spacing_mm: tuple[float, float, float] | None, tile_px: int) -> tuple[int, int]:
    """Width and height of a slice in the sheet, in the proportions of the body."""
    x_mm, y_mm, _ = spacing_mm or (1.0, 1.0, 1.0)
    sides = (shape[0] * x_mm, shape[1] * y_mm)
    width, height = (max(1, round(side / max(sides) * tile_px)) for side in sides)
    return width, height


def _tile(
    grey: NDArray[Any], inside: NDArray[np.bool_], low: float, high: float, size_px: tuple[int, int]
) -> Image.Image:
    """One slice; ``grey`` and ``inside`` are ``(rows, columns)``."""
    scaled = np.clip((grey.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1) * 255
    picture = Image.fromarray(np.rint(scaled).astype(np.uint8)).resize(size_px, Image.Resampling.BILINEAR)
    rgb = np.array(picture.convert("RGB"), dtype=np.float32)
    shares = Image.fromarray(inside.astype(np.uint8) * 255).resize(size_px, Image.Resampling.BILINEAR)
    # In a sheet smaller than the slice a half would lose what is a pixel or two wide.
    shown = np.asarray(shares) > (127 if size_px[0] >= grey.shape[1] else 63)
    rgb[shown] = (1 - _ALPHA) * rgb[shown] + _ALPHA * _COLOUR
    rgb[shown & ~binary_erosion(shown)] = _CONTOUR_RGB
    return Image.fromarray(np.rint(rgb).astype(np.uint8))


def _letter(tile: Image.Image, text: str, place: tuple[float, float], anchor: str) -> None:
    font = ImageFont.load_default(size=_LETTER_PX)
    ImageDraw.Draw(tile).text(place, text, "white", font, anchor=anchor, stroke_width=1, stroke_fill="black")


def _sheet(tiles: list[Image.Image]) -> Image.Image:
    """Tiles of one size row by row, a little wider than high."""
    width, height = tiles[0].size
    columns = min(len(tiles), max(1, ceil((len(tiles) * 4 / 3 * height / width) ** 0.5)))
    rows = ceil(len(tiles) / columns)
    sheet = Image.new("RGB", (columns * (width + _GAP_PX) - _GAP_PX, rows * (height + _GAP_PX) - _GAP_PX))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * (width + _GAP_PX), number // columns * (height + _GAP_PX)))
    return sheet
