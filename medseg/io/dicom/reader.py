"""A DICOM file or folder as a volume: find, group, choose, check, and only then read pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.errors import UsageError
from medseg.io.dicom.checks import check_series
from medseg.io.dicom.choices import Choices
from medseg.io.dicom.geometry import affine_mm, depth_mm, normal
from medseg.io.dicom.header import Header
from medseg.io.dicom.headers import read_headers
from medseg.io.dicom.image_rules import modality_of
from medseg.io.dicom.pixels import read_frames
from medseg.io.dicom.resample import Regrid, plan_regrid
from medseg.io.dicom.rescale import padding_warning, rescale
from medseg.io.dicom.selection import check_scan, select_series, set_aside
from medseg.io.dicom.series import DicomSeriesError, Series, group_series
from medseg.io.volume import Volume

__all__ = ["read_acquired", "read_dicom", "read_series", "select_series"]


def read_dicom(path: Path | str, series: str = "only", choices: Choices | None = None) -> Volume:
    """Read the volume in a DICOM file, or in a folder with everything below it.

    Args:
        path: File, which is read alone, or folder.
        series: ``only`` demands that there is one, ``largest`` takes that of most images, a SeriesInstanceUID that one.
        choices: What to do where the series is no plain volume; by default it is refused.

    Returns:
        The series; its warnings also tell of localizers and captures set aside, and of empty files.

    Raises:
        MedsegError: If the path does not exist.
        SourceError: If there is no DICOM image, or a DICOM file is damaged, of which no one knows where it belongs.
        DicomSeriesError: If the choice of series is not unique, or the series breaks a rule.
        UsageError: If ``series`` is ``all``, or a UID that is not there.
    """
    if series == "all":
        raise UsageError(
            "--series must name one series where one volume is read, got 'all'; give only, largest or a UID"
        )
    scan = read_headers(path)
    found = check_scan(Path(path), scan)
    serieses = group_series(scan.headers)
    (chosen,) = select_series(serieses, series, where=str(path))
    volume = read_series(chosen, choices)
    if series == "only":
        return replace(volume, warnings=(*found, *volume.warnings, *set_aside(serieses)))
    how = f"{'largest' if series == 'largest' else 'one named'} of {len(serieses)} series taken"
    return replace(volume, warnings=(*found, *volume.warnings), decisions=(how, *volume.decisions))


def read_series(series: Series, choices: Choices | None = None) -> Volume:
    """Check a series and read its pixels.

    Returns:
        Voxels ``(column, row, slice)`` with slices along the normal, rescaled exactly, on the scanner's own grid unless
        a choice puts them on another.

    Raises:
        DicomSeriesError: If the series breaks a rule; all broken rules are named.
        SourceError: If a file's pixels cannot be decoded.
    """
    volume, regrid = read_acquired(series, choices)
    if regrid is None:
        return volume
    return replace(volume, voxels=regrid.image(volume.voxels), affine_mm=regrid.affine_mm)


def read_acquired(series: Series, choices: Choices | None = None) -> tuple[Volume, Regrid | None]:
    """Read a series on the scanner's own grid, and say how the choices would change that.

    Labels that were drawn on the slices as they are go onto this volume, and with it through the same change.

    Returns:
        The volume as :func:`read_series` gives it, but tilted slices still sheared, where the affine is right, and
        slices at unequal gaps side by side, where it only holds for the ends; and what puts image and label on the
        final grid, None where that is this one.

    Raises:
        DicomSeriesError: As :func:`read_series`.
        SourceError: As :func:`read_series`.
    """
    choices = choices or Choices()
    verdicts = check_series(series, choices)
    if verdicts.errors:
        raise DicomSeriesError(series.label, "; also, ".join(verdicts.errors))
    headers = verdicts.headers
    modality = modality_of(headers[0])
    voxels = rescale(read_frames(headers), headers, ct=modality == "CT", where=series.label)
    padding = padding_warning(voxels, headers) if modality == "CT" else None
    warnings = (*verdicts.warnings, *([padding] if padding else []))
    volume = Volume(voxels, _affine_mm(headers), modality, warnings, verdicts.decisions)
    return volume, plan_regrid(headers, tilt=choices.tilt == "resample", irregular=choices.irregular == "resample")


def _affine_mm(headers: Sequence[Header]) -> NDArray[np.float64]:
    """Affine of slices on a regular grid."""
    if len(headers) == 1:
        return affine_mm(headers[0], normal(headers[0]) * (depth_mm(headers[0]) or 0))
    ends = np.array([headers[0].position_mm, headers[-1].position_mm])
    return affine_mm(headers[0], (ends[1] - ends[0]) / (len(headers) - 1))
