"""Folders of patients whose CT series and masks stand in subfolders of known names, as in CHAOS and 3D-IRCADb."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.image_sources import DicomSeries, ImageSource, Refused
from data_prep.label_sources import LabelSource
from data_prep.layouts.dicom_units import Unit
from data_prep.layouts.few import few
from data_prep.layouts.other_files import odd_files
from data_prep.layouts.unit_series import (
    UnitSeries,
    check_modality,
    check_series_choice,
    choose_series,
    series_warnings,
)
from data_prep.sources import FindChoices, Found, SourceCase, natural_key, relative, walk
from medseg.io.dicom import read_headers

__all__ = ["PatientFolder", "find_patients", "folders_with"]

_DEPTH = 4
_CT = "CT"


@dataclass(frozen=True)
class PatientFolder:
    """One patient.

    Attributes:
        folder: The patient's.
        images: Subfolder with the DICOM series.
        label: Where the masks are; None where there are none.
        files: All files that belong to the patient, beside the series.
    """

    folder: Path
    images: Path
    label: LabelSource | None
    files: tuple[Path, ...]


def folders_with(root: Path, wanted: Callable[[Path], bool], depth: int = _DEPTH) -> list[Path]:
    """A folder, or else the folders below it down to a depth, for which something is true, in natural order."""
    if wanted(root):
        return [root]
    if depth == 0:
        return []
    with os.scandir(root) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    return [found for name in sorted(names, key=natural_key) for found in folders_with(root / name, wanted, depth - 1)]


def find_patients(root: Path, patients: Sequence[PatientFolder], choices: FindChoices, known_as: str) -> Found:
    """Each patient is a case and a group.

    Args:
        root: The folder.
        patients: At least one.
        choices: Which series is meant where a patient has several.
        known_as: What the data set is called, for messages.

    Raises:
        UsageError: If ``--series`` names a series that is nowhere.
    """
    used: set[Path] = set()
    chosen: list[UnitSeries] = []
    lost: list[str] = []
    for patient in patients:
        name = relative(patient.folder, root) if patient.folder != root else root.resolve().name
        scan = read_headers(patient.images, workers=choices.workers)
        used |= {*walk(patient.images), *patient.files}
        unit = Unit(name, (patient.images,), scan.headers)
        chosen.append(choose_series(unit, choices, scan.others))
        lost += odd_files(scan.others, [unit])
    check_series_choice(root, chosen, choices.series)
    modality, errors = check_modality(root, chosen, choices)
    if modality not in (None, _CT):
        errors = (f"{root}: {known_as} series must be CT, got {modality} (0008,0060); choose another --layout",)
    cases = [case for pair in zip(patients, chosen, strict=True) if (case := _case(*pair)) is not None]
    without = [case.name for case in cases if case.label is None and not isinstance(case.image, Refused)]
    if cases and all(patient.label is None for patient in patients):
        errors = (*errors, f"{root}: {known_as} patients must have masks, got none for any of {len(cases)}")
    odd = (f"cases without label: {few(without)}",) if without else ()
    cases.sort(key=lambda case: natural_key(case.name))
    return Found(tuple(cases), errors, frozenset(used), _CT, (*series_warnings(chosen, choices), *odd, *lost))


def _case(patient: PatientFolder, of_unit: UnitSeries) -> SourceCase | None:
    """A patient's case; None where ``--series`` names a series of another."""
    name = of_unit.unit.name
    if of_unit.refused is not None:
        return SourceCase(name, of_unit.refused, None, name)
    if not of_unit.taken:
        return None
    image: ImageSource = DicomSeries(of_unit.taken[0])
    if len(of_unit.taken) > 1:
        fault = f"masks must belong to one series, got {len(of_unit.taken)}; choose with --series UID|largest"
        image = Refused(of_unit.unit.where, fault, tuple(path for s in of_unit.taken for path in DicomSeries(s).paths))
    return SourceCase(name, image, patient.label, name)
