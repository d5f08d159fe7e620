"""Looks at a phantom's body plane by plane, as a scanner does: blurred, with noise, in whole HU."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from data_prep.phantom.acquisition import Acquisition, Plane
from data_prep.phantom.anatomy import Body
from data_prep.phantom.shapes import Mask

__all__ = ["Scanner"]

_BLUR_MM = 0.7
_GRAIN_PX = 0.6
_SHADING_HU = 5.0
_LOWEST_HU, _HIGHEST_HU = -1024, 3071


@dataclass(frozen=True, eq=False)
class Scanner:
    """A body, and how it is scanned.

    Attributes:
        body: The patient.
        acquisition: The series.
    """

    body: Body
    acquisition: Acquisition
    _livers: dict[Plane, Mask] = field(default_factory=dict, repr=False)

    def image(self, plane: Plane) -> NDArray[np.int16]:
        """HU of a plane, ``(columns, rows)``."""
        section, self._livers[plane] = self.body.section(self._in_body(plane))
        # Averaging over the pixel blurs as well as the scanner does.
        hu = gaussian_filter(section, sigma=max(_BLUR_MM / plane.pixel_mm, 0.45)) + self._noise_hu(plane)
        image: NDArray[np.int16] = np.rint(np.clip(hu, _LOWEST_HU, _HIGHEST_HU)).astype(np.int16)
        return image

    def liver(self, plane: Plane) -> Mask:
        """The truth in a plane, ``(columns, rows)``."""
        if plane not in self._livers:
            self._livers[plane] = self.body.section(self._in_body(plane))[1]
        return self._livers[plane]

    def _in_body(self, plane: Plane) -> NDArray[np.float64]:
        places: NDArray[np.float64] = plane.places_mm() - np.asarray(self.acquisition.body_mm)[:, None, None]
        return places

    def _noise_hu(self, plane: Plane) -> NDArray[np.float32]:
        """Reconstructed noise is correlated over about two pixels, and there is a slow shading."""
        scan = self.acquisition
        rng = np.random.default_rng([scan.seed, scan.patient, scan.series, plane.number])
        grain = gaussian_filter(rng.standard_normal(plane.size_px, dtype=np.float32), sigma=_GRAIN_PX)
        x, y = (np.linspace(0, np.pi * rng.uniform(0.5, 2), size, dtype=np.float32) for size in plane.size_px)
        shading = np.sin(x + rng.uniform(0, 6))[:, None] * np.sin(y + rng.uniform(0, 6))[None, :]
        noise: NDArray[np.float32] = scan.noise_hu * grain / grain.std() + _SHADING_HU * shading
        return noise.astype(np.float32)
