"""Axial slices of an abdomen in Hounsfield units, made in code: what the synthetic data set shows.

Not anatomy, but what makes a liver hard to segment: an organ that changes from slice to slice, neighbours of nearly its
grey value, vessels and lesions within it, patients who differ in size and contrast.
Coordinates run from -1 to 1 over the image; images show columns to L and rows to P, a scanner's usual view, so the
liver stands on the image's left side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

__all__ = ["Body", "BoolImage", "FloatImage"]

FloatImage = NDArray[np.float64]
BoolImage = NDArray[np.bool_]

_DIAPHRAGM = 0.22
_LUNG_HU = -820.0
_AIR_HU, _FAT_HU, _MUSCLE_HU, _BONE_HU = -1000.0, -100.0, 55.0, 350.0


@dataclass(frozen=True)
class Body:
    """What differs between patients; HU are those of the phase of contrast in which they were scanned."""

    scale: float
    shift_x: float
    shift_y: float
    width: float
    fat: float
    noise_hu: float
    liver_hu: float
    liver_size: float
    waves: tuple[tuple[float, float, float], ...]
    neighbour_hu: float
    kidney_hu: float
    vessel_hu: float
    lesions: tuple[tuple[float, float, float, float, float], ...]

    @classmethod
    def of(cls, rng: np.random.Generator) -> Body:
        """Draw a patient."""
        liver_hu = rng.uniform(80, 120)
        lesions = tuple(
            (rng.uniform(-0.62, -0.2), rng.uniform(-0.4, 0.2), rng.uniform(0.3, 0.7), rng.uniform(0.03, 0.08),
             rng.uniform(-55, -25))
            for _ in range(rng.integers(1, 5))
        )  # fmt: skip
        return cls(
            scale=rng.uniform(0.92, 1.04),
            shift_x=rng.uniform(-0.04, 0.04),
            shift_y=rng.uniform(-0.05, 0.05),
            width=rng.uniform(0.84, 0.93),
            fat=rng.uniform(0.05, 0.12),
            noise_hu=rng.uniform(14, 24),
            liver_hu=liver_hu,
            liver_size=rng.uniform(0.9, 1.1),
            waves=tuple((rng.uniform(0, 2 * np.pi), rng.uniform(0.02, 0.06), rng.uniform(-1, 1)) for _ in range(4)),
            neighbour_hu=liver_hu + rng.uniform(-6, 10),
            kidney_hu=liver_hu + rng.uniform(5, 45),
            vessel_hu=liver_hu + rng.uniform(20, 50),
            lesions=lesions,
        )

    def section(self, level: float, size_px: int) -> tuple[FloatImage, BoolImage]:
        """One slice as seen by a scanner without noise.

        Args:
            level: Height, from the diaphragm (0) to the pelvis (1); the liver ends above 0.85.
            size_px: Width and height of the image.

        Returns:
            HU, and where the liver is; each ``(x, y)``.
        """
        grid = (np.arange(size_px) + 0.5) / size_px * 2 - 1
        x, y = np.meshgrid(grid, grid, indexing="ij")
        return _draw(self, (x - self.shift_x) / self.scale, (y - self.shift_y) / self.scale, level)


def _draw(body: Body, x: FloatImage, y: FloatImage, level: float) -> tuple[FloatImage, BoolImage]:
    """HU and the liver, in the body's own coordinates."""
    width, height = body.width, 0.72
    image = np.full(x.shape, _AIR_HU)
    image[_ellipse(x, y, 0, 0, width, height)] = _FAT_HU
    wall = _ellipse(x, y, 0, 0, width - body.fat, height - body.fat)
    image[wall] = _MUSCLE_HU
    inner_width, inner_height = width - body.fat - 0.07, height - body.fat - 0.06
    cavity = _ellipse(x, y, 0, -0.03, inner_width, inner_height)
    image[cavity] = _FAT_HU + 15
    if level < _DIAPHRAGM:
        # The lungs' lower ends, around the dome of the diaphragm.
        image[cavity & (_distance(x, y, 0, -0.05, 0.55, 0.40) > 1.05 - 2 * (_DIAPHRAGM - level))] = _LUNG_HU
    _draw_bones(image, x, y, inner_width, inner_height, level)
    _draw_neighbours(body, image, cavity, x, y, level)
    liver = cavity & _liver(body, x, y, level)
    # The spine and what lies on it stay outside the liver.
    liver &= ~_ellipse(x, y, 0, 0.33, 0.24, 0.27)
    image[liver] = body.liver_hu
    _draw_within_liver(body, image, liver, x, y, level)
    return gaussian_filter(image, sigma=0.005 * x.shape[0]), liver


def _liver(body: Body, x: FloatImage, y: FloatImage, level: float) -> BoolImage:
    """A wedge that is widest below the diaphragm and shrinks to its right lobe's tip further down."""
    extent = np.clip(1 - ((level - 0.45) / 0.4) ** 2, 0, None) ** 0.5 * body.liver_size
    if extent < 0.15:
        return np.zeros(x.shape, dtype=bool)
    centre_x, centre_y = -0.40 - 0.06 * (level - 0.45), -0.05 + 0.22 * (level - 0.45)
    angle = np.arctan2(y - centre_y, x - centre_x)
    radius = np.ones(x.shape)
    for order, (phase, amplitude, drift) in enumerate(body.waves, start=2):
        radius += amplitude * np.cos(order * angle + phase + 2 * drift * level)
    right = _distance(x, y, centre_x, centre_y, 0.37 * extent, 0.44 * extent) < radius
    # The left lobe crosses the midline in front, and ends higher than the right.
    reach = np.clip(1 - ((level - 0.35) / 0.28) ** 2, 0, None) ** 0.5
    left = _distance(x, y, -0.10, -0.27, 0.40 * reach + 1e-6, 0.15 * reach + 1e-6) < radius
    return right | left


def _draw_neighbours(
    body: Body, image: FloatImage, cavity: BoolImage, x: FloatImage, y: FloatImage, level: float
) -> None:
    """Spleen, stomach, kidneys, bowel and the large vessels."""
    organs: list[tuple[Callable[[], BoolImage], float]] = []
    spleen = np.clip(1 - ((level - 0.4) / 0.4) ** 2, 0, None) ** 0.5
    stomach = np.clip(1 - ((level - 0.4) / 0.38) ** 2, 0, None) ** 0.5
    kidneys = np.clip(1 - ((level - 0.75) / 0.35) ** 2, 0, None) ** 0.5
    for loop in range(14):
        # Loops of bowel fill the lower abdomen, and reach up where neither liver nor stomach lies.
        row, column = divmod(loop, 7)
        size = (0.075 + 0.02 * np.sin(loop)) * np.clip(4 * level - 0.6 - row * 0.4, 0, 1)
        place_x = 0.19 * (column - 3) + 0.04 * np.sin(9 * level + loop)
        place_y = 0.04 - 0.22 * row + 0.06 * np.cos(7 * level + 2 * loop)
        organs.append((_shape(x, y, place_x, place_y, 1.2 * size, size), body.neighbour_hu - 35 + 6 * (loop % 7)))
    organs += [
        (_shape(x, y, 0.32, -0.18, 0.24 * stomach, 0.20 * stomach), body.neighbour_hu - 14),
        (_shape(x, y, 0.58, 0.12, 0.13 * spleen, 0.25 * spleen), body.neighbour_hu),
        (_shape(x, y, -0.33, 0.30, 0.12 * kidneys, 0.13 * kidneys), body.kidney_hu),
        (_shape(x, y, 0.35, 0.30, 0.12 * kidneys, 0.13 * kidneys), body.kidney_hu),
        (_shape(x, y, 0.05, 0.14, 0.06, 0.06), body.vessel_hu + 20),
        (_shape(x, y, -0.11, 0.12, 0.07, 0.05), body.vessel_hu - 10),
    ]
    for shape, value_hu in organs:
        image[shape() & cavity] = value_hu


def _draw_within_liver(
    body: Body, image: FloatImage, liver: BoolImage, x: FloatImage, y: FloatImage, level: float
) -> None:
    """Vessels that branch from the hilum, and lesions: both belong to the liver."""
    for branch, (phase, _, drift) in enumerate(body.waves):
        angle = 2.4 + 0.75 * branch + 0.3 * np.sin(phase) + drift * level
        along = (x + 0.14) * np.cos(angle) + (y + 0.02) * np.sin(angle)
        across = -(x + 0.14) * np.sin(angle) + (y + 0.02) * np.cos(angle)
        bend = 0.05 * np.sin(6 * along + phase)
        vessel = (np.abs(across - bend) < 0.026 * (1 - along / 0.55)) & (along > 0) & (along < 0.5)
        image[vessel & liver] = body.vessel_hu
    for centre_x, centre_y, centre_level, radius, contrast_hu in body.lesions:
        rest = radius**2 - (0.5 * (level - centre_level)) ** 2
        if rest > 0:
            lesion = _ellipse(x, y, centre_x, centre_y, rest**0.5, rest**0.5)
            image[lesion & liver] = body.liver_hu + contrast_hu


def _draw_bones(image: FloatImage, x: FloatImage, y: FloatImage, width: float, height: float, level: float) -> None:
    vertebra = _ellipse(x, y, 0, 0.33, 0.15, 0.12)
    image[_ellipse(x, y, 0, 0.46, 0.30, 0.12)] = _MUSCLE_HU
    image[vertebra] = 0.6 * _BONE_HU
    image[vertebra & ~_ellipse(x, y, 0, 0.33, 0.125, 0.095)] = _BONE_HU
    image[_ellipse(x, y, 0, 0.475, 0.055, 0.05)] = 20.0
    image[_ellipse(x, y, 0, 0.55, 0.03, 0.06)] = _BONE_HU
    # Ribs run obliquely, so each slice cuts them at other places.
    for rib in range(10):
        angle = np.pi * (0.05 + 0.22 * rib + 0.08 * np.sin(3 * level + rib))
        rib_x, rib_y = (width + 0.025) * np.cos(angle), -0.03 + (height + 0.025) * np.sin(angle)
        image[_ellipse(x, y, rib_x, rib_y, 0.045, 0.028)] = _BONE_HU


def _shape(x: FloatImage, y: FloatImage, *ellipse: float) -> Callable[[], BoolImage]:
    return lambda: _ellipse(x, y, *ellipse)


def _ellipse(x: FloatImage, y: FloatImage, *ellipse: float) -> BoolImage:
    """Inside of an ellipse with centre x, centre y, half width and half height; empty if one of these is 0."""
    inside: BoolImage = _distance(x, y, *ellipse) < 1
    return inside


def _distance(
    x: FloatImage, y: FloatImage, centre_x: float, centre_y: float, half_width: float, half_height: float
) -> FloatImage:
    """1 on the ellipse, less within."""
    if half_width <= 0 or half_height <= 0:
        return np.full(x.shape, np.inf)
    distance: FloatImage = np.hypot((x - centre_x) / half_width, (y - centre_y) / half_height)
    return distance
