"""Small picture of a prepared case: planes through the foreground with the mask's contour, as a radiologist views it.

Of a volume the axial, coronal and sagittal plane stand side by side. The patient's right is at the left, anterior at
the top or, in sagittal planes, at the left, superior at the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_dilation

__all__ = ["CONTOUR_RGB", "CT_WINDOW_HU", "case_picture"]

# Orange of Okabe and Ito's palette, brightened for thin lines: dichromats tell it from every grey.
CONTOUR_RGB = (255, 170, 0)

_PANEL_PX, _ONLY_PANEL_PX = 256, 384
_GAP_PX = 8
_QUALITY = 70
CT_WINDOW_HU = (-160.0, 240.0)
_PERCENTILES = (0.5, 99.5)
# A pixel of the picture counts as mask from this share on: a half would lose what is one pixel wide in a large image.
_LEAST_COVERED = 0.25
# More than this is not seen in a panel, and would only take time.
_MOST_SAMPLES = 1024

_BODY_AXES = "RAS"
_ENDS = {"R": "RL", "A": "AP", "S": "SI"}
_LEAST_LETTERED_PX = 40
_LETTER_PX = 13


@dataclass(frozen=True, eq=False)
class _Plane:
    """A cut, as it is seen.

    Attributes:
        image: ``(rows, columns)``.
        mask: The same shape; None without a label.
        size_mm: Width and height; of pictures, in pixels.
        ends: What lies at the left, right, top and bottom; empty where that is not known.
    """

    image: NDArray[Any]
    mask: NDArray[np.bool_] | None
    size_mm: tuple[float, float]
    ends: str


def case_picture(
    image: NDArray[Any],
    label: NDArray[np.uint8] | None,
    spacing_mm: tuple[float, float, float] | None,
    *,
    modality: str | None = None,
    oriented: bool = False,
    axes: str = _BODY_AXES,
) -> bytes:
    """Draw a case.

    The planes go through a voxel of the foreground: of the slice with most of it, the middle one along x and y. Without
    foreground they go through the middle of the image.

    Args:
        image: ``(x, y, z)``; with one slice only that is drawn.
        label: The same shape, 0 and 1; None without a label.
        spacing_mm: Along x, y and z; None for pictures.
        modality: ``CT`` is drawn from -160 to 240 HU, all else between its planes' 0.5th and 99.5th percentiles.
        oriented: Whether a picture shows a patient, and so lies in RAS+; else columns are x and rows y.
        axes: Directions in which x, y and z run, in any order of R, A and S.

    Returns:
        JPEG; the same voxels give the same bytes.
    """
    if image.shape[2] == 1:
        lies_in_body = oriented or spacing_mm is not None
        planes = [_cut(image, label, spacing_mm, axes if lies_in_body else "", 2, 0)]
    else:
        body = [axes.index(axis) for axis in _BODY_AXES]
        voxel = _foreground_voxel(label) or tuple(size // 2 for size in image.shape)
        turned = None if label is None else label.transpose(body)
        spacing = None if spacing_mm is None else (spacing_mm[body[0]], spacing_mm[body[1]], spacing_mm[body[2]])
        planes = [
            _cut(image.transpose(body), turned, spacing, _BODY_AXES, axis, voxel[body[axis]]) for axis in (2, 1, 0)
        ]
    low, high = _window([plane.image for plane in planes], modality)
    side_px = _PANEL_PX if len(planes) > 1 else _ONLY_PANEL_PX
    return _jpeg(_side_by_side([_panel(plane, low, high, side_px) for plane in planes]))


def _foreground_voxel(label: NDArray[np.uint8] | None) -> tuple[int, ...] | None:
    """Unlike the centre of mass, it always lies in the foreground's rows and columns; None without foreground."""
    if label is None:
        return None
    # As booleans, which NumPy counts many times faster than it adds bytes.
    counts = [np.count_nonzero(label[..., z].view(np.bool_)) for z in range(label.shape[2])]
    z = int(np.argmax(counts))
    places = np.nonzero(label[..., z])
    return (*(int(np.sort(place)[place.size // 2]) for place in places), z) if counts[z] else None


def _cut(
    image: NDArray[Any],
    label: NDArray[np.uint8] | None,
    spacing_mm: tuple[float, float, float] | None,
    axes: str,
    axis: int,
    index: int,
) -> _Plane:
    """The plane at ``index`` of an axis; without ``axes`` as it is stored, else seen as a radiologist does."""
    across, down = (other for other in range(3) if other != axis)
    turn = slice(None, None, -1 if axes else 1)

    def seen(volume: NDArray[Any]) -> NDArray[Any]:
        plane: NDArray[Any] = np.moveaxis(volume, axis, 0)[index]
        steps = [max(1, size // _MOST_SAMPLES) for size in plane.shape]
        return np.transpose(plane[turn, turn][:: steps[0], :: steps[1]])

    spacing = spacing_mm or (1.0, 1.0, 1.0)
    return _Plane(
        image=seen(image),
        mask=None if label is None else seen(label) != 0,
        size_mm=(image.shape[across] * spacing[across], image.shape[down] * spacing[down]),
        ends=_ENDS[axes[across]] + _ENDS[axes[down]] if axes else "",
    )


def _window(images: list[NDArray[Any]], modality: str | None) -> tuple[float, float]:
    if modality == "CT":
        return CT_WINDOW_HU
    low, high = np.percentile(np.concatenate([image.ravel() for image in images]), _PERCENTILES)
    return float(low), float(high)


def _panel(plane: _Plane, low: float, high: float, side_px: int) -> Image.Image:
    width, height = (max(1, round(size / max(plane.size_mm) * side_px)) for size in plane.size_mm)
    scaled = (plane.image.astype(np.float32) - low) / max(high - low, 1e-6)
    grey = Image.fromarray(np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8))
    pixels = np.array(grey.resize((width, height), Image.Resampling.BILINEAR).convert("RGB"))
    if plane.mask is not None:
        pixels[_contour(plane.mask, width, height)] = CONTOUR_RGB
    panel = Image.fromarray(pixels)
    if plane.ends and min(panel.size) >= _LEAST_LETTERED_PX:
        _draw_letters(panel, plane.ends)
    return panel


def _contour(mask: NDArray[np.bool_], width: int, height: int) -> NDArray[np.bool_]:
    """Pixels just outside the mask, so that even a tiny one can be seen within its ring."""
    covered = Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BOX)
    inside = np.asarray(covered) >= _LEAST_COVERED * 255
    ring: NDArray[np.bool_] = binary_dilation(inside) & ~inside
    return ring


def _draw_letters(panel: Image.Image, ends: str) -> None:
    middle, edge = [size / 2 for size in panel.size], [size - 2 for size in panel.size]
    places = ((2, middle[1], "lm"), (edge[0], middle[1], "rm"), (middle[0], 2, "mt"), (middle[0], edge[1], "mb"))
    draw, font = ImageDraw.Draw(panel), ImageFont.load_default(size=_LETTER_PX)
    for letter, (x, y, anchor) in zip(ends, places, strict=True):
        draw.text((x, y), letter, "white", font, anchor=anchor, stroke_width=1, stroke_fill="black")


def _side_by_side(panels: list[Image.Image]) -> Image.Image:
    width = sum(panel.width for panel in panels) + _GAP_PX * (len(panels) - 1)
    canvas = Image.new("RGB", (width, max(panel.height for panel in panels)))
    left = 0
    for panel in panels:
        canvas.paste(panel, (left, (canvas.height - panel.height) // 2))
        left += panel.width + _GAP_PX
    return canvas


def _jpeg(picture: Image.Image) -> bytes:
    file = BytesIO()
    # Colour at full resolution: the contour is one pixel wide, and grey costs nothing in the colour channels.
    picture.save(file, format="JPEG", quality=_QUALITY, subsampling=0)
    return file.getvalue()
