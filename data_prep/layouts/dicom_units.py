"""Which DICOM images of a tree are one patient's, as far as folders and Patient ID (0010,0020) say.

1. The deepest folder that holds all images is looked up. Each of its subfolders that holds images is a unit, called by
   its name.
2. A subfolder whose images have several Patient IDs and lie in subfolders of it is not one patient but many, such as
   ``train``: its subfolders are units, called ``train/a``.
3. If images lie directly in that deepest folder, or all are of one study (0020,000D), the whole tree is one unit; but
   if there they have several Patient IDs, each of these is a unit, called by it.
4. Folders that share a series (0020,000E) of one patient cannot be units of their own: archives fill folders by number
   of files. They become one unit, or one a Patient ID.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from data_prep.sources import natural_key, relative
from medseg.io.dicom import Header
from medseg.io.dicom.elements import printable

__all__ = ["Unit", "make_units"]


@dataclass(frozen=True)
class Unit:
    """Images that become a case, or several.

    Attributes:
        name: For the terminal; a folder's name, or a Patient ID.
        folders: Folders that hold nothing of another unit; none where patients share a folder.
        headers: Its images.
    """

    name: str
    folders: tuple[Path, ...]
    headers: tuple[Header, ...]

    @cached_property
    def patient_ids(self) -> tuple[str, ...]:
        """Different Patient IDs (0010,0020) of its images that are not empty."""
        return _distinct(header.patient_id for header in self.headers)

    @cached_property
    def series(self) -> frozenset[tuple[str, str]]:
        """SeriesInstanceUIDs (0020,000E) that are not empty, each with its Patient ID."""
        return frozenset((header.series_uid, header.patient_id) for header in self.headers if header.series_uid)

    @property
    def group(self) -> str:
        """What stands for the patient: the Patient ID, or else the study (0020,000D), or else the unit's name."""
        if self.patient_ids:
            return f"id:{self.patient_ids[0]}"
        study = next((header.study_uid for header in self.headers if header.study_uid), "")
        return f"study:{study}" if study else self.name

    @property
    def where(self) -> str:
        """What to call it on the terminal."""
        return str(self.folders[0]) if self.folders else f"patient {self.name}"

    def holds(self, path: Path) -> bool:
        """Whether a file lies in its folders."""
        return any(path.is_relative_to(folder) for folder in self.folders)

    @cached_property
    def image_folders(self) -> frozenset[Path]:
        """Folders in which its images lie."""
        return frozenset(header.path.parent for header in self.headers)


def make_units(root: Path, headers: Sequence[Header]) -> tuple[Unit, ...]:
    """Divide the images of a tree.

    Args:
        root: Folder that was searched.
        headers: At least one.

    Returns:
        In natural order of their names.
    """
    home = Path(os.path.commonpath([header.path.parent for header in headers]))
    flat = any(header.path.parent == home for header in headers)
    patients, studies = (_distinct(uids) for uids in zip(*((h.patient_id, h.study_uid) for h in headers), strict=True))
    one_study = len(studies) == 1 and all(header.study_uid for header in headers)
    if len(patients) < 2 and (flat or one_study):
        return (_whole(root, headers),)
    units = _by_patient(headers) if flat else _joined(root, _by_folder(home, home, headers))
    return tuple(_with_own_names(sorted(units, key=lambda unit: natural_key(unit.name))))


def _whole(root: Path, headers: Sequence[Header]) -> Unit:
    return Unit(root.resolve().name, (root,), tuple(headers))


def _by_folder(home: Path, folder: Path, headers: Sequence[Header]) -> list[Unit]:
    children: dict[Path, list[Header]] = defaultdict(list)
    for header in headers:
        children[folder / header.path.relative_to(folder).parts[0]].append(header)
    units = []
    for child, theirs in children.items():
        several = len(_distinct(header.patient_id for header in theirs)) > 1
        if several and all(header.path.parent != child for header in theirs):
            units += _by_folder(home, child, theirs)
        else:
            units.append(Unit(relative(child, home), (child,), tuple(theirs)))
    return units


def _by_patient(headers: Sequence[Header]) -> list[Unit]:
    patients: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        patients[header.patient_id].append(header)
    return [Unit(printable(patient) or "no id", (), tuple(theirs)) for patient, theirs in patients.items()]


def _joined(root: Path, units: list[Unit]) -> list[Unit]:
    """Units, of which those that share a series are joined."""
    owners: dict[tuple[str, str], list[Unit]] = {}
    for unit in units:
        sharing = {id(owners[key]): owners[key] for key in unit.series if key in owners}
        same = [unit, *(other for others in sharing.values() for other in others)]
        owners |= {key: same for member in same for key in member.series}
    joined = {id(same): same for same in owners.values()}
    nameless = [[unit] for unit in units if not unit.series]
    alone = len(joined) + len(nameless) == 1
    return [unit for same in (*joined.values(), *nameless) for unit in _as_one(root, same, alone=alone)]


def _as_one(root: Path, units: list[Unit], *, alone: bool) -> list[Unit]:
    if len(units) == 1:
        return units
    headers = tuple(header for unit in units for header in unit.headers)
    if len(_distinct(header.patient_id for header in headers)) > 1:
        return _by_patient(headers)
    if alone:
        return [_whole(root, headers)]
    units = sorted(units, key=lambda unit: natural_key(unit.name))
    return [Unit("+".join(unit.name for unit in units), tuple(f for unit in units for f in unit.folders), headers)]


def _with_own_names(units: Iterable[Unit]) -> Iterator[Unit]:
    """What cannot be printed may make names the same."""
    seen = Counter[str]()
    for unit in units:
        seen[unit.name] += 1
        yield unit if seen[unit.name] == 1 else replace(unit, name=f"{unit.name} ({seen[unit.name]})")


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
