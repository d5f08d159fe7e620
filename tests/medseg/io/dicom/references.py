"""What other readers make of a DICOM folder, as expectations: SimpleITK and dcm2niix."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
Read = tuple[NDArray[Any], NDArray[np.float64]]


def by_simpleitk(source: Path) -> Read:
    """Voxels ``(x, y, z)`` and affine to RAS+ of a file, or of a folder's only series."""
    if source.is_file():
        image = sitk.ReadImage(str(source))
    else:
        (uid,) = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(source))
        image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(source), uid))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, LPS_TO_RAS @ affine


def by_dcm2niix(source: Path, out: Path, *, suffix: str = "") -> Read:
    """Voxels and affine of the image that dcm2niix writes, turned onto the axes of DICOM.

    It stores rows from bottom to top, and sagittal and coronal slices on other axes.

    Args:
        source: Folder of one series.
        out: Folder to write to.
        suffix: What dcm2niix adds to the name of a further image, such as ``_Tilt_1``.
    """
    program = Path(sys.executable).with_name("dcm2niix")
    out.mkdir(parents=True)
    command = [program, "-z", "n", "-b", "n", "-f", "image", "-o", out, source]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    image = nib.load(out / f"image{suffix}.nii")
    return np.asarray(image.dataobj), image.affine


def onto_axes(read: Read, affine_mm: NDArray[np.float64]) -> Read:
    """Flip and swap a volume's axes so that they run as those of ``affine_mm``."""
    voxels, affine = read
    now, wanted = nib.io_orientation(affine), nib.io_orientation(affine_mm)
    transform = nib.orientations.ornt_transform(now, wanted)
    turned = nib.apply_orientation(voxels, transform)
    return turned, affine @ nib.orientations.inv_ornt_aff(transform, voxels.shape)
