"""CHAOS, CT: a folder a patient with ``DICOM_anon/*.dcm`` and ``Ground/*.png``, a mask a slice, https://chaos.grand-challenge.org.

The folder given is a patient's, or holds patients, also as ``Train_Sets/CT/<n>``. The patients of ``Test_Sets`` have no
masks. The MR sets are laid out in another way and set aside.
"""

from __future__ import annotations

from pathlib import Path

from data_prep.label_sources import SlicePictures
from data_prep.layouts.few import few
from data_prep.layouts.patient_folders import PatientFolder, find_patients, folders_with
from data_prep.sources import FindChoices, Found, Layout, is_image, relative, walk

__all__ = ["LAYOUT"]

_IMAGES, _MASKS, _MR = "DICOM_anon", "Ground", "MR"


def detect(root: Path) -> bool:
    """Whether any folder has both subfolders."""
    return any((folder / _MASKS).is_dir() for folder in folders_with(root, _is_patient))


def find(root: Path, choices: FindChoices) -> Found:
    """Pair each patient's series with the masks.

    Raises:
        UsageError: If ``--series`` names a series that is nowhere.
    """
    folders = folders_with(root, _is_patient)
    other = [folder for folder in folders if _MR in folder.relative_to(root).parts]
    patients = [_patient(folder) for folder in folders if folder not in other]
    if not patients:
        return Found((), (f"{root}: must hold patients' folders with {_IMAGES} and {_MASKS}, got none",))
    empty = tuple(
        f"{patient.folder / _MASKS}: must hold a PNG mask for each slice, got none; copy them again"
        for patient in patients
        if patient.label is None and (patient.folder / _MASKS).is_dir()
    )
    found = find_patients(root, patients, choices, "CHAOS CT")
    aside = (f"MR sets set aside: {few([relative(folder, root) for folder in other])}",) if other else ()
    used = found.used.union(*(walk(folder) for folder in other))
    return Found(found.cases, (*found.errors, *empty), used, found.modality, (*found.warnings, *aside))


def _is_patient(folder: Path) -> bool:
    return (folder / _IMAGES).is_dir()


def _patient(folder: Path) -> PatientFolder:
    masks = tuple(path for path in walk(folder / _MASKS) if is_image(path)) if (folder / _MASKS).is_dir() else ()
    return PatientFolder(folder, folder / _IMAGES, SlicePictures(masks) if masks else None, masks)


LAYOUT = Layout(
    name="chaos",
    looks_for="CHAOS CT: patients' folders with DICOM_anon and Ground (a PNG mask a slice)",
    detect=detect,
    find=find,
)
