"""All that may be wrong or unusual with a series, by name: ``--fault NAME`` or ``--fault NAME@PATIENT``.

The truth stays right: ``liver.nii.gz`` lies on the grid of the series without the fault, and the DICOM SEG is drawn on
those images of the faulty series that agree with its first one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.dataset import Dataset

from data_prep.phantom import canary, fault_files, fault_planes
from data_prep.phantom.acquisition import Acquisition
from data_prep.phantom.dicom_ct import Instance
from data_prep.phantom.fault_headers import (
    Series,
    change_all,
    change_middle,
    colour,
    compress,
    dirty_high_bits,
    empty,
    invert,
    shift_rescale,
    without,
)
from data_prep.phantom.other_images import localizer, second_series, secondary_capture
from data_prep.phantom.scanner import Scanner
from medseg.errors import UsageError

__all__ = ["FAULTS", "Fault", "parse_faults"]


@dataclass(frozen=True)
class Fault:
    """One fault, as changes at the steps of writing a patient.

    Attributes:
        summary: What it does, for the help text.
        scan: Changes how the patient is scanned.
        series: Changes images before they are written.
        seg: Changes the DICOM SEG before it is written.
        ct: Changes the folder of images.
        patient: Changes the patient's folder when all is written; returns its new path.
        excludes: Faults that cannot go with it.
    """

    summary: str
    scan: Callable[[Acquisition], Acquisition] | None = None
    series: Series | None = None
    seg: Callable[[Dataset], None] | None = None
    ct: Callable[[Path], None] | None = None
    patient: Callable[[Path], Path] | None = None
    excludes: tuple[str, ...] = ()


def parse_faults(texts: Sequence[str], patients: int) -> tuple[tuple[str, ...], ...]:
    """Find out which patient has which faults.

    Args:
        texts: ``NAME`` for all patients, ``NAME@2`` for the second.
        patients: Number of patients.

    Returns:
        Names of each patient's faults, in the order in which they are applied.

    Raises:
        UsageError: If a name or a patient is unknown, or two faults exclude each other.
    """
    wanted: list[set[str]] = [set() for _ in range(patients)]
    for text in texts:
        name, at, number = text.partition("@")
        if name not in FAULTS:
            raise UsageError(f"--fault must be one of {', '.join(FAULTS)}, got {name}")
        if at and not (number.isascii() and number.isdigit() and 1 <= int(number) <= patients):
            raise UsageError(f"--fault {name}@PATIENT must name a patient from 1 to {patients}, got {number!r}")
        for names in wanted[int(number) - 1 : int(number)] if at else wanted:
            names.add(name)
    chosen = tuple(tuple(name for name in FAULTS if name in names) for names in wanted)
    for combined in chosen:
        for name in combined:
            excluded = [other for other in combined if other in FAULTS[name].excludes]
            if excluded:
                raise UsageError(f"--fault {name} must not be combined with {excluded[0]}; choose one of them")
    return chosen


def _add(make: Callable[[Scanner], list[Instance]]) -> Series:
    return lambda instances, scanner: [*instances, *make(scanner)]


def _signed(scan: Acquisition) -> Acquisition:
    return replace(scan, signed=True, bits_stored=16, intercept_hu=0)


def _unsigned(scan: Acquisition) -> Acquisition:
    return replace(scan, signed=False, bits_stored=12, intercept_hu=-1024)


def _padding(scan: Acquisition) -> Acquisition:
    return replace(scan, signed=True, bits_stored=16, intercept_hu=-1024, padding=-2000)


def _mark(folder: Path) -> Path:
    for path in folder.glob("*.nii.gz"):
        canary.mark_nifti(path)
    return canary.rename(folder)


_ONE_FRAME_A_FILE = (
    *("mixed-orientation", "mixed-spacing", "mixed-size", "two-acquisitions", "padding", "mixed-rescale", "colour"),
    *("no-rescale", "no-spacing", "missing-orientation", "missing-position"),
)
_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")

FAULTS: dict[str, Fault] = {
    "tilt": Fault("gantry tilted by 14 degrees", scan=fault_planes.tilt),
    "missing-slice": Fault("the middle slice is missing", scan=fault_planes.missing_slice),
    "duplicate-slice": Fault("the middle position was scanned twice", scan=fault_planes.duplicate_slice),
    "irregular-gaps": Fault("gaps are half as large again from the middle on", scan=fault_planes.irregular_gaps),
    "mixed-orientation": Fault("the last third is coronal", scan=fault_planes.mixed_orientation),
    "mixed-spacing": Fault("the last third has smaller pixels", scan=fault_planes.mixed_spacing),
    "mixed-size": Fault("the last third has half as many columns and rows", scan=fault_planes.mixed_size),
    "two-acquisitions": Fault("all positions twice in one series", scan=fault_planes.two_acquisitions),
    "signed": Fault("signed pixels, intercept 0", scan=_signed, excludes=("unsigned", "padding", "high-bits")),
    "unsigned": Fault("unsigned pixels of 12 bits, intercept -1024", scan=_unsigned, excludes=("padding",)),
    "padding": Fault("padding outside the circle of reconstruction", scan=_padding, excludes=("high-bits",)),
    "high-bits": Fault(
        "ones above the 12 stored bits", scan=_unsigned, series=change_all(dirty_high_bits), excludes=("mixed-rescale",)
    ),
    "two-series-one-folder": Fault("a second reconstruction in the same folder", series=_add(second_series)),
    "localizer": Fault("a localizer under the series' UID", series=_add(lambda scanner: [localizer(scanner)])),
    "secondary-capture": Fault("a screenshot in colour", series=_add(lambda scanner: [secondary_capture(scanner)])),
    "mixed-rescale": Fault("two rescale intercepts in turn", series=shift_rescale, excludes=("no-rescale",)),
    "colour": Fault("all slices are RGB", series=change_all(colour), excludes=("high-bits", "padding")),
    "monochrome1": Fault("photometric interpretation MONOCHROME1", series=change_all(invert), excludes=("colour",)),
    "no-rescale": Fault(
        "no rescale intercept and slope",
        series=change_all(without("RescaleIntercept", "RescaleSlope", "RescaleType")),
    ),
    "no-spacing": Fault("no pixel spacing", series=change_all(without("PixelSpacing"))),
    "missing-orientation": Fault("no orientation", series=change_all(without("ImageOrientationPatient"))),
    "missing-position": Fault("one slice has no position", series=change_middle(without("ImagePositionPatient"))),
    "compressed": Fault("RLE, without loss", series=change_all(compress)),
    "empty-uids": Fault("SOP, series and study UIDs are empty", series=change_all(empty(*_UIDS))),
    "missing-uids": Fault("SOP, series and study UIDs are absent", series=change_all(without(*_UIDS[1:]))),
    "enhanced-multiframe": Fault(
        "one multi-frame Enhanced CT image", scan=lambda scan: replace(scan, enhanced=True), excludes=_ONE_FRAME_A_FILE
    ),
    "truncated-pixels": Fault("one file is cut within its pixel data", ct=fault_files.truncate_middle),
    "nested": Fault("nested folders, files without suffix", ct=fault_files.nest),
    "dicomdir": Fault(
        "laid out as on a CD, with DICOMDIR",
        ct=fault_files.as_media,
        excludes=("empty-uids", "missing-uids", "nested", "truncated-pixels"),
    ),
    "stray-files": Fault("files that are no DICOM", ct=fault_files.scatter_strays),
    "canary": Fault(
        "every text, date, file name and folder name holds a canary",
        series=change_all(canary.fill),
        seg=canary.fill,
        patient=_mark,
    ),
}
