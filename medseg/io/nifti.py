"""Uncompressed NIfTI of the prepared data set: whole volumes out, single slices in.

Arrays are (x, y, z) with z the slice axis; on disk x runs fastest, so slice k is one contiguous block that a memory map
reads without touching the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from medseg.errors import MedsegError
from medseg.io.atomic import atomic_path

__all__ = ["open_nifti", "read_slice", "write_nifti"]

_NO_NIFTI = (ImageFileError, HeaderDataError, WrapStructError, ValueError, OSError, EOFError)


def write_nifti(path: Path, volume: NDArray[Any], affine_mm: NDArray[np.float64]) -> None:
    """Write a volume, atomically and with the same bytes for the same input.

    Args:
        path: Target, ``.nii``.
        volume: ``(x, y, z)``.
        affine_mm: 4 x 4, voxel indices to RAS+ mm.
    """
    image = nib.Nifti1Image(volume, affine_mm, dtype=volume.dtype)
    image.header.set_xyzt_units("mm")
    with atomic_path(path) as partial:
        nib.save(image, partial)


def open_nifti(path: Path | str) -> nib.Nifti1Image:
    """Open a NIfTI file; voxels stay on disk until they are indexed.

    Raises:
        MedsegError: If the file is missing, is no NIfTI file, or is shorter than its header says.
    """
    path = Path(path)
    if not path.is_file():
        raise MedsegError(f"{path}: does not exist; prepare the data set again")
    try:
        image = nib.Nifti1Image.from_filename(path)
    except _NO_NIFTI as error:
        raise MedsegError(f"{path}: must be a NIfTI file, got {error}") from error
    if min(image.shape) < 1:
        raise MedsegError(f"{path}: must have at least one voxel along each axis, got shape {image.shape}")
    if path.suffix == ".nii":
        # The header's own vox_offset is 0 once nibabel has loaded it.
        expected = int(image.dataobj.offset) + int(np.prod(image.shape)) * image.header.get_data_dtype().itemsize
        if path.stat().st_size < expected:
            raise MedsegError(f"{path}: must hold {expected} bytes, got {path.stat().st_size}; the file is cut short")
    return image


def read_slice(path: Path | str, index: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Read one slice.

    Args:
        path: Uncompressed NIfTI of shape ``(x, y, z)``.
        index: Slice along z.

    Returns:
        The slice ``(x, y)`` in the file's type, and its 4 x 4 affine, whose origin is the slice's own.
    """
    image = open_nifti(path)
    affine = np.array(image.affine, dtype=np.float64)
    affine[:3, 3] += index * affine[:3, 2]
    return np.asarray(image.dataobj[..., index]), affine
