"""Load one slice at a time from a prepared data set.

Each call opens the file, maps it and reads one block, so memory does not grow with the number of cases or slices.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import ImageMetaKey, MetaKeys, SpaceKeys, TransformBackends

from medseg.io.nifti import read_slice

__all__ = ["LoadSlice", "LoadSliced"]


class LoadSlice(Transform):
    """Read a slice as ``MetaTensor``, ``(1, x, y)`` float32, with its case, slice and geometry."""

    backend: ClassVar = [TransformBackends.TORCH]

    def __call__(self, path: str, index: int, case: str = "") -> MetaTensor:
        """Read slice ``index`` of the prepared volume at ``path``.

        Args:
            path: Uncompressed NIfTI of shape ``(x, y, z)``.
            index: Slice along z.
            case: Case name, kept in the metadata.

        Returns:
            ``(1, x, y)``; ``affine`` is 4 x 4, RAS+ mm, of the slice itself.
        """
        pixels, affine = read_slice(path, index)
        meta = {
            ImageMetaKey.FILENAME_OR_OBJ: path,
            MetaKeys.SPATIAL_SHAPE: np.asarray(pixels.shape),
            MetaKeys.SPACE: SpaceKeys.RAS,
            MetaKeys.ORIGINAL_CHANNEL_DIM: 0,
            "case": case,
            "slice": index,
        }
        img = torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32)[None])
        return MetaTensor(img, affine=torch.from_numpy(affine), meta=meta)


class LoadSliced(MapTransform):
    """Dictionary form of :class:`LoadSlice`; the item gives ``case`` and ``slice``."""

    backend: ClassVar = LoadSlice.backend

    def __init__(self, keys: KeysCollection, *, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.load_slice = LoadSlice()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace each key's path by its slice."""
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self.load_slice(out[key], out["slice"], out["case"])
        return out
