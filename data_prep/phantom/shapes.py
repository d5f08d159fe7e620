"""Solids of which the phantom's body is built: ellipsoids and tapered tubes.

Coordinates are mm: x towards the patient's left, y towards the back, z towards the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ellipsoid", "Floats", "Mask", "Points", "Triple", "Tube", "superellipse"]

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Points:
    """Places at which the body is asked, as arrays of one shape.

    Attributes:
        x: Coordinate towards the left, mm.
        y: Coordinate towards the back, mm.
        z: Coordinate towards the head, mm.
    """

    x: Floats
    y: Floats
    z: Floats

    @classmethod
    def of(cls, coordinates_mm: NDArray[np.floating]) -> Points:
        """Split an array whose first axis holds x, y and z."""
        x, y, z = np.asarray(coordinates_mm, dtype=np.float32)
        return cls(x, y, z)

    @cached_property
    def z_range_mm(self) -> tuple[float, float]:
        """Lowest and highest z."""
        return float(self.z.min()), float(self.z.max())

    def at(self, mask: Mask) -> Points:
        """The places where ``mask`` holds, as vectors."""
        return Points(self.x[mask], self.y[mask], self.z[mask])


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid, turned about the axis that runs along the body.

    Attributes:
        centre_mm: x, y, z.
        radii_mm: Half axes.
        turn: Radians from x towards y.
    """

    centre_mm: Triple
    radii_mm: Triple
    turn: float = 0.0

    def varied(self, rng: np.random.Generator, *, by_mm: float, by: float) -> Ellipsoid:
        """Another of its kind, with centre and half axes drawn around its own."""
        x, y, z = (float(value + by_mm * rng.uniform(-1, 1)) for value in self.centre_mm)
        a, b, c = (float(value * (1 + by * rng.uniform(-1, 1))) for value in self.radii_mm)
        return Ellipsoid((x, y, z), (a, b, c), self.turn)

    def distance(self, at: Points) -> Floats:
        """0 at the centre, 1 on the surface."""
        distance: Floats = np.sqrt(self.squared(at))
        return distance

    def squared(self, at: Points) -> Floats:
        """Square of :meth:`distance`."""
        dx, dy = at.x - self.centre_mm[0], at.y - self.centre_mm[1]
        if self.turn:
            cos, sin = float(np.cos(self.turn)), float(np.sin(self.turn))
            dx, dy = cos * dx + sin * dy, cos * dy - sin * dx
        dz = (at.z - self.centre_mm[2]) / self.radii_mm[2]
        squared: Floats = (dx / self.radii_mm[0]) ** 2 + (dy / self.radii_mm[1]) ** 2 + dz * dz
        return squared

    def contains(self, at: Points) -> Mask:
        """Whether the places lie within."""
        inside: Mask = self.squared(at) < 1
        return inside

    def misses(self, at: Points) -> bool:
        """Whether all places lie above or below it, which is known without looking at each."""
        low, high = at.z_range_mm
        return low > self.centre_mm[2] + self.radii_mm[2] or high < self.centre_mm[2] - self.radii_mm[2]


@dataclass(frozen=True)
class Tube:
    """A straight vessel that tapers, with rounded ends.

    Attributes:
        start_mm: x, y, z.
        end_mm: x, y, z; another place than ``start_mm``.
        start_radius_mm: Radius at the start.
        end_radius_mm: Radius at the end.
    """

    start_mm: Triple
    end_mm: Triple
    start_radius_mm: float
    end_radius_mm: float

    def contains(self, at: Points) -> Mask:
        """Whether the places lie within."""
        way = np.subtract(self.end_mm, self.start_mm)
        dx, dy, dz = (places - start for places, start in zip((at.x, at.y, at.z), self.start_mm, strict=True))
        along = np.clip((dx * way[0] + dy * way[1] + dz * way[2]) / float(way @ way), 0, 1)
        radius = self.start_radius_mm + (self.end_radius_mm - self.start_radius_mm) * along
        squared = (dx - along * way[0]) ** 2 + (dy - along * way[1]) ** 2 + (dz - along * way[2]) ** 2
        inside: Mask = squared < radius * radius
        return inside

    def misses(self, at: Points) -> bool:
        """Whether all places lie above or below it."""
        low, high = at.z_range_mm
        reach = max(self.start_radius_mm, self.end_radius_mm)
        ends = self.start_mm[2], self.end_mm[2]
        return low > max(ends) + reach or high < min(ends) - reach


def superellipse(at: Points, centre_mm: tuple[float, float], radii_mm: tuple[float, float]) -> Floats:
    """Distance from an axial outline with flattened sides, |x/a|^2.5 + |y/b|^2.5 = 1.

    Returns:
        1 on the outline; near it, the fraction of the way from the centre.
    """
    dx, dy = np.abs(at.x - centre_mm[0]) / radii_mm[0], np.abs(at.y - centre_mm[1]) / radii_mm[1]
    # Square times square root is far faster than a power; the root of the sum is replaced by its tangent at 1.
    distance: Floats = 1 + (dx * dx * np.sqrt(dx) + dy * dy * np.sqrt(dy) - 1) / 2.5
    return distance
