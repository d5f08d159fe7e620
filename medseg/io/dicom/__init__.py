"""DICOM series in: headers first, checks next, pixels last."""

from __future__ import annotations

from medseg.io.dicom.checks import check_series
from medseg.io.dicom.choices import Choices
from medseg.io.dicom.header import Header, Other, Scan
from medseg.io.dicom.headers import read_headers
from medseg.io.dicom.reader import read_acquired, read_dicom, read_series
from medseg.io.dicom.resample import Regrid
from medseg.io.dicom.selection import check_scan, select_series, set_aside
from medseg.io.dicom.series import DicomSeriesError, Series, group_series
from medseg.io.dicom.verdicts import Verdicts

__all__ = [
    "Choices",
    "DicomSeriesError",
    "Header",
    "Other",
    "Regrid",
    "Scan",
    "Series",
    "Verdicts",
    "check_scan",
    "check_series",
    "group_series",
    "read_acquired",
    "read_dicom",
    "read_headers",
    "read_series",
    "select_series",
    "set_aside",
]
