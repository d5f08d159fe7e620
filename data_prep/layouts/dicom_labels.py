"""Labels of a DICOM tree: segmentations, structure sets and label maps, and whose they are.

A DICOM SEG or RTSTRUCT belongs to the series that it refers to, wherever it lies; one that refers to none belongs to
the unit in whose folder it lies, if one series of that was taken. So does one that refers to a series which is not here
if the unit's series has lost its UID. A label map (NIfTI, NRRD, MetaImage) belongs to the series whose folder it is
called after (``portal_label.nii.gz``), where both lie in the unit's folder; or else to the unit that it is called after
(``p1.nii.gz``, ``p1_label.nii.gz``), in any folder; or else it is the only one in the unit's folder that is called a
label, or the only volume file there. Pictures belong to the unit's series if their folder holds one for each of its
slices, as CHAOS's ``Ground`` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from data_prep.label_sources import DicomLabel, LabelFile, LabelSource, SlicePictures
from data_prep.layouts.dicom_units import Unit
from data_prep.layouts.volume_files import by_folder, data_files, is_volume, label_key, volume_stem
from data_prep.sources import LabelKind, is_image, natural_key, relative, walk
from medseg.errors import MedsegError
from medseg.io.dicom import Scan, Series
from medseg.io.labels.dicom_object import referenced_series
from medseg.io.labels.rtstruct import RTSTRUCT_CLASS
from medseg.io.labels.seg import SEG_CLASSES

__all__ = ["LABEL_CLASSES", "LabelObject", "TreeLabels", "label_source", "tree_labels"]

LABEL_CLASSES: dict[str, LabelKind] = {**dict.fromkeys(SEG_CLASSES, "seg"), RTSTRUCT_CLASS: "rtstruct"}
"""SOP classes (0008,0016) of labels."""


@dataclass(frozen=True)
class LabelObject:
    """A DICOM SEG or RTSTRUCT.

    Attributes:
        path: File.
        kind: ``seg`` or ``rtstruct``.
        refers_to: SeriesInstanceUIDs (0020,000E); none where the file does not say, or cannot be read.
        fault: Why it cannot be read, with its name; empty where it can.
    """

    path: Path
    kind: LabelKind
    refers_to: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True)
class TreeLabels:
    """All labels of a tree, of the kinds that count.

    Attributes:
        objects: Segmentations and structure sets.
        files: Volume files.
        pictures: Pictures by the folder that holds them.
        series_uids: SeriesInstanceUIDs (0020,000E) of the tree's images.
    """

    objects: tuple[LabelObject, ...]
    files: tuple[Path, ...]
    pictures: Mapping[Path, tuple[Path, ...]]
    series_uids: frozenset[str]

    def has_own(self, unit: Unit, series: Series) -> bool:
        """Whether a series of a unit has a label of its own: one that refers to it, or is called after its folder."""
        return any(_uid(series) in item.refers_to for item in self.objects) or bool(self._files_of_series(unit, series))

    def of(self, unit: Unit, series: Series, *, alone: bool) -> dict[LabelKind, tuple[Path, ...]]:
        """Labels of a series, by kind; none is empty.

        Args:
            unit: Its unit.
            series: One of the unit's series that were taken.
            alone: Whether it is the only one.
        """
        found: dict[LabelKind, tuple[Path, ...]] = {}
        for item in self.objects:
            by_folder = alone and self._may_refer_to(item, series) and unit.holds(item.path)
            if _uid(series) in item.refers_to or by_folder:
                found[item.kind] = (*found.get(item.kind, ()), item.path)
        files = self._files_of_series(unit, series) or self._files_of_unit(unit)
        if files:
            found["files"] = files
        folders = tuple(
            folder for folder, paths in self.pictures.items()
            if alone and unit.holds(paths[0]) and len(paths) == len(series.headers)
        )  # fmt: skip
        if folders:
            found["png"] = folders
        return found

    def around(self, unit: Unit) -> frozenset[Path]:
        """All that may be labels of a unit's series."""
        uids = {header.series_uid for header in unit.headers}
        objects = (item.path for item in self.objects if uids & {*item.refers_to} or unit.holds(item.path))
        return frozenset((*objects, *self._files_of_unit(unit)))

    def _may_refer_to(self, item: LabelObject, series: Series) -> bool:
        """Whether it does not say to which, or only to a series that is not here while this one has lost its UID."""
        return not item.refers_to or (not _uid(series) and self.series_uids.isdisjoint(item.refers_to))

    def _files_of_series(self, unit: Unit, series: Series) -> tuple[Path, ...]:
        folders = {header.path.parent for header in series.headers}
        others = {header.path.parent for header in unit.headers if header.series_uid != _uid(series)}
        if len(folders) > 1 or folders & {*others, *unit.folders}:
            return ()
        (name,) = (folder.name.casefold() for folder in folders)
        # Without a label's suffix, it may be the series itself in another format.
        called = self._files_by_name.get(name, ())
        return tuple(path for path in called if unit.holds(path) and volume_stem(path.name).casefold() != name)

    def _files_of_unit(self, unit: Unit) -> tuple[Path, ...]:
        *folders, name = unit.name.casefold().split("/")
        called = self._files_by_name.get(name, ())
        # A label beside folders of the same names is meant for that of these.
        nearer = [path for path in called if folders and _folders(path)[-len(folders) :] == folders]
        if called:
            return tuple(nearer or called)
        inside = tuple(path for folder in unit.folders for path in self._files_below.get(folder, ()))
        return tuple(path for path in inside if label_key(volume_stem(path.name)) is not None) or inside

    @cached_property
    def _files_by_name(self) -> dict[str, list[Path]]:
        """Files by their names, also without a label's suffix."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self.files:
            stem = volume_stem(path.name).casefold()
            for name in dict.fromkeys((stem, label_key(stem) or stem)):
                found[name].append(path)
        return found

    @cached_property
    def _files_below(self) -> dict[Path, list[Path]]:
        return by_folder(self.files)


def tree_labels(root: Path, scan: Scan, kind: LabelKind) -> TreeLabels:
    """Look through the files of a tree that are no DICOM images.

    Args:
        root: The tree.
        scan: Its files.
        kind: ``--labels``.
    """
    objects: list[LabelObject] = []
    files: list[Path] = []
    for other in scan.others:
        of_kind = LABEL_CLASSES.get(other.sop_class)
        if of_kind is not None and not other.damaged and kind in ("auto", of_kind):
            objects.append(_read_object(other.path, of_kind))
        elif of_kind is None and is_volume(other.path) and kind in ("auto", "files"):
            files.append(other.path)
    pictures: dict[Path, list[Path]] = defaultdict(list)
    for other in scan.others:
        if kind in ("auto", "png") and is_image(other.path):
            pictures[other.path.parent].append(other.path)
    files.sort(key=lambda path: natural_key(relative(path, root)))
    uids = frozenset(header.series_uid for header in scan.headers if header.series_uid)
    by_folder_of_pictures = {folder: tuple(paths) for folder, paths in pictures.items()}
    return TreeLabels(tuple(objects), tuple(files), by_folder_of_pictures, uids)


def label_source(kind: LabelKind, path: Path) -> tuple[LabelSource, tuple[Path, ...]]:
    """How a label is read, and all of its files.

    Args:
        kind: Of the label.
        path: Its file, or the folder of its pictures.
    """
    if kind == "png":
        paths = tuple(picture for picture in walk(path) if picture.parent == path and is_image(picture))
        return SlicePictures(paths), paths
    if kind == "files":
        return LabelFile(path), (path, *data_files(path))
    return DicomLabel(path, "seg" if kind == "seg" else "rtstruct"), (path,)


def _read_object(path: Path, kind: LabelKind) -> LabelObject:
    try:
        return LabelObject(path, kind, referenced_series(path))
    except MedsegError as error:
        return LabelObject(path, kind, (), str(error))


def _folders(path: Path) -> list[str]:
    return [part.casefold() for part in path.parent.parts]


def _uid(series: Series) -> str:
    return series.headers[0].series_uid
