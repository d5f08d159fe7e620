"""Volumes with label maps, paired by name, in any of three ways.

1. A folder of images beside one of labels (``images/``, ``labels/``; also ``imagesTr``, ``ct``, ``scans``), at the top
   or in subfolders. ``imagesTs`` beside them holds cases without label.
2. ``x.nii.gz`` beside ``x_seg.nii.gz`` in one folder.
3. A folder a case, with ``ct.nii.gz`` or any other image beside ``label.nii.gz``, or with ``imaging.nii.gz`` beside any
   file that is called a label; with the image alone it is a case without label.

Names agree if they are the same without suffix, or without the words and numbers that tell image and label apart:
``img001`` and ``label001``, ``a_0000`` and ``a``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.image_sources import ScanFile
from data_prep.label_sources import LabelFile
from data_prep.layouts.dataset_json import PATIENTS_UNKNOWN
from data_prep.layouts.few import few
from data_prep.layouts.folder_pairs import IMAGE_FOLDERS, LABEL_FOLDERS, subfolders_called
from data_prep.layouts.volume_files import by_folder, data_files, image_key, is_volume, label_key, volume_stem
from data_prep.sources import FindChoices, Found, Layout, SourceCase, natural_key, relative, walk

__all__ = ["LAYOUT"]

_IMAGES = IMAGE_FOLDERS | {"imagestr", "ct", "scan", "scans", "volume", "volumes"}
_LABELS = LABEL_FOLDERS | {"labelstr"}
_TEST_IMAGES = frozenset({"imagests"})


def detect(root: Path) -> bool:
    """Whether any volume has a label by one of these ways."""
    files = [path for path in walk(root) if is_volume(path)]
    return any(case.label is not None for case in _paired(root, files).cases)


def find(root: Path, _choices: FindChoices | None = None) -> Found:
    """Pair all volumes; nothing says which scans are one patient's, so each is a group."""
    files = [path for path in walk(root) if is_volume(path)]
    pairs = _paired(root, files)
    cases = tuple(sorted(pairs.cases, key=lambda case: natural_key(case.name)))
    used = {*pairs.used, *(other for path in pairs.used for other in data_files(path))}
    unlabelled = [case.name for case in cases if case.label is None]
    odd = (f"cases without label: {few(unlabelled)}",) if unlabelled else ()
    return Found(cases, tuple(sorted(pairs.errors)), frozenset(used), warnings=(PATIENTS_UNKNOWN, *odd))


@dataclass
class _Pairs:
    """What has been paired so far."""

    root: Path
    cases: list[SourceCase] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    used: set[Path] = field(default_factory=set)

    def add(self, name: str, image: Path, label: Path | None) -> None:
        """Add a case."""
        self.cases.append(SourceCase(name, ScanFile(image), None if label is None else LabelFile(label), name))


def _paired(root: Path, files: Sequence[Path]) -> _Pairs:
    pairs = _Pairs(root)
    below = by_folder(files)
    for home in [root, *(path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith("."))]:
        _pair_folders(pairs, home, below)
    others: dict[Path, list[Path]] = defaultdict(list)
    for path in files:
        if path not in pairs.used:
            others[path.parent].append(path)
    for folder, here in others.items():
        if any(_is_word(path) for path in here):
            _pair_in_case_folder(pairs, folder, here)
        else:
            _pair_by_suffix(pairs, here)
    return pairs


def _pair_folders(pairs: _Pairs, home: Path, below: Mapping[Path, list[Path]]) -> None:
    """The first way; folders of these names without volumes are others' business."""
    images, labels = (
        [folder for folder in subfolders_called(home, names) if folder in below] for names in (_IMAGES, _LABELS)
    )
    if not images or not labels:
        return
    for folder in (*images, *labels):
        pairs.used |= {*below[folder]}
    if len(images) > 1 or len(labels) > 1:
        found = ", ".join(relative(folder, pairs.root) for folder in (*images, *labels))
        pairs.errors.append(
            f"{home}: must have one folder of images and one of labels, got {found}; move others to another folder"
        )
        return
    prefix = "" if home == pairs.root else relative(home, pairs.root) + "/"
    _pair_names(pairs, prefix, _named(images[0], below), _named(labels[0], below), f"in {labels[0].name}")
    for folder in subfolders_called(home, _TEST_IMAGES):
        tests = _named(folder, below)
        pairs.used |= tests.keys()
        for path, name in tests.items():
            pairs.add(f"{prefix}{folder.name}/{name}", path, None)


def _pair_by_suffix(pairs: _Pairs, here: Sequence[Path]) -> None:
    """The second way, in a folder where at least one label has its image."""
    names = {path: volume_stem(relative(path, pairs.root)) for path in here}
    labels = {path: name for path, name in names.items() if label_key(name) is not None}
    images = {path: name for path, name in names.items() if path not in labels}
    if {label_key(name) for name in labels.values()} & {*images.values(), *map(image_key, images.values())}:
        pairs.used |= names.keys()
        _pair_names(pairs, "", images, labels, "beside it")


def _pair_in_case_folder(pairs: _Pairs, folder: Path, here: Sequence[Path]) -> None:
    """The third way."""
    labels = [path for path in here if label_key(volume_stem(path.name)) is not None]
    images = [path for path in here if path not in labels]
    name = pairs.root.name if folder == pairs.root else relative(folder, pairs.root)
    pairs.used |= {*here}
    if len(images) == 1 and len(labels) < 2:
        pairs.add(name, images[0], labels[0] if labels else None)
    else:
        got = few([path.name for path in (*images, *labels)])
        pairs.errors.append(
            f"{folder}: a case's folder must hold one image and one label, got {len(images)} and {len(labels)}"
            f" ({got}); move others to another folder"
        )


def _pair_names(pairs: _Pairs, prefix: str, images: dict[Path, str], labels: dict[Path, str], where: str) -> None:
    """Pair by names, of which the same are preferred to those that only agree."""
    by_name, by_key = _inverted(images.items()), _inverted((path, image_key(name)) for path, name in images.items())
    found: dict[Path, list[Path]] = {path: [] for path in images}
    for label, name in labels.items():
        key = label_key(name) or name
        matches = by_name.get(name) or by_name.get(key) or by_key.get(name) or by_key.get(key) or []
        if len(matches) != 1:
            got = ", ".join(path.name for path in matches) or "none"
            pairs.errors.append(f"{label}: label must have one image, got {got}; add it or move others away")
        for path in matches:
            found[path].append(label)
    for image, name in images.items():
        beside = found[image]
        if len(beside) == 1:
            pairs.add(prefix + name, image, beside[0])
        elif beside:
            got = ", ".join(path.name for path in beside)
            pairs.errors.append(f"{image}: image must have one label, got {got}; move others to another folder")
        else:
            pairs.errors.append(f"{image}: image has no label {where}; add it, or move the image to another folder")


def _is_word(path: Path) -> bool:
    """Whether a file is called only by what it is, such as ``ct.nii.gz`` or ``label.nii.gz``."""
    stem = volume_stem(path.name)
    return "" in (label_key(stem), image_key(stem))


def _named(folder: Path, below: Mapping[Path, list[Path]]) -> dict[Path, str]:
    """Files below a folder with their names in it."""
    return {path: volume_stem(relative(path, folder)) for path in below.get(folder, ())}


def _inverted(names: Iterable[tuple[Path, str]]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path, name in names:
        found[name].append(path)
    return found


LAYOUT = Layout(
    name="volume-pairs",
    looks_for="NIfTI, NRRD or MetaImage volumes with label maps: images/ beside labels/, x.nii.gz beside x_seg.nii.gz,"
    " or ct.nii.gz beside label.nii.gz in a folder a case",
    detect=detect,
    find=find,
    general=True,
)
