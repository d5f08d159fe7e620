"""Masks and probabilities as NIfTI with exactly the geometry of the scan that they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from medseg.errors import MedsegError
from medseg.io.atomic import atomic_path
from medseg.io.nifti_header import read_nifti_header

__all__ = ["write_like"]


def write_like(path: Path, voxels: NDArray[Any], affine_mm: NDArray[np.float64], source: Path | None) -> None:
    """Write voxels on a scan's grid, atomically.

    Args:
        path: Target, ``.nii`` or ``.nii.gz``.
        voxels: ``(x, y, z)``, uint8 masks or float32 probabilities.
        affine_mm: 4 x 4 of the scan, voxel indices to RAS+ mm.
        source: The scan's file where that is NIfTI: number of dimensions, both forms with their codes, and units are
            taken from it.

    Raises:
        MedsegError: If the voxels are not on the source's grid.
    """
    image = _new(voxels, affine_mm) if source is None else _on_grid_of(source, voxels)
    with atomic_path(path) as partial:
        nib.save(image, partial)


def _new(voxels: NDArray[Any], affine_mm: NDArray[np.float64]) -> nib.Nifti1Image:
    image = nib.Nifti1Image(voxels, affine_mm, dtype=voxels.dtype)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine_mm, code=1)
    # A sheared grid has no qform; readers then take the sform.
    image.set_qform(affine_mm, code=1 if _is_rigid(affine_mm) else 0)
    return image


def _is_rigid(affine_mm: NDArray[np.float64]) -> bool:
    axes = affine_mm[:3, :3] / np.linalg.norm(affine_mm[:3, :3], axis=0)
    return bool(np.allclose(axes.T @ axes, np.eye(3), atol=1e-5))


def _on_grid_of(source: Path, voxels: NDArray[Any]) -> nib.Nifti1Image:
    """The header alone counts, as :mod:`medseg.io.nifti_header` reads it: of NIfTI-1 or 2, whatever the file's name is.

    Extensions, which may tell of the patient, stay behind.
    """
    fields = read_nifti_header(source).fields
    size = fields.get_data_shape()
    if (*size, *([1] * (3 - len(size))))[:3] != voxels.shape:
        raise MedsegError(f"{source}: mask must have the scan's size {size}, got {voxels.shape}")
    header = fields.copy()
    header["vox_offset"] = 0  # nibabel finds the place
    header.set_data_dtype(voxels.dtype)
    header.set_slope_inter(1.0, 0.0)
    header["cal_min"], header["cal_max"] = 0, 1
    header["descrip"] = b""
    kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    return kind(voxels.reshape(size), header.get_best_affine(), header)
