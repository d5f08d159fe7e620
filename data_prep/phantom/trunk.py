"""The trunk of the phantom's body: fat, muscle, ribs, spine, lungs, heart, and the table below.

Coordinates are those of the standard body (see anatomy.py), mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.phantom.shapes import Ellipsoid, Floats, Mask, Points, superellipse

__all__ = ["Trunk"]

_AIR_HU, _FAT_HU, _VISCERAL_FAT_HU, _MUSCLE_HU = -1000.0, -105.0, -98.0, 58.0
_BONE_HU, _MARROW_HU, _DISC_HU, _CARTILAGE_HU, _CANAL_HU = 430.0, 190.0, 90.0, 110.0, 25.0
_LUNG_HU, _SKIN_HU, _TABLE_HU = -850.0, 20.0, 260.0
_CAVITY_CENTRE, _CAVITY_RADII = (0.0, -8.0), (136.0, 90.0)
_WALL_CENTRE, _WALL_RADII = (0.0, -5.0), (152.0, 105.0)
_VERTEBRA_PERIOD_MM, _DISC_MM = 34.0, 9.0
_RIB_PERIOD_MM, _RIB_DROP_MM, _LOWEST_RIB = 27.0, 95.0, -4
# Right dome, left dome and between them the tendon under the heart: x, y and z of the top; half widths; height.
_DOMES = (
    (-64.0, 4.0, 0.0, 75.0, 92.0, 78.0),
    (66.0, 8.0, -12.0, 73.0, 88.0, 75.0),
    (15.0, -32.0, -16.0, 70.0, 68.0, 60.0),
)
_HEART = Ellipsoid((24, -34, 34), (64, 50, 52), 0.45)
_VENTRICLES = (Ellipsoid((42, -32, 38), (28, 24, 44), 0.45), Ellipsoid((4, -46, 34), (34, 17, 42), 0.45))


@dataclass(frozen=True)
class Trunk:
    """What differs between patients.

    Attributes:
        side_fat_mm: Fat under the skin at the sides.
        front_fat_mm: Fat under the skin in front and behind.
        vertebra_phase_mm: Where along the body the vertebrae lie.
        rib_phase_mm: Where along the body the ribs lie.
        blood_hu: Blood in the heart.
        table_side: 1 for a table at the back, -1 at the front.
    """

    side_fat_mm: float
    front_fat_mm: float
    vertebra_phase_mm: float
    rib_phase_mm: float
    blood_hu: float
    table_side: int

    @classmethod
    def of(cls, rng: np.random.Generator, blood_hu: float, table_side: int) -> Trunk:
        """Draw a patient."""
        return cls(
            side_fat_mm=rng.uniform(5, 20),
            front_fat_mm=rng.uniform(6, 15),
            vertebra_phase_mm=rng.uniform(0, _VERTEBRA_PERIOD_MM),
            rib_phase_mm=rng.uniform(0, _RIB_PERIOD_MM),
            blood_hu=blood_hu,
            table_side=table_side,
        )

    @property
    def skin_radii_mm(self) -> tuple[float, float]:
        """Half width and half depth of the body."""
        return _WALL_RADII[0] + self.side_fat_mm, _WALL_RADII[1] + self.front_fat_mm

    def draw(self, at: Points) -> tuple[Floats, Mask]:
        """HU of the trunk, and the part of it that abdominal organs may fill."""
        hu = np.full(at.x.shape, _AIR_HU, dtype=np.float32)
        self._draw_table(hu, at)
        skin = superellipse(at, _WALL_CENTRE, self.skin_radii_mm)
        hu[skin < 1] = _SKIN_HU
        hu[skin < 0.985] = _FAT_HU
        wall = superellipse(at, _WALL_CENTRE, _WALL_RADII)
        hu[wall < 1] = _MUSCLE_HU
        # Fat between the layers of muscle at the sides.
        hu[(np.abs(wall - 0.965) < 0.012) & (np.abs(at.x) > 60)] = -40
        behind = Ellipsoid((0, 66, 0), (46, 40, 1e6)).contains(at)
        cavity = (superellipse(at, _CAVITY_CENTRE, _CAVITY_RADII) < 1) & ~behind
        hu[cavity] = _VISCERAL_FAT_HU
        abdomen = cavity & self._draw_chest(hu, at, cavity)
        self._draw_ribs(hu, at)
        self._draw_spine(hu, at)
        return hu, abdomen

    def _draw_chest(self, hu: Floats, at: Points, cavity: Mask) -> Mask:
        """Lungs and heart above the diaphragm; returns what lies below it."""
        above = at.z - _diaphragm_mm(at)
        chest = cavity & (above > 0)
        if chest.any():
            lung = at.at(chest)
            # Denser towards the back, with vessels that are cut across.
            vessels = np.sin(lung.x / 5.1 + lung.z / 31) * np.sin(lung.y / 5.7 - lung.z / 23) > 0.93
            hu[chest] = np.where(vessels, 20, _LUNG_HU + 0.7 * (lung.y + 8))
            heart = chest & _HEART.contains(at)
            hu[heart] = 105
            for ventricle in _VENTRICLES:
                hu[heart & ventricle.contains(at)] = self.blood_hu
        hu[cavity & (np.abs(above) < 1.5)] = _MUSCLE_HU
        below: Mask = above < -1.5
        return below

    def _draw_ribs(self, hu: Floats, at: Points) -> None:
        """Ribs run down from the spine towards the front, so each slice cuts several; lower ones are shorter."""
        ring = superellipse(at, (0, -6), (144, 97.5))
        # 0 at the spine, 1 at the breastbone.
        progress = np.arctan2(np.abs(at.x) / 144, (at.y + 6) / 97.5) / np.pi
        level = (at.z + _RIB_DROP_MM * progress + self.rib_phase_mm) / _RIB_PERIOD_MM
        number = np.floor(level)
        reach = 0.42 + 0.14 * (number - _LOWEST_RIB)
        rib = (np.abs(ring - 1) < 0.034) & (np.abs(level - number - 0.5) < 0.23)
        rib &= (number >= _LOWEST_RIB) & (progress > 0.12) & (progress < reach)
        hu[rib] = np.where(progress[rib] > 0.72, _CARTILAGE_HU, _BONE_HU)
        if (at.z > -12).any():
            hu[Ellipsoid((0, -101, 40), (17, 5, 52)).contains(at)] = 0.6 * _BONE_HU

    def _draw_spine(self, hu: Floats, at: Points) -> None:
        muscle = Ellipsoid((0, 66, 0), (40, 33, 1e6)).contains(at)
        hu[muscle] = _MUSCLE_HU
        level = np.mod(at.z + self.vertebra_phase_mm, _VERTEBRA_PERIOD_MM)
        body = Ellipsoid((0, 46, 0), (22, 17, 1e6)).distance(at)
        hu[body < 1] = _BONE_HU
        hu[body < 0.86] = _MARROW_HU
        hu[(body < 1) & (level < _DISC_MM)] = _DISC_HU
        arch = Ellipsoid((0, 69, 0), (17, 13, 1e6)).contains(at) & (body >= 1)
        spinous = Ellipsoid((0, 86, 0), (3.5, 16, 1e6)).contains(at)
        transverse = (np.abs(np.abs(at.x) - 26) < 17) & (np.abs(at.y - 68 - 0.12 * np.abs(at.x)) < 4)
        hu[arch | spinous | (transverse & (level > 20))] = _BONE_HU
        hu[Ellipsoid((0, 69, 0), (10.5, 8, 1e6)).contains(at)] = _CANAL_HU

    def _draw_table(self, hu: Floats, at: Points) -> None:
        """A shell with foam in it, curved towards the patient."""
        top = self.table_side * at.y - (_WALL_RADII[1] + self.front_fat_mm + 4) + (at.x / 38) ** 2
        foam = (top > 0) & (top < 26) & (np.abs(at.x) < 215)
        hu[foam] = -930
        hu[foam & ((top < 3) | (top > 23))] = _TABLE_HU


def _diaphragm_mm(at: Points) -> Floats:
    """Height of the diaphragm above the places' axial positions."""
    height = np.full(at.x.shape, -np.inf, dtype=np.float32)
    for x, y, top, half_width, half_depth, drop in _DOMES:
        squared = ((at.x - x) / half_width) ** 2 + ((at.y - y) / half_depth) ** 2
        round_part = 1 - np.sqrt(np.clip(1 - squared, 0, None))
        beyond = 1.5 * np.clip(np.sqrt(squared) - 1, 0, None)
        np.maximum(height, top - drop * (round_part + beyond), out=height)
    return height
