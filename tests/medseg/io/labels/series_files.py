"""A small CT series and masks on it, for the tests of every kind of label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.io.dicom import group_series, read_dicom, read_headers
from medseg.io.volume import Volume
from tests.medseg.io.dicom.writer import stored_voxels, write_series

SIZE = (7, 6, 5)
OBLIQUE = (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)
# Turned by 180 degrees, as some writers store: both directions negative.
NEGATED = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
_DEMANDED = {
    "PatientName": "CANARY^NAME",
    "PatientID": "CANARY-ID",
    "PatientBirthDate": "",
    "PatientSex": "O",
    "AccessionNumber": "",
    "StudyID": "1",
    "StudyDate": "20200101",
    "StudyTime": "120000",
    "Manufacturer": "",
    "SliceThickness": 2.5,
}


def write_ct(folder: Path, size: tuple[int, int, int] = SIZE, **options: Any) -> list[Path]:
    """Write a CT series with what segmentations of it need; files are in the order of the slices."""
    return write_series(folder, stored_voxels(size), **{**_DEMANDED, **options})


def read_ct(files: list[Path]) -> Volume:
    """The series as intake reads it, which is tested elsewhere."""
    return read_dicom(files[0].parent)


def files_by_slice(folder: Path) -> list[Path]:
    (series,) = group_series(read_headers(folder).headers)
    return [header.path for header in series.headers]


def random_mask(size: tuple[int, int, int] = SIZE, *, seed: int = 0, share: float = 0.4) -> NDArray[np.uint8]:
    """``(x, y, z)`` of 0 and 1, with foreground on every slice, and no symmetry that could hide a flip."""
    mask = (np.random.default_rng(seed).random(size) < share).astype(np.uint8)
    mask[0, 1] = 1
    return mask
