"""The phantom's body: attenuation and liver as functions of place.

Not anatomy to learn from, but what makes a liver hard to segment: neighbours of nearly its grey value, vessels and
lesions within it, patients who differ in size, shape and contrast. Being a function of place, the body may be scanned
in any plane, at any spacing, with a tilted gantry or with slices left out, and the truth is known everywhere.

A patient's own coordinates are mm along DICOM's axes (PS3.3 C.7.6.2.1.1): x to the left, y to the back, z to the head,
with the origin in the body's middle at the top of the liver. The organs are laid out in a standard body, about 330 mm
wide, from which each patient differs by scale and by a smooth warp.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.phantom.liver import Liver
from data_prep.phantom.organs import Organs
from data_prep.phantom.shapes import Floats, Mask, Points, Triple
from data_prep.phantom.trunk import Trunk

__all__ = ["Body"]

_WAVES = 4


@dataclass(frozen=True)
class _Wave:
    """One component of the warp: a shift in mm, and radians per mm along each axis."""

    shift_mm: Triple
    frequency: Triple
    phase: float


@dataclass(frozen=True)
class Body:
    """One patient.

    Attributes:
        scale: Size along each axis, 1 for the standard body.
        warp: Smooth shifts that make no two patients' organs alike.
        trunk: Fat, muscle, bones, lungs, heart.
        organs: Neighbours of the liver.
        liver: The liver.
    """

    scale: Triple
    warp: tuple[_Wave, ...]
    trunk: Trunk
    organs: Organs
    liver: Liver

    @classmethod
    def of(cls, rng: np.random.Generator, *, prone: bool = False) -> Body:
        """Draw a patient; ``prone`` puts the table at the front and lets gas rise to the back."""
        liver_hu = rng.uniform(92, 118)
        vessel_hu = liver_hu + rng.uniform(30, 60)
        blood_hu = liver_hu + rng.uniform(25, 70)
        return cls(
            scale=(rng.uniform(0.9, 1.06), rng.uniform(0.9, 1.08), rng.uniform(0.92, 1.06)),
            warp=tuple(_wave(rng) for _ in range(_WAVES)),
            trunk=Trunk.of(rng, blood_hu, table_side=-1 if prone else 1),
            organs=Organs.of(rng, liver_hu, vessel_hu, blood_hu, gas_side=1 if prone else -1),
            liver=Liver.of(rng, liver_hu, vessel_hu),
        )

    @property
    def width_mm(self) -> float:
        """Width over the skin."""
        return 2 * self.scale[0] * self.trunk.skin_radii_mm[0]

    def section(self, places_mm: NDArray[np.floating]) -> tuple[Floats, Mask]:
        """Look at the body.

        Args:
            places_mm: ``(3, ...)``: x, y and z of each place in the patient's own coordinates.

        Returns:
            HU and whether the place lies in the liver, each of the shape that follows the first axis.
        """
        at = Points.of(np.asarray(places_mm, dtype=np.float32) / _column(self.scale, places_mm.ndim))
        hu, abdomen = self.trunk.draw(at)
        liver = np.zeros(abdomen.shape, dtype=bool)
        if abdomen.any():
            inside, values = self._warped(at.at(abdomen)), hu[abdomen]
            taken = self.organs.draw(values, inside)
            mask = self.liver.mask(inside) & ~taken
            self.liver.draw(values, inside, mask)
            hu[abdomen], liver[abdomen] = values, mask
        return hu, liver

    def _warped(self, at: Points) -> Points:
        x, y, z = at.x.copy(), at.y.copy(), at.z.copy()
        for wave in self.warp:
            kx, ky, kz = wave.frequency
            swing = np.sin(kx * at.x + ky * at.y + kz * at.z + wave.phase)
            x += wave.shift_mm[0] * swing
            y += wave.shift_mm[1] * swing
            z += wave.shift_mm[2] * swing
        return Points(x, y, z)


def _wave(rng: np.random.Generator) -> _Wave:
    """Wavelengths of 70 to 160 mm: long enough that the warp never folds."""
    direction = rng.normal(size=3)
    kx, ky, kz = (float(value) for value in direction / np.linalg.norm(direction) * 2 * np.pi / rng.uniform(70, 160))
    sx, sy, sz = (float(value) for value in rng.uniform(-3.5, 3.5, size=3))
    return _Wave((sx, sy, sz), (kx, ky, kz), float(rng.uniform(0, 2 * np.pi)))


def _column(values: Triple, dimensions: int) -> Floats:
    return np.asarray(values, dtype=np.float32).reshape(3, *[1] * (dimensions - 1))
