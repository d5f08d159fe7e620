"""MONAI reader for what prediction takes: PNG, TIFF and NIfTI, always as a volume (x, y, z)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from monai.config import PathLike
from monai.data import ImageReader
from monai.utils import ImageMetaKey, MetaKeys, SpaceKeys
from numpy.typing import NDArray

from medseg.errors import MedsegError
from medseg.io.images import read_grey
from medseg.io.nifti import open_nifti

__all__ = ["ScanReader", "image_affine", "is_nifti"]

_AXIS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


class ScanReader(ImageReader):
    """Read PNG and TIFF by :func:`medseg.io.images.read_grey`, NIfTI by nibabel.

    Args:
        orientation: Directions in which the columns and rows of PNG and TIFF run, such as ``LA``; None where images
            show no patient. NIfTI has its own geometry.
    """

    def __init__(self, orientation: str | None = None) -> None:
        super().__init__()
        self.affine = image_affine(orientation)

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Whether the name is one that :meth:`read` takes."""
        return str(filename).lower().endswith((".png", ".tif", ".tiff", ".nii", ".nii.gz"))

    def read(self, data: Sequence[PathLike] | PathLike, **_kwargs: Any) -> Path:
        """The file to read; :meth:`get_data` reads it.

        ``LoadImage`` tries its other readers where this method fails, and those know no orientation and show no error
        of ours.
        """
        return Path(str(data[0]) if isinstance(data, (list, tuple)) else str(data))

    def get_data(self, img: Path) -> tuple[NDArray[Any], dict[str, Any]]:
        """Voxels ``(x, y, z)`` with their metadata.

        Raises:
            MedsegError: If the file is damaged or has more than three axes.
        """
        path = img
        if not is_nifti(path):
            return _with_meta(path, read_grey(path)[..., None], self.affine)
        image = open_nifti(path)
        if image.ndim == 2:
            image = _as_3d(image)
        if image.ndim != 3:
            raise MedsegError(f"{path}: must have 3 axes, got shape {image.shape}; give one volume a file")
        try:
            voxels = np.asarray(image.dataobj)
        except (OSError, EOFError, ValueError) as error:
            raise MedsegError(f"{path}: must hold all voxels of its header, got {error}") from error
        return _with_meta(path, voxels, np.asarray(image.affine, dtype=np.float64))


def image_affine(orientation: str | None) -> NDArray[np.float64]:
    """Affine of an image without spacing whose columns and rows run in the directions of ``orientation``.

    Args:
        orientation: Two letters such as ``LA``, or None for the identity.

    Returns:
        4 x 4, voxel indices to RAS+, one unit a pixel.
    """
    affine = np.eye(4)
    if orientation is None:
        return affine
    axes = [_AXIS[letter] for letter in orientation]
    rest = ({0, 1, 2} - {axis for axis, _ in axes}).pop()
    affine[:3, :3] = 0
    for column, (axis, sign) in enumerate([*axes, (rest, 1)]):
        affine[axis, column] = sign
    return affine


def is_nifti(path: Path) -> bool:
    """Whether the name ends in ``.nii`` or ``.nii.gz``."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def _as_3d(image: nib.Nifti1Image) -> nib.Nifti1Image:
    return nib.Nifti1Image(np.asarray(image.dataobj)[..., None], image.affine)


def _with_meta(path: Path, voxels: NDArray[Any], affine: NDArray[np.float64]) -> tuple[NDArray[Any], dict[str, Any]]:
    meta: dict[str, Any] = {
        str(ImageMetaKey.FILENAME_OR_OBJ): str(path),
        str(MetaKeys.AFFINE): affine,
        str(MetaKeys.ORIGINAL_AFFINE): affine.copy(),
        str(MetaKeys.SPATIAL_SHAPE): np.asarray(voxels.shape),
        str(MetaKeys.SPACE): SpaceKeys.RAS,
        str(MetaKeys.ORIGINAL_CHANNEL_DIM): "no_channel",
    }
    return voxels, meta
