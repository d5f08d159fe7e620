"""Resampling to a voxel size, as data are prepared with ``--spacing``.

MONAI's ``Spacing`` puts the new grid elsewhere: it keeps the first voxel's centre where ours keeps the volume's, and
covers the distance from the first centre to the last where ours covers the voxels' whole extent. So shapes and places
differ by up to a voxel or two, and a network would not see what it was trained on. It gives float32, ours the type it
gets.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform
from monai.utils import TraceKeys, TransformBackends, ensure_tuple_rep
from numpy.typing import NDArray

from medseg.io.spacing import Order, resample_spacing, resample_to
from medseg.io.volume import Volume
from medseg.transforms.placed import affine_mm, on_grid

__all__ = ["ResampleSpacing", "ResampleSpacingd"]


class ResampleSpacing(InvertibleTransform):
    """Bring a volume to a voxel size as :func:`medseg.io.spacing.resample_spacing` does.

    The inverse interpolates back onto the source's grid with the same order, or takes the nearest voxel where
    ``Invertd`` wants that.

    Args:
        spacing_mm: Size along x, y and z; turn volumes before (:class:`medseg.transforms.ToRas`).
        order: 0 takes the nearest voxel (labels), 1 interpolates linearly, 3 by cubic splines.
    """

    backend: ClassVar = [TransformBackends.NUMPY]

    def __init__(self, spacing_mm: Sequence[float], *, order: Order = 1) -> None:
        super().__init__()
        self.spacing_mm = tuple(spacing_mm)
        self.order: Order = order

    def __call__(self, img: torch.Tensor) -> MetaTensor:
        """Resample ``(C, x, y, z)``; integers keep their type, all else becomes float32.

        Raises:
            UsageError: If a size is not above 0, the volume would become too large, or the tensor does not know where
                it lies.
        """
        source_mm = affine_mm(img)
        out = _each_channel(img, lambda volume: resample_spacing(volume, self.spacing_mm, self.order))
        # MONAI's name, under which Invertd puts "nearest" for labels.
        extra = {"mode": int(self.order), "affine_mm": source_mm.tolist()}
        self.push_transform(out, orig_size=tuple(img.shape[1:]), extra_info=extra)
        return out

    def inverse(self, data: MetaTensor) -> MetaTensor:
        """Resample ``(C, x, y, z)`` back onto the source's grid."""
        done = self.pop_transform(data)
        extra, (x, y, z) = done[TraceKeys.EXTRA_INFO], done[TraceKeys.ORIG_SIZE]
        order: Order = 0 if extra["mode"] == "nearest" else self.order
        source_mm = np.array(extra["affine_mm"])
        return _each_channel(data, lambda volume: resample_to(volume, source_mm, (x, y, z), order))


class ResampleSpacingd(MapTransform, InvertibleTransform):
    """Dictionary form of :class:`ResampleSpacing`.

    Args:
        keys: Keys of the volumes.
        spacing_mm: Size along x, y and z.
        order: One for all keys, or one a key, such as ``[1, 0]`` for image and label.
        allow_missing_keys: As in MONAI.
    """

    backend: ClassVar = ResampleSpacing.backend

    def __init__(
        self,
        keys: KeysCollection,
        spacing_mm: Sequence[float],
        *,
        order: Order | Sequence[Order] = 1,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.resamplings = [ResampleSpacing(spacing_mm, order=one) for one in ensure_tuple_rep(order, len(self.keys))]

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Resample each key's volume."""
        out = dict(data)
        for key, resampling in self.key_iterator(out, self.resamplings):
            out[key] = resampling(out[key])
        return out

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Resample each key's volume back onto its source's grid."""
        out = dict(data)
        for key, resampling in self.key_iterator(out, self.resamplings):
            out[key] = resampling.inverse(out[key])
        return out


def _each_channel(img: MetaTensor, resampled: Callable[[Volume], Volume]) -> MetaTensor:
    voxels: NDArray[Any] = img.detach().cpu().as_tensor().numpy()
    if voxels.dtype.kind not in "iu":
        voxels = voxels.astype(np.float32)
    own_mm = affine_mm(img)
    volumes = [resampled(Volume(channel, own_mm)) for channel in voxels]
    stacked = torch.from_numpy(np.stack([volume.voxels for volume in volumes])).to(img.device)
    return on_grid(img, stacked, volumes[0].affine_mm)
