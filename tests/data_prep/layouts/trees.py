"""Folders of volumes and DICOM files, small, and short ways to what a layout finds in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from pydicom.dataset import Dataset

from data_prep.choose_layout import choose_layout
from data_prep.image_sources import Refused
from data_prep.layouts.few import few
from data_prep.sources import FindChoices, Found
from medseg.io.labels.rtstruct import RTSTRUCT_CLASS
from medseg.io.labels.seg import SEG_CLASSES
from tests.medseg.io.dicom.writer import ROOT, save, stored_voxels, write_series
from tests.medseg.io.labels.rtstruct_files import structure_set

__all__ = [
    "cases_of",
    "errors_of",
    "find",
    "refusals",
    "touch",
    "uid",
    "warnings_of",
    "write_json",
    "write_nifti",
    "write_patient",
    "write_rtstruct",
    "write_seg",
]

SIZE = (5, 4, 3)


def touch(root: Path, *names: str) -> Path:
    """Make empty files, where only names count."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def write_json(root: Path, content: object) -> Path:
    """Write ``dataset.json``."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def write_nifti(path: Path, voxels: Any) -> Path:
    """Write a volume of 1 mm."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.asarray(voxels), np.eye(4)), path)
    return path


def uid(number: int) -> str:
    """SeriesInstanceUID of a series number."""
    return f"{ROOT}.{number}"


def write_patient(folder: Path, number: int, *, series: int | None = None, **options: Any) -> list[Path]:
    """Write a CT series of three slices; number and series make its Patient ID, study and UIDs."""
    tags = {"PatientID": f"P{number}", "StudyInstanceUID": f"{ROOT}.{number}.0", **options}
    return write_series(folder, stored_voxels(SIZE, seed=number), series=series or number, **tags)


def write_seg(path: Path, *series: int) -> Path:
    """Write as much of a DICOM SEG as finding it takes."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID, data.StudyInstanceUID = SEG_CLASSES[0], f"{ROOT}.8", f"{ROOT}.7"
    data.ReferencedSeriesSequence = []
    for number in series:
        item = Dataset()
        item.SeriesInstanceUID = uid(number)
        data.ReferencedSeriesSequence.append(item)
    return save(data, path)


def write_rtstruct(path: Path, *series: int) -> Path:
    """Write an RT Structure Set without structures."""
    data = structure_set({}, [uid(number) for number in series])
    assert data.SOPClassUID == RTSTRUCT_CLASS
    return save(data, path)


def find(root: Path, layout: str = "auto", **choices: Any) -> Found:
    """What a layout finds."""
    return choose_layout(root, layout).find(root, FindChoices(**choices))


def cases_of(root: Path, layout: str = "auto", **choices: Any) -> dict[str, tuple[str, str]]:
    """Image and label of each case as few names relative to the folder; all files that belong to it are used."""
    found = find(root, layout, **choices)
    assert not found.errors
    cases = {}
    for case in found.cases:
        paths = (case.image.paths, case.label.paths if case.label is not None else ())
        assert found.used.issuperset(path for both in paths for path in both)
        image, label = (few([path.relative_to(root).as_posix() for path in both]) for both in paths)
        cases[case.name] = (image, label)
    return cases


def errors_of(root: Path, layout: str = "auto", **choices: Any) -> list[str]:
    """Errors; paths are relative to the folder."""
    return [error.replace(f"{root}/", "") for error in find(root, layout, **choices).errors]


def warnings_of(root: Path, layout: str = "auto", **choices: Any) -> list[str]:
    """Warnings of a folder without errors; paths are relative to it."""
    found = find(root, layout, **choices)
    assert not found.errors
    return [warning.replace(f"{root}/", "") for warning in found.warnings]


def refusals(root: Path, layout: str = "auto", **choices: Any) -> dict[str, tuple[str, str]]:
    """Where and fault of each case that is refused; paths are relative to the folder."""
    found = find(root, layout, **choices)
    assert not found.errors
    return {
        case.name: (case.image.where.replace(f"{root}/", ""), case.image.fault)
        for case in found.cases
        if isinstance(case.image, Refused)
    }
