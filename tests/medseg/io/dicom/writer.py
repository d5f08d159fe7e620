"""DICOM series written by plain pydicom, so that tests know what lies where without the reader under test.

Pixels are given as they are read: (x, y) or (x, y, z) with x = column, y = row, z = slice along the normal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
MR_CLASS = "1.2.840.10008.5.1.4.1.1.4"
ROOT = "1.2.826.0.1.3680043.10.999"


def stored_voxels(
    size: tuple[int, int, int] = (5, 4, 3), *, low: int = 0, high: int = 4096, seed: int = 0
) -> NDArray[Any]:
    """Random stored values, ``(x, y, z)``, uint16, or int16 if ``low`` is negative."""
    dtype = np.int16 if low < 0 else np.uint16
    return np.random.default_rng(seed).integers(low, high, size).astype(dtype)


def slice_dataset(
    pixels: NDArray[Any],
    position_mm: Sequence[float],
    *,
    orientation: Sequence[float] = AXIAL,
    spacing_mm: tuple[float, float] = (0.7, 0.8),
    series: int = 1,
    instance: int = 1,
    **tags: Any,
) -> Dataset:
    """One CT slice.

    Args:
        pixels: ``(x, y)``.
        position_mm: (0020,0032), LPS.
        orientation: (0020,0037).
        spacing_mm: Along x and y; (0028,0030) has them the other way round.
        series: Number of the series, from which its UID is made.
        instance: (0020,0013), from which the image's UID is made.
        tags: Keywords of DICOM with other values; None takes the tag out.
    """
    dataset = Dataset()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SOPClassUID = CT_CLASS
    dataset.SOPInstanceUID = f"{ROOT}.{series}.{instance}"
    dataset.StudyInstanceUID = f"{ROOT}.0"
    dataset.SeriesInstanceUID = f"{ROOT}.{series}"
    dataset.FrameOfReferenceUID = f"{ROOT}.0.1"
    dataset.Modality = "CT"
    dataset.SeriesNumber = series
    dataset.InstanceNumber = instance
    dataset.ImagePositionPatient = [_decimal(number) for number in position_mm]
    dataset.ImageOrientationPatient = [_decimal(number) for number in orientation]
    dataset.PixelSpacing = [_decimal(spacing_mm[1]), _decimal(spacing_mm[0])]
    dataset.Columns, dataset.Rows = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 1
    dataset.PixelData = np.ascontiguousarray(pixels.T).tobytes()
    dataset["PixelData"].VR = "OW"
    for keyword, value in tags.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    return dataset


def save(dataset: Dataset, path: Path, *, implicit: bool = False) -> Path:
    """Write a data set as a file with preamble."""
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CT_CLASS) or CT_CLASS
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", ROOT) or ROOT
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, dataset, implicit_vr=implicit, little_endian=True, enforce_file_format=True)
    return path


def slice_positions(
    count: int,
    *,
    orientation: Sequence[float] = AXIAL,
    gap_mm: float = 2.5,
    first_mm: Sequence[float] = (-10.0, 20.0, 30.0),
) -> NDArray[np.float64]:
    """``(count, 3)`` positions along the normal, LPS."""
    columns, rows = np.asarray(orientation, dtype=np.float64).reshape(2, 3)
    return np.asarray(first_mm) + gap_mm * np.arange(count)[:, None] * np.cross(columns, rows)


def write_series(
    folder: Path,
    voxels: NDArray[Any],
    *,
    positions_mm: Sequence[Sequence[float]] | NDArray[np.float64] | None = None,
    gap_mm: float = 2.5,
    orientation: Sequence[float] = AXIAL,
    each: Callable[[int], dict[str, Any]] | None = None,
    name: Callable[[int], str] = "{:03d}.dcm".format,
    implicit: bool = False,
    **options: Any,
) -> list[Path]:
    """Write a series, one file a slice.

    Args:
        folder: Where to.
        voxels: ``(x, y, z)``.
        positions_mm: One a slice; by default along the normal.
        gap_mm: Distance of the default positions.
        orientation: (0020,0037).
        each: Options of :func:`slice_dataset` of slice z alone.
        name: File name of slice z.
        implicit: Whether to leave out value representations.
        options: Options of :func:`slice_dataset` of all slices.

    Returns:
        The files, in the order of the slices.
    """
    count = voxels.shape[2]
    places = slice_positions(count, orientation=orientation, gap_mm=gap_mm) if positions_mm is None else positions_mm
    files = []
    for z in range(count):
        own = {"orientation": orientation, "instance": z + 1, **options, **(each(z) if each else {})}
        place = own.pop("position_mm", places[z])
        files.append(save(slice_dataset(voxels[..., z], place, **own), folder / name(z), implicit=implicit))
    return files


def _decimal(number: float) -> str:
    """A decimal string of at most 16 characters."""
    return f"{float(number):.10g}"[:16]
