"""Onto a right-angled, regular grid: tilted slices shifted, unequal gaps filled. Only by a person's choice.

**Tilt.** Slice k lies s_k beside the first slice's normal. It is shifted by s_k within its own plane, in pixels and
their fractions, linearly between neighbours, so that slices stand along their normal. Nothing is lost: the grid grows
by the largest shift, and what no slice covers is air (the lowest value of the volume). Positions are right to 0.001
pixel; values are those of linear interpolation, exact where intensity is linear over a pixel, and between the two
neighbours' elsewhere.

**Unequal gaps.** Between slices, values are linear along the normal, on the grid of
:func:`medseg.io.dicom.geometry.regular_grid_mm`; a grid place at a slice holds that slice unchanged.

Labels go the same way with nearest instead of linear, so they stay labels and stay on the image's grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.io.dicom.geometry import Stack, affine_mm, normal, place_tolerance_mm, regular_grid_mm
from medseg.io.dicom.header import Header

__all__ = ["Regrid", "plan_regrid"]

# Rounding of positions must not turn an unshifted slice into an interpolated one.
_SAME_PX = 1e-3


@dataclass(frozen=True, eq=False)
class Regrid:
    """How a stack of slices goes onto a right-angled, regular grid.

    Attributes:
        shifts_px: ``(n, 2)`` by which each slice is shifted along x and y.
        along_mm: ``(n,)`` positions of the slices along the normal.
        grid_mm: ``(m,)`` positions of the grid's slices.
        affine_mm: 4 x 4 of the grid, indices to RAS+ mm.
    """

    shifts_px: NDArray[np.float64]
    along_mm: NDArray[np.float64]
    grid_mm: NDArray[np.float64]
    affine_mm: NDArray[np.float64]

    @property
    def places(self) -> NDArray[np.float64]:
        """``(n,)`` where the slices lie, as indices into the acquired volume's affine, which holds for its ends."""
        along = self.along_mm - self.along_mm[0]
        places: NDArray[np.float64] = along / along[-1] * (len(along) - 1)
        return places

    def image(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Resample an image, linearly.

        Args:
            voxels: ``(x, y, n)``, one slice a header.

        Returns:
            On the grid, in the same type; whole types are rounded to nearest, half to even.
        """
        return self._apply(voxels, voxels.min(), linear=True)

    def label(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Resample a label map, nearest; 0 where no slice lies.

        Args:
            voxels: ``(x, y, n)``, one slice a header, in the image's order.
        """
        return self._apply(voxels, voxels.dtype.type(0), linear=False)

    def _apply(self, voxels: NDArray[Any], outside: Any, *, linear: bool) -> NDArray[Any]:
        low, high = _margins(self.shifts_px)
        size = (voxels.shape[0] + int(low[0] + high[0]), voxels.shape[1] + int(low[1] + high[1]), len(self.grid_mm))
        # x runs fastest, as in what is read and written.
        out = np.empty(size, voxels.dtype, order="F")
        for place, (below, weight) in enumerate(_between(self.along_mm, self.grid_mm)):
            slices = [self._shifted(voxels, index, outside, linear=linear) for index in _used(below, weight, linear)]
            blend = slices[0] if len(slices) == 1 else slices[0] + weight * (slices[1] - slices[0])
            out[..., place] = np.rint(blend) if np.issubdtype(out.dtype, np.integer) else blend
        return out

    def _shifted(self, voxels: NDArray[Any], index: int, outside: Any, *, linear: bool) -> NDArray[np.float64]:
        low, high = _margins(self.shifts_px)
        plane: NDArray[np.float64] = voxels[..., index].astype(np.float64)
        for axis in range(2):
            plane = _shift(
                plane, axis, self.shifts_px[index, axis] + low[axis], low[axis] + high[axis], outside, linear
            )
        return plane


def plan_regrid(headers: Sequence[Header], *, tilt: bool, irregular: bool) -> Regrid | None:
    """Plan for slices in order.

    Args:
        headers: At least one slice, at different positions along the normal.
        tilt: Whether a drift beyond the tolerance is undone.
        irregular: Whether gaps beyond the tolerance are made equal.

    Returns:
        None where the slices are on a right-angled, regular grid within the tolerances.
    """
    if len(headers) < 2:
        return None
    stack = Stack.of(headers)
    sheared = tilt and np.linalg.norm(stack.across_mm, axis=1).max() > stack.across_tolerance_mm()
    uneven = irregular and stack.off_grid_mm() > place_tolerance_mm(stack.length_mm / (len(headers) - 1))
    if not (sheared or uneven):
        return None
    even = np.linspace(stack.along_mm[0], stack.along_mm[-1], len(headers))
    along, grid = (stack.along_mm, regular_grid_mm(stack.along_mm)) if uneven else (even, even)
    between_rows, between_columns = headers[0].pixel_spacing_mm or ()
    shifts = stack.across_mm / (between_columns, between_rows) if sheared else np.zeros_like(stack.across_mm)
    shifts = np.where(np.abs(shifts - shifts.round()) < _SAME_PX, shifts.round(), shifts)
    last = np.array(headers[-1].position_mm) - np.array(headers[0].position_mm)
    step = normal(headers[0]) * stack.length_mm if sheared else last
    affine = affine_mm(headers[0], step / (len(grid) - 1))
    affine[:3, 3] -= affine[:3, :2] @ _margins(shifts)[0]
    return Regrid(shifts, along, grid, affine)


def _margins(shifts_px: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whole pixels by which the grid grows below and above along x and y."""
    return np.ceil(-shifts_px.min(axis=0, initial=0)), np.ceil(shifts_px.max(axis=0, initial=0))


def _between(along_mm: NDArray[np.float64], grid_mm: NDArray[np.float64]) -> list[tuple[int, float]]:
    """For each grid place the slice below it and the weight of the next one."""
    below = np.clip(np.searchsorted(along_mm, grid_mm, side="right") - 1, 0, len(along_mm) - 2)
    weights = (grid_mm - along_mm[below]) / (along_mm[below + 1] - along_mm[below])
    near = np.abs(weights - weights.round()) < _SAME_PX
    weights = np.where(near, weights.round(), weights)
    return list(zip(below.tolist(), weights.tolist(), strict=True))


def _used(below: int, weight: float, linear: bool) -> list[int]:
    if linear and 0 < weight < 1:
        return [below, below + 1]
    return [below + round(weight)]


def _shift(
    plane: NDArray[np.float64], axis: int, shift_px: float, grows: float, outside: Any, linear: bool
) -> NDArray[np.float64]:
    """Move a plane by ``shift_px`` >= 0 along ``axis`` into one that is longer by ``grows``."""
    if not grows:
        return plane
    whole = int(np.floor(shift_px)) if linear else round(shift_px)
    fraction = shift_px - whole if linear else 0.0
    padding = [(0, 0), (0, 0)]
    padding[axis] = (whole, int(grows) - whole)
    moved = np.pad(plane, padding, constant_values=outside)
    return moved if not fraction else (1 - fraction) * moved + fraction * _next(moved, axis, outside)


def _next(plane: NDArray[np.float64], axis: int, outside: Any) -> NDArray[np.float64]:
    """The plane moved one pixel on."""
    padding = [(0, 0), (0, 0)]
    padding[axis] = (1, 0)
    return np.pad(plane, padding, constant_values=outside).take(range(plane.shape[axis]), axis)
