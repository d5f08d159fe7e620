"""Save predicted masks on their source's own grid, in its own format, with a picture beside each."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from numpy.typing import NDArray

from medseg.data.items import scan_name
from medseg.errors import MedsegError
from medseg.io.atomic import atomic_path
from medseg.io.images import read_grey, write_grey
from medseg.io.monai_reader import is_nifti
from medseg.io.nifti import open_nifti
from medseg.io.pictures import write_rgb
from medseg.transforms import mask_overlay

__all__ = ["SaveMaskd"]


class SaveMaskd(MapTransform):
    """Write ``<name>_mask`` (PNG 0/255 for images, NIfTI 0/1 for NIfTI) and ``overlays/<name>.png``.

    Masks are ``(1, x, y, z)`` on the grid of the file they were predicted from, as ``Invertd`` leaves them.

    Args:
        keys: Keys of the masks.
        folder: Where files go.
        allow_missing_keys: As in MONAI.
    """

    def __init__(self, keys: KeysCollection, folder: str, *, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.folder = Path(folder)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Save each key's mask; the data pass unchanged.

        Raises:
            MedsegError: If a mask is not on its source's grid.
        """
        out = dict(data)
        for key in self.key_iterator(out):
            self._save(out[key])
        return out

    def _save(self, pred: MetaTensor) -> None:
        source = Path(pred.meta["filename_or_obj"])
        mask = (pred.detach().cpu().numpy()[0] > 0.5).astype(np.uint8)
        name = scan_name(source)
        if is_nifti(source):
            image = open_nifti(source)
            volume = np.asarray(image.dataobj).reshape(*image.shape, *([1] * (3 - image.ndim)))
            _check_grid(source, mask, volume)
            with atomic_path(self.folder / f"{name}_mask{source.name[len(name) :]}") as partial:
                nib.save(_on_grid_of(image, mask.reshape(image.shape)), partial)
            best = int(mask.sum(axis=(0, 1)).argmax())
            # A viewer's x runs right and y down; RAS-like arrays are shown with y up.
            write_rgb(
                self.folder / "overlays" / f"{name}.png", mask_overlay(volume[:, ::-1, best], mask[:, ::-1, best])
            )
        else:
            image_xy = read_grey(source)
            _check_grid(source, mask, image_xy[..., None])
            write_grey(self.folder / f"{name}_mask.png", mask[..., 0] * np.uint8(255))
            write_rgb(self.folder / "overlays" / f"{name}.png", mask_overlay(image_xy, mask[..., 0]))


def _check_grid(source: Path, mask: NDArray[np.uint8], volume: NDArray[Any]) -> None:
    if mask.shape != volume.shape:
        raise MedsegError(f"{source}: mask must have the scan's size {volume.shape}, got {mask.shape}")


def _on_grid_of(image: nib.Nifti1Image, mask: NDArray[np.uint8]) -> nib.Nifti1Image:
    """Mask with the image's geometry: affine, both forms and their codes, units."""
    header = image.header.copy()
    header.set_data_dtype(np.uint8)
    header.set_slope_inter(1.0, 0.0)
    header["cal_min"], header["cal_max"] = 0, 1
    return nib.Nifti1Image(mask, image.affine, header)
