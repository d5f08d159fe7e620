"""Holes of masks, slice by slice."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import FillHoles, MapTransform
from monai.utils import TransformBackends

__all__ = ["FillHolesInSlicesd"]


class FillHolesInSlicesd(MapTransform):
    """Fill what a mask encloses within a slice along the last axis.

    MONAI's ``FillHoles`` on a volume fills only what is closed on all sides, and nothing in a volume of one slice.
    """

    backend: ClassVar = [TransformBackends.NUMPY]

    def __init__(self, keys: KeysCollection, *, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.fill_holes = FillHoles()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Fill each key's mask ``(1, x, y, z)``."""
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self._filled(out[key])
        return out

    def _filled(self, mask: torch.Tensor) -> torch.Tensor:
        plain = mask.as_subclass(torch.Tensor)
        # Copies, as MONAI fills in place.
        slices = [torch.as_tensor(self.fill_holes(plain[..., index].clone())) for index in range(plain.shape[-1])]
        filled = torch.stack([one.as_subclass(torch.Tensor) for one in slices], dim=-1)
        return MetaTensor(filled, meta=mask.meta) if isinstance(mask, MetaTensor) else filled
