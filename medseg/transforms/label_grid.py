"""Labels onto their image's grid, or an error: MONAI compares no grids."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform
from monai.utils import TraceKeys, TransformBackends
from numpy.typing import NDArray

from medseg.io.grids import label_on_image_grid
from medseg.io.volume import Volume
from medseg.meta_keys import WARNINGS
from medseg.once import warn_once
from medseg.transforms.placed import affine_mm, on_grid, source_of

__all__ = ["LabelOnImageGrid", "LabelOnImageGridd"]

log = logging.getLogger(__name__)


class LabelOnImageGrid(InvertibleTransform):
    """Bring a label's voxels into the order of its image's by :func:`medseg.io.grids.label_on_image_grid`.

    A label whose axes run otherwise, as its own affine says, is turned, with a warning. One whose voxels are not where
    the image's are is refused; nothing is resampled. The inverse gives the label back in its own order.
    """

    backend: ClassVar = [TransformBackends.NUMPY]

    def __call__(self, label: torch.Tensor, image: torch.Tensor) -> MetaTensor:
        """The label, ``(C, x, y, z)``, on the grid and with the affine of an image ``(C, x, y, z)``.

        Raises:
            SourceError: If the label's voxels are not where the image's are.
            UsageError: If a tensor does not know where it lies.
        """
        own_mm = affine_mm(label)
        out, warnings = _placed(label, tuple(image.shape[1:]), affine_mm(image))
        for warning in warnings:
            warn_once(log, f"{source_of(out, 'label')}: {warning}")
        out.meta[WARNINGS] = "; ".join(filter(None, (out.meta.get(WARNINGS), *warnings)))
        self.push_transform(out, orig_size=tuple(label.shape[1:]), extra_info={"affine_mm": own_mm.tolist()})
        return out

    def inverse(self, data: MetaTensor) -> MetaTensor:
        """The label in its own order again."""
        done = self.pop_transform(data)
        own_shape, own_mm = tuple(done[TraceKeys.ORIG_SIZE]), np.array(done[TraceKeys.EXTRA_INFO]["affine_mm"])
        return _placed(data, own_shape, own_mm)[0]


class LabelOnImageGridd(MapTransform, InvertibleTransform):
    """Dictionary form of :class:`LabelOnImageGrid`.

    Args:
        keys: Keys of the labels.
        image_key: Key of their image.
        allow_missing_keys: As in MONAI.
    """

    backend: ClassVar = LabelOnImageGrid.backend

    def __init__(self, keys: KeysCollection, image_key: str = "image", *, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.image_key = image_key
        self.label_on_image_grid = LabelOnImageGrid()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Place each key's label."""
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self.label_on_image_grid(out[key], out[self.image_key])
        return out

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Give each key's label back in its own order."""
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self.label_on_image_grid.inverse(out[key])
        return out


def _placed(
    label: MetaTensor, shape: tuple[int, ...], grid_mm: NDArray[np.float64]
) -> tuple[MetaTensor, tuple[str, ...]]:
    """A label on a grid, and what was odd."""
    # Of the image only the grid counts, so it needs no memory.
    image = Volume(np.broadcast_to(np.uint8(0), shape), grid_mm)
    own_mm, where = affine_mm(label), source_of(label, "label")
    channels = label.detach().cpu().as_tensor().numpy()
    volumes = [label_on_image_grid(where, image, Volume(channel, own_mm)) for channel in channels]
    voxels = torch.from_numpy(np.stack([volume.voxels for volume in volumes])).to(label.device)
    return on_grid(label, voxels, grid_mm), volumes[0].warnings
