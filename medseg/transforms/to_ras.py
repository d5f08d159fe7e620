"""To RAS+ by flips and axis swaps, as data are prepared.

MONAI's ``Orientation(axcodes="RAS", labels=None)`` does the same, but where axes lie exactly between two directions of
the body: there it may choose others, and where all three do, its inverse does not always give the source back. It
cannot keep the acquired plane.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar, get_args

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform
from monai.utils import TraceKeys, TransformBackends

from medseg.errors import UsageError
from medseg.io.orient import Orientation, Plane, find_orientation
from medseg.transforms.placed import affine_mm, on_grid

__all__ = ["ToRas", "ToRasd"]


class ToRas(InvertibleTransform):
    """Turn a volume as :func:`medseg.io.orient.to_ras` does: axes run to R, A and S, and slices lie along the last.

    Args:
        plane: Plane of the slices; ``source`` keeps the one in which the scan was acquired.

    Raises:
        UsageError: If the plane is none of those named.
    """

    backend: ClassVar = [TransformBackends.TORCH]

    def __init__(self, plane: Plane = "axial") -> None:
        super().__init__()
        if plane not in get_args(Plane):
            raise UsageError(f"plane must be {' or '.join(get_args(Plane))}, got {plane!r}")
        self.plane = plane

    def __call__(self, img: torch.Tensor) -> MetaTensor:
        """Turn ``(C, x, y, z)``; world coordinates stay.

        Raises:
            UsageError: If the tensor does not know where it lies.
        """
        orientation = find_orientation(affine_mm(img), tuple(img.shape[1:]), self.plane)
        out = _turned(img, orientation)
        extra = {"axes": list(orientation.axes), "flipped": list(orientation.flipped)}
        self.push_transform(out, orig_size=tuple(img.shape[1:]), extra_info=extra)
        return out

    def inverse(self, data: MetaTensor) -> MetaTensor:
        """Turn ``(C, x, y, z)`` back into the source's order."""
        extra = self.pop_transform(data)[TraceKeys.EXTRA_INFO]
        x, y, z = (int(axis) for axis in np.argsort(extra["axes"]))
        flipped = extra["flipped"]
        return _turned(data, Orientation((x, y, z), (flipped[x], flipped[y], flipped[z])))


class ToRasd(MapTransform, InvertibleTransform):
    """Dictionary form of :class:`ToRas`."""

    backend: ClassVar = ToRas.backend

    def __init__(self, keys: KeysCollection, plane: Plane = "axial", *, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.to_ras = ToRas(plane)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Turn each key's volume."""
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self.to_ras(out[key])
        return out

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Turn each key's volume back."""
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self.to_ras.inverse(out[key])
        return out


def _turned(img: MetaTensor, orientation: Orientation) -> MetaTensor:
    voxels = img.as_tensor().permute(0, *(axis + 1 for axis in orientation.axes))
    flips = [index + 1 for index, flipped in enumerate(orientation.flipped) if flipped]
    affine = orientation.apply_affine(affine_mm(img), tuple(img.shape[1:]))
    return on_grid(img, (voxels.flip(flips) if flips else voxels).contiguous(), affine)
