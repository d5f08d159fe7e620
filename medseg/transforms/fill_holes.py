"""Holes of masks, slice by slice."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import FillHoles, MapTransform
from monai.utils import TransformBackends

from medseg.io.orient import Plane, find_orientation
from medseg.transforms.placed import affine_mm

__all__ = ["FillHolesInSlicesd"]


class FillHolesInSlicesd(MapTransform):
    """Fill what a mask encloses within a slice.

    MONAI's ``FillHoles`` on a volume fills only what is closed on all sides, and nothing in a volume of one slice.

    Args:
        keys: Keys of the masks.
        plane: Plane of the slices, whatever the order of a mask's axes; of a mask that does not know where it lies,
            slices are along the last.
        allow_missing_keys: As in MONAI.
    """

    backend: ClassVar = [TransformBackends.NUMPY]

    def __init__(self, keys: KeysCollection, plane: Plane = "axial", *, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.plane = plane
        self.fill_holes = FillHoles()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Fill each key's mask ``(1, x, y, z)``."""
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self._filled(out[key])
        return out

    def _filled(self, mask: torch.Tensor) -> torch.Tensor:
        axis = self._slice_axis(mask)
        # Copies, as MONAI fills in place.
        slices = [self.fill_holes(one.clone()) for one in mask.as_subclass(torch.Tensor).unbind(axis + 1)]
        filled = torch.stack([torch.as_tensor(one).as_subclass(torch.Tensor) for one in slices], dim=axis + 1)
        return MetaTensor(filled, meta=mask.meta) if isinstance(mask, MetaTensor) else filled

    def _slice_axis(self, mask: torch.Tensor) -> int:
        if not isinstance(mask, MetaTensor):
            return 2
        return find_orientation(affine_mm(mask), tuple(mask.shape[1:]), self.plane).axes[2]
