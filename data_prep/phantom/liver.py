"""The liver of the phantom: lobes, vessels and lesions, all of which belong to its mask.

Coordinates are those of the standard body (see anatomy.py), mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.phantom.shapes import Ellipsoid, Floats, Mask, Points, Triple, Tube

__all__ = ["Liver"]

# Right lobe, its lower tip, left lobe, caudate lobe.
_LOBES = (
    Ellipsoid((-72, -2, -74), (62, 82, 80)),
    Ellipsoid((-92, 8, -128), (34, 54, 44)),
    Ellipsoid((2, -52, -58), (76, 28, 43), 0.15),
    Ellipsoid((-20, 6, -60), (17, 15, 25)),
)
# Hollows of the surface towards the bowel, below and to the left.
_HOLLOWS = (Ellipsoid((18, -18, -148), (66, 62, 66)), Ellipsoid((40, 16, -70), (58, 46, 80)))
_CAVA: Triple = (-22, 22, -14)
_HILUM: Triple = (-24, 6, -78)
# Ends of the hepatic veins, which drain into the vena cava, and of the portal vein's branches, by forks.
_VEINS = (((-78, 14, -34), ((-112, 22, -66), (-98, -14, -72))),
          ((-48, -24, -38), ((-72, -56, -72), (-36, -58, -66))),
          ((-6, -22, -34), ((24, -54, -48), (-8, -62, -62))))  # fmt: skip
_BRANCHES = (((-62, 6, -82), ((-96, 36, -62), (-94, 40, -112), (-88, -40, -56), (-92, -38, -108))),
             ((-14, -30, -66), ((30, -56, -52), (26, -52, -72), (-24, -66, -58))))  # fmt: skip
_MAX_LESIONS = 5


@dataclass(frozen=True)
class Liver:
    """What differs between patients.

    Attributes:
        lobes: Shapes that blend into the liver's surface.
        liver_hu: Tissue.
        vessel_hu: Veins.
        vessels: Veins, without the vena cava.
        lesions: Lesions with their HU.
    """

    lobes: tuple[Ellipsoid, ...]
    liver_hu: float
    vessel_hu: float
    vessels: tuple[Tube, ...]
    lesions: tuple[tuple[Ellipsoid, float], ...]

    @classmethod
    def of(cls, rng: np.random.Generator, liver_hu: float, vessel_hu: float) -> Liver:
        """Draw a patient."""
        vessels = (*_tree(rng, _CAVA, _VEINS, 6.0), *_tree(rng, _HILUM, _BRANCHES, 6.5))
        lesions = tuple(_lesion(rng, liver_hu) for _ in range(rng.integers(1, _MAX_LESIONS + 1)))
        lobes = tuple(lobe.varied(rng, by_mm=5, by=0.07) for lobe in _LOBES)
        return cls(lobes, liver_hu, vessel_hu, vessels, lesions)

    def mask(self, at: Points) -> Mask:
        """Where the liver lies if nothing else takes the place."""
        if all(lobe.misses(at) for lobe in self.lobes):
            return np.zeros(at.x.shape, dtype=bool)
        # Added fields blend the lobes into one surface.
        field = np.zeros(at.x.shape, dtype=np.float32)
        for lobe in self.lobes:
            fourth = np.clip(lobe.squared(at), 0.01, None) ** 2
            field += 1 / (fourth * fourth)
        mask: Mask = field > 1
        for hollow in _HOLLOWS:
            mask &= ~hollow.contains(at)
        return mask

    def draw(self, hu: Floats, at: Points, mask: Mask) -> None:
        """Tissue, lesions and vessels where ``mask`` holds."""
        if not mask.any():
            return
        inside = at.at(mask)
        values = np.full(inside.x.shape, self.liver_hu, dtype=np.float32)
        for lesion, lesion_hu in self.lesions:
            values[lesion.contains(inside)] = lesion_hu
        for vessel in self.vessels:
            if not vessel.misses(inside):
                values[vessel.contains(inside)] = self.vessel_hu
        hu[mask] = values


def _tree(
    rng: np.random.Generator,
    root: Triple,
    branches: tuple[tuple[Triple, tuple[Triple, ...]], ...],
    radius_mm: float,
) -> list[Tube]:
    tubes = []
    for fork, ends in branches:
        fork_at = _near(rng, fork, 4)
        tubes.append(Tube(root, fork_at, radius_mm, 0.75 * radius_mm))
        for end in ends:
            half_way = _near(rng, tuple(np.add(fork_at, end) / 2), 5)
            tubes.append(Tube(fork_at, half_way, 0.65 * radius_mm, 0.5 * radius_mm))
            tubes += [Tube(half_way, _near(rng, end, 7), 0.5 * radius_mm, 1.4) for _ in range(2)]
    return tubes


def _lesion(rng: np.random.Generator, liver_hu: float) -> tuple[Ellipsoid, float]:
    centre = _near(rng, (-74, 0, -78), 1, spread=(44, 52, 52))
    radius = rng.uniform(6, 17)
    radii = (radius, radius * rng.uniform(0.75, 1.3), radius * rng.uniform(0.8, 1.2))
    return Ellipsoid(centre, radii, rng.uniform(0, np.pi)), liver_hu - rng.uniform(25, 55)


def _near(rng: np.random.Generator, place: tuple[float, ...], by_mm: float, spread: Triple = (1, 1, 1)) -> Triple:
    x, y, z = (float(value + by_mm * width * rng.uniform(-1, 1)) for value, width in zip(place, spread, strict=True))
    return x, y, z
