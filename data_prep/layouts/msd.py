"""Medical Segmentation Decathlon: ``dataset.json`` lists images and labels below its folder, http://medicaldecathlon.com.

nnU-Net's first format lists them the same way, but its images end in ``_0000``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from data_prep.image_sources import ScanFile
from data_prep.label_sources import LabelFile
from data_prep.layouts.dataset_json import (
    NAME,
    PATIENTS_UNKNOWN,
    label_names,
    only_modality,
    read_dataset_json,
    read_if_there,
)
from data_prep.layouts.few import few
from data_prep.layouts.volume_files import data_files, is_volume, volume_stem
from data_prep.sources import FindChoices, Found, Layout, SourceCase, natural_key, relative, walk
from medseg.errors import MedsegError

__all__ = ["LAYOUT"]


def detect(root: Path) -> bool:
    """Whether ``dataset.json`` lists training images, or cannot be used, which :func:`find` then says."""
    content = read_if_there(root)
    return content is not None and (not content or ("training" in content and "channel_names" not in content))


def find(root: Path, _choices: FindChoices | None = None) -> Found:
    """Take what is listed; nothing says which scans are one patient's, so each is a group."""
    path = root / NAME
    try:
        home, content = read_dataset_json(root)
        path = home / NAME
        modality = only_modality(path, content.get("modality"))
        listing = _Listing(home, label_names(path, content.get("labels", {})))
        for entry in _entries(path, content, "training"):
            listing.add_training(entry)
        for entry in _entries(path, content, "test"):
            listing.add_test(entry)
    except MedsegError as error:
        return Found((), (str(error),), frozenset({path}))
    cases = tuple(sorted(listing.cases, key=lambda case: natural_key(case.name)))
    warnings = listing.warnings()
    used = {path, *listing.files, *(other for file in listing.files for other in data_files(file))}
    return Found(cases, tuple(listing.errors), frozenset(used), modality, warnings)


def _entries(path: Path, content: Mapping[str, object], key: str) -> list[object]:
    entries = content.get(key, [])
    if not isinstance(entries, list):
        raise MedsegError(f"{path}: {key} must be a list, got {entries!r:.60}; copy the file again")
    return entries


@dataclass
class _Listing:
    """What the entries of the lists amount to."""

    root: Path
    names: tuple[tuple[int, str], ...]
    cases: list[SourceCase] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    files: set[Path] = field(default_factory=set)
    absent_tests: list[str] = field(default_factory=list)

    def add_training(self, entry: object) -> None:
        """Add an entry ``{"image": ..., "label": ...}``."""
        texts = (entry.get("image"), entry.get("label")) if isinstance(entry, dict) else (None, None)
        listed, label = (self._path(text, "training") for text in texts)
        if listed is None or label is None:
            return
        image = _with_channel(listed)
        self.files |= {image, label}
        missing = [path for path in (image, label) if not path.is_file()]
        self.errors += [f"{path}: is listed in {NAME}, but there is no such file; copy it again" for path in missing]
        if not missing:
            self._add_case(volume_stem(listed.name), image, LabelFile(label, self.names))

    def add_test(self, entry: object) -> None:
        """Add the path of an image without label; a test set that was not copied is no error."""
        listed = self._path(entry.get("image") if isinstance(entry, dict) else entry, "test")
        if listed is None:
            return
        image = _with_channel(listed)
        if image.is_file():
            self.files.add(image)
            self._add_case(volume_stem(listed.name), image, None)
        else:
            self.absent_tests.append(relative(listed, self.root))

    def warnings(self) -> tuple[str, ...]:
        """What is odd about the folder."""
        found = [PATIENTS_UNKNOWN]
        if self.absent_tests:
            found.append(f"test images that {NAME} lists are not there: {few(self.absent_tests)}")
        unlisted = [path for path in walk(self.root) if is_volume(path) and path not in self.files]
        self.files |= set(unlisted)
        if unlisted:
            names = few([relative(path, self.root) for path in unlisted])
            found.append(f"volumes that {NAME} does not list were ignored: {names}")
        return tuple(found)

    def _add_case(self, name: str, image: Path, label: LabelFile | None) -> None:
        if any(case.name == name for case in self.cases):
            self.errors.append(f"{image}: must be listed once in {NAME}, got it again; remove an entry")
        else:
            self.cases.append(SourceCase(name, ScanFile(image), label, name))

    def _path(self, text: object, key: str) -> Path | None:
        """A listed file; None, with an error, for what is no path below the folder."""
        parts = PurePosixPath(text if isinstance(text, str) else "")
        if parts.name and ".." not in parts.parts and not parts.is_absolute():
            return self.root / parts
        self.errors.append(
            f"{self.root / NAME}: {key} must list files below its folder as ./imagesTr/a.nii.gz, got {text!r:.60}"
        )
        return None


def _with_channel(image: Path) -> Path:
    """The image under the name that nnU-Net gives it, where only that is there."""
    stem = volume_stem(image.name)
    channel = image.with_name(f"{stem}_0000{image.name[len(stem) :]}")
    return channel if not image.is_file() and channel.is_file() else image


LAYOUT = Layout(
    name="msd",
    looks_for="dataset.json with a list training of images and labels",
    detect=detect,
    find=find,
)
