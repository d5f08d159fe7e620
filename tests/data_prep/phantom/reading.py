"""Reads what the phantom wrote with libraries that had no part in drawing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import SimpleITK
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from data_prep.options import Track
from data_prep.phantom import PhantomSummary, write_phantom

CT_CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1")


def write_small(out: Path, *faults: str, patients: int = 1, slices: int = 8, size_px: int = 48) -> PhantomSummary:
    """A phantom that takes a fraction of a second."""
    return write_phantom(out, patients=patients, slices=slices, size_px=size_px, seed=5, faults=faults, track=Track())


def images(patient: Path) -> list[Dataset]:
    """All DICOM images of a patient, by InstanceNumber; files that are none are left out."""
    found = []
    for path in sorted((patient / "ct").rglob("*")):
        if path.is_file() and pydicom.misc.is_dicom(path) and path.name != "DICOMDIR":
            found.append(pydicom.dcmread(path))
    return sorted(found, key=lambda dataset: int(dataset.InstanceNumber))


def axial_positions(patient: Path) -> list[float]:
    """z of the images, rising, mm."""
    return sorted(float(dataset.ImagePositionPatient[2]) for dataset in images(patient))


def sitk_volume(patient: Path) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """HU ``(column, row, slice)`` and the affine to LPS mm, as SimpleITK sees the series."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(patient / "ct")))
    image = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0), affine


def nifti_truth(patient: Path) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Liver and the affine to LPS mm, as nibabel sees it."""
    image = nib.load(patient / "liver.nii.gz")
    assert isinstance(image, nib.Nifti1Image)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(image.affine)
    return np.asarray(image.dataobj), affine


def seg_truth(patient: Path) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Liver and the affine to LPS mm, as highdicom sees it."""
    volume = hd.seg.segread(patient / "seg" / "liver.dcm").get_volume(combine_segments=True)
    return volume.array, volume.affine


def liver_voxels(
    patient: Path, read: Callable[[Path], tuple[NDArray[np.uint8], NDArray[np.float64]]]
) -> set[tuple[int, ...]]:
    """Voxels of the NIfTI truth's grid that ``nifti_truth`` or ``seg_truth`` calls liver; none may lie off the grid."""
    mask, affine = read(patient)
    world = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    to_grid = np.linalg.inv(nifti_truth(patient)[1])
    voxels = world @ to_grid[:3, :3].T + to_grid[:3, 3]
    np.testing.assert_allclose(voxels, np.rint(voxels), atol=1e-3)
    return set(map(tuple, np.rint(voxels).astype(int).tolist()))
