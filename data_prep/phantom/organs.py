"""What surrounds the phantom's liver and looks like it: spleen, stomach, kidneys, pancreas, bowel, large vessels.

Coordinates are those of the standard body (see anatomy.py), mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.phantom.shapes import Ellipsoid, Floats, Mask, Points

__all__ = ["Organs"]

_LOOPS = 60
_GAS_HU = -950.0
_SPLEEN, _SPLENIC_HOLLOW = Ellipsoid((98, 36, -72), (30, 50, 56), 0.35), Ellipsoid((58, 14, -76), (48, 40, 80))
_KIDNEYS = (Ellipsoid((-60, 44, -148), (25, 30, 54), -0.5), Ellipsoid((62, 44, -130), (25, 30, 54), 0.5))
_GALLBLADDER = Ellipsoid((-42, -42, -116), (15, 24, 26), 0.5)
_PSOAS = (Ellipsoid((-36, 56, -230), (15, 18, 100)), Ellipsoid((36, 56, -230), (15, 18, 100)))
_PANCREAS = (Ellipsoid((-14, 0, -118), (19, 15, 26)), Ellipsoid((26, -2, -100), (40, 11, 15), -0.25),
             Ellipsoid((64, 12, -88), (30, 12, 16), 0.45))  # fmt: skip
_VENA_CAVA = Ellipsoid((-22, 24, -130), (13, 10, 136))
_AORTA = Ellipsoid((9, 24, -100), (11, 11, 1e6))
_MESENTERIC = (Ellipsoid((6, 4, -170), (5, 5, 62)), Ellipsoid((-8, 0, -160), (7, 6, 50)))
_ADRENALS = (Ellipsoid((-36, 30, -92), (4, 15, 16), 0.4), Ellipsoid((36, 28, -84), (4, 15, 16), -0.5))


@dataclass(frozen=True)
class _Hollow:
    """An organ with a wall, contents, and gas that collects on the side that lay up."""

    shape: Ellipsoid
    wall: float
    wall_hu: float
    content_hu: float
    gas: float
    mottled_hu: float = 0.0


@dataclass(frozen=True)
class Organs:
    """What differs between patients.

    Attributes:
        solids: Shapes with their HU, painted in this order.
        hollows: Stomach, duodenum, colon and small bowel, painted in this order.
        spleen: Spleen, from which the hollow towards the stomach is taken.
        spleen_hu: Its HU.
        kidneys: Kidneys.
        cortex_hu: Kidneys' outer layer.
        gas_side: -1 where gas rises to the front (patient on the back), 1 where it rises to the back.
    """

    solids: tuple[tuple[Ellipsoid, float], ...]
    hollows: tuple[_Hollow, ...]
    spleen: Ellipsoid
    spleen_hu: float
    kidneys: tuple[Ellipsoid, ...]
    cortex_hu: float
    gas_side: int

    @classmethod
    def of(cls, rng: np.random.Generator, liver_hu: float, vessel_hu: float, blood_hu: float, gas_side: int) -> Organs:
        """Draw a patient; HU are those of the phase of contrast in which the liver has ``liver_hu``."""
        pancreas_hu = liver_hu - rng.uniform(2, 18)
        solids = [(psoas, 60.0) for psoas in _PSOAS]
        solids += [(adrenal, liver_hu - 25) for adrenal in _ADRENALS]
        solids += [(part, pancreas_hu) for part in _PANCREAS]
        solids += [(vessel, vessel_hu) for vessel in _MESENTERIC]
        solids += [(_VENA_CAVA, vessel_hu - 8), (_AORTA, blood_hu), (_GALLBLADDER, rng.uniform(4, 18))]
        hollows = (*_loops(rng, liver_hu), *_colon(rng, liver_hu), *_stomach(rng, liver_hu))
        return cls(
            solids=tuple(solids),
            hollows=hollows,
            spleen=_SPLEEN.varied(rng, by_mm=4, by=0.12),
            kidneys=tuple(kidney.varied(rng, by_mm=5, by=0.1) for kidney in _KIDNEYS),
            spleen_hu=liver_hu + rng.uniform(-5, 12),
            cortex_hu=liver_hu + rng.uniform(35, 70),
            gas_side=gas_side,
        )

    def draw(self, hu: Floats, at: Points) -> Mask:
        """Paint all; returns the places the liver must leave to others."""
        taken = np.zeros(at.x.shape, dtype=bool)
        for hollow in self.hollows:
            if not hollow.shape.misses(at):
                self._draw_hollow(hu, at, hollow)
        if not self.spleen.misses(at):
            hu[self.spleen.contains(at) & ~_SPLENIC_HOLLOW.contains(at)] = self.spleen_hu
        for shape, value_hu in self.solids:
            if not shape.misses(at):
                inside = shape.contains(at)
                hu[inside] = value_hu
                taken |= inside
        for kidney in self.kidneys:
            if not kidney.misses(at):
                taken |= self._draw_kidney(hu, at, kidney)
        return taken

    def _draw_hollow(self, hu: Floats, at: Points, hollow: _Hollow) -> None:
        distance = hollow.shape.distance(at)
        outside = distance < 1
        hu[outside] = hollow.wall_hu
        lumen = outside & (distance < 1 - hollow.wall)
        if not lumen.any():
            return
        inside = at.at(lumen)
        content = np.full(inside.x.shape, hollow.content_hu, dtype=np.float32)
        if hollow.mottled_hu:
            bend = 2 * np.sin(inside.z / 4.3)
            content += (
                hollow.mottled_hu * np.sin(inside.x / 2.9 + bend) * np.sin(inside.y / 2.3 - inside.x / 6.1 + bend)
            )
        height = self.gas_side * (inside.y - hollow.shape.centre_mm[1]) / hollow.shape.radii_mm[1]
        content[height > 1 - hollow.gas] = _GAS_HU
        hu[lumen] = content

    def _draw_kidney(self, hu: Floats, at: Points, kidney: Ellipsoid) -> Mask:
        """Cortex, darker pyramids, and fat with the renal pelvis at the side towards the spine."""
        distance = kidney.distance(at)
        x, y, z = kidney.centre_mm
        sinus = Ellipsoid((x * 0.72, y - 10, z), (17, 13, 26)).contains(at)
        inside: Mask = (distance < 1) & ~sinus
        hu[inside] = self.cortex_hu
        pyramids = np.sin(at.z / 4.5) * np.sin(6 * np.arctan2(at.y - y, at.x - x)) > 0
        hu[inside & (distance < 0.72) & pyramids] = self.cortex_hu - 35
        return inside


def _stomach(rng: np.random.Generator, liver_hu: float) -> list[_Hollow]:
    """Filled with thin contrast that is about as bright as the liver, or with food."""
    content_hu, gas = liver_hu + rng.uniform(-45, 12), rng.uniform(0.2, 0.6)
    parts = (Ellipsoid((62, 2, -48), (36, 44, 36)), Ellipsoid((52, -40, -84), (32, 36, 46), 0.3),
             Ellipsoid((12, -54, -122), (42, 22, 20), 0.2))  # fmt: skip
    varied = [part.varied(rng, by_mm=6, by=0.12) for part in parts]
    return [_Hollow(part, 0.13, liver_hu - 20, content_hu, gas) for part in varied]


def _colon(rng: np.random.Generator, liver_hu: float) -> list[_Hollow]:
    """Ascending, across the front, and descending, with stool."""
    places = [(-92, 14, -232), (-96, 6, -205), (-88, -26, -178), (-58, -58, -170), (-24, -70, -178), (10, -74, -182),
              (44, -70, -172), (78, -52, -146), (104, -12, -118), (108, 22, -150), (104, 30, -185),
              (100, 32, -220)]  # fmt: skip
    hollows = [_Hollow(Ellipsoid((-42, 6, -134), (15, 18, 30)), 0.2, liver_hu - 15, liver_hu - rng.uniform(0, 60), 0.2)]
    for place in places:
        radii = (rng.uniform(20, 26), rng.uniform(18, 25), rng.uniform(20, 27))
        shape = Ellipsoid(place, radii).varied(rng, by_mm=5, by=0)
        hollows.append(_Hollow(shape, 0.13, liver_hu - 25, rng.uniform(0, 60), rng.uniform(0.1, 1.0), 150.0))
    return hollows


def _loops(rng: np.random.Generator, liver_hu: float) -> list[_Hollow]:
    """Small bowel, in which contrast makes contents of any grey value up to the liver's."""
    loops = []
    for _ in range(_LOOPS):
        place = (rng.uniform(-74, 84), rng.uniform(-66, 18), rng.uniform(-265, -128))
        radii = (rng.uniform(12, 28), rng.uniform(10, 15), rng.uniform(11, 22))
        content_hu, gas = liver_hu + rng.uniform(-75, 8), rng.uniform(0, 0.35)
        loops.append(_Hollow(Ellipsoid(place, radii, rng.uniform(0, np.pi)), 0.25, liver_hu - 12, content_hu, gas))
    return loops
