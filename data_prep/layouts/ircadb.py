"""3D-IRCADb: a folder a patient with ``PATIENT_DICOM/`` and ``MASKS_DICOM/<structure>/``, https://www.ircad.fr.

The folder given is a patient's, or holds patients. ``LABELLED_DICOM`` and ``MESHES_VTK`` say the same in other ways and
are not read.
"""

from __future__ import annotations

from pathlib import Path

from data_prep.label_sources import MaskFolders
from data_prep.layouts.patient_folders import PatientFolder, find_patients, folders_with
from data_prep.sources import FindChoices, Found, Layout, natural_key, walk

__all__ = ["LAYOUT"]

_IMAGES, _MASKS = "PATIENT_DICOM", "MASKS_DICOM"
_NOT_READ = ("LABELLED_DICOM", "MESHES_VTK")


def detect(root: Path) -> bool:
    """Whether any folder has the images, unpacked or not."""
    return bool(folders_with(root, _is_patient))


def find(root: Path, choices: FindChoices) -> Found:
    """Pair each patient's series with the folders of masks.

    Raises:
        UsageError: If ``--series`` names a series that is nowhere.
    """
    folders = folders_with(root, _is_patient)
    packed = [
        path
        for folder in folders
        for name in (_IMAGES, _MASKS)
        if (path := folder / f"{name}.zip").is_file() and not (folder / name).is_dir()
    ]
    if packed or not folders:
        errors = tuple(f"{path}: must be unpacked, got the archive alone; unzip it in its folder" for path in packed)
        return Found((), errors or (f"{root}: must hold patients' folders with {_IMAGES} and {_MASKS}, got none",))
    return find_patients(root, [_patient(folder) for folder in folders], choices, "3D-IRCADb")


def _is_patient(folder: Path) -> bool:
    return (folder / _IMAGES).is_dir() or (folder / f"{_IMAGES}.zip").is_file()


def _patient(folder: Path) -> PatientFolder:
    home = folder / _MASKS
    while (home / _MASKS).is_dir():  # an archive may be unpacked into a folder of its own name
        home /= _MASKS
    structures = sorted(_folders(home), key=lambda path: natural_key(path.name)) if home.is_dir() else []
    masks = tuple(path for structure in structures for path in walk(structure))
    label = MaskFolders(home, tuple((path.name, path) for path in structures), masks) if masks else None
    known = (path for name in (*_NOT_READ, _MASKS) if (folder / name).is_dir() for path in walk(folder / name))
    return PatientFolder(folder, folder / _IMAGES, label, tuple(known))


def _folders(home: Path) -> list[Path]:
    return [path for path in home.iterdir() if path.is_dir() and not path.name.startswith(".")]


LAYOUT = Layout(
    name="ircadb",
    looks_for="3D-IRCADb: patients' folders with PATIENT_DICOM and MASKS_DICOM/<structure>",
    detect=detect,
    find=find,
)
