"""The files of one DICOM series, named one by one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from medseg.errors import SourceError
from medseg.io.dicom.choices import Choices
from medseg.io.dicom.header import Other
from medseg.io.dicom.parse import parse_files
from medseg.io.dicom.reader import read_series
from medseg.io.dicom.series import DicomSeriesError, Series, group_series
from medseg.io.volume import Volume

__all__ = ["read_dicom_files", "series_of_files"]


def read_dicom_files(paths: Sequence[Path], choices: Choices | None = None) -> Volume:
    """Read the volume that some files make; in any order.

    Raises:
        SourceError: As :func:`series_of_files`; if a file's pixels cannot be decoded.
        DicomSeriesError: As :func:`series_of_files`; if the series breaks a rule.
    """
    return read_series(series_of_files(paths), choices)


def series_of_files(paths: Sequence[Path]) -> Series:
    """The series whose files are named.

    Raises:
        SourceError: If a file is missing, damaged or no DICOM image.
        DicomSeriesError: If the files are of several series.
    """
    parsed = parse_files(paths)
    for path, found in zip(paths, parsed, strict=True):
        if isinstance(found, Other):
            raise SourceError(path, f"must be an image of a DICOM series, but it {found.reason}")
    serieses = group_series(chain.from_iterable(found for found in parsed if not isinstance(found, Other)))
    if len(serieses) != 1:
        raise DicomSeriesError(
            paths[0].parent, f"files must be of one DICOM series, got {len(serieses)}; give each series its own files"
        )
    return serieses[0]
