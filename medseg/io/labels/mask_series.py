"""DICOM series as masks, one folder a structure, as in 3D-IRCADb's ``MASKS_DICOM/<organ>/``.

A mask's series is placed and checked like a scan's, but its stored values count: whatever modality and rescale its
header copies from the scan, they are no Hounsfield units. It is read on the grid on which the scan was acquired, also
where that is tilted or uneven, and goes with the scan onto another (:class:`medseg.io.dicom.Regrid`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.dicom.choices import Choices
from medseg.io.dicom.geometry import PLACE_MM
from medseg.io.dicom.header import Header
from medseg.io.dicom.headers import read_headers
from medseg.io.dicom.reader import read_acquired, select_series
from medseg.io.dicom.resample import Regrid
from medseg.io.dicom.series import group_series
from medseg.io.grids import label_on_image_grid
from medseg.io.labels.choose import LabelClass, LabelMask, choose_classes, distinct_values
from medseg.io.volume import Volume

__all__ = ["read_mask_series"]


def read_mask_series(
    where: Path,
    folders: Mapping[str, Path],
    image: Volume,
    foreground: Sequence[str] | None = None,
    *,
    choices: Choices | None = None,
    regrid: Regrid | None = None,
) -> LabelMask:
    """Read the chosen structures and join them; they may overlap.

    Args:
        where: Folder that holds the structures' folders, for messages.
        folders: Each structure's folder by its name; numbers count them in this order, from 1.
        image: The series that was segmented, as it was acquired (:func:`medseg.io.dicom.read_acquired`).
        foreground: Names or numbers; None where there is one structure.
        choices: As for the image, so that what was chosen about its slices holds for its masks.
        regrid: What puts the image on a regular grid, as read with it: of slices at unequal gaps an affine cannot say
            where they lie. None where the image is on such a grid.

    Raises:
        SourceError: If there is none, a mask is damaged, holds more than 0 and one other value, stands on another grid,
            or a choice is needed.
    """
    if not folders:
        raise SourceError(where, "must hold a folder for each structure's masks, got none")
    classes = tuple(LabelClass(number, name) for number, name in enumerate(folders, 1))
    chosen, absent = choose_classes(where, classes, foreground)
    mask = np.zeros_like(image.voxels, dtype=bool)
    warnings: dict[str, None] = {}
    for item in chosen:
        folder = folders[item.name]
        acquired, own_regrid = _read(folder, choices)
        placed = label_on_image_grid(folder, image, acquired)
        own_mm = _uneven_mm(own_regrid)
        counted_back = image.affine_mm[:3, 2] @ acquired.affine_mm[:3, 2] < 0
        _check_gaps(folder, _uneven_mm(regrid), -own_mm[::-1] if counted_back else own_mm)
        mask |= placed.voxels != 0
        warnings |= dict.fromkeys(placed.warnings)
    return LabelMask(mask.view(np.uint8), classes, absent, tuple(warnings))


def _read(folder: Path, choices: Choices | None) -> tuple[Volume, Regrid | None]:
    """A folder's only series, with its stored values, which are 0 and at most one other."""
    scan = read_headers(folder)
    damaged = next((other for other in scan.others if other.damaged), None)
    if damaged is not None:
        raise SourceError(damaged.path, f"{damaged.reason}; a mask may be missing, replace or remove the file")
    (series,) = select_series(group_series(scan.headers), "only", where=str(folder))
    volume, regrid = read_acquired(replace(series, headers=tuple(map(_as_mask, series.headers))), choices)
    values = distinct_values(folder, volume.voxels)
    if len(values) > 2 or values[0] != 0:
        raise SourceError(
            folder, f"mask series must hold 0 and one other value, got {_few(values)}; is it a scan, not a mask?"
        )
    # What is odd of its geometry is its image's, too, and told there.
    return replace(volume, warnings=()), regrid


def _as_mask(header: Header) -> Header:
    return replace(header, modality="OT", slope=None, intercept=None, rescale_type="", modality_lut=False, padding=None)


def _uneven_mm(regrid: Regrid | None) -> NDArray[np.float64]:
    """How far each slice lies from its place on a regular grid between the first and the last; 0 for all without."""
    if regrid is None:
        return np.zeros(1)
    along = regrid.along_mm
    return along - np.linspace(along[0], along[-1], len(along))


def _check_gaps(folder: Path, image_mm: NDArray[np.float64], mask_mm: NDArray[np.float64]) -> None:
    """Of two series with the same ends and number of slices, each slice must lie at the other's."""
    apart = float(np.abs(image_mm - mask_mm).max())
    if apart > PLACE_MM:
        raise SourceError(
            folder,
            f"slices must lie where their image's do (0020,0032), got some {apart:.2f} mm off; check the pairing",
        )


def _few(values: Sequence[int]) -> str:
    return " and ".join(map(str, values)) if len(values) < 4 else f"{len(values)} from {values[0]} to {values[-1]}"
