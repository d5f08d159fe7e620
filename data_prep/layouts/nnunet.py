"""nnU-Net's raw folders: ``dataset.json``, ``imagesTr/<case>_0000.nii.gz``, ``labelsTr/<case>.nii.gz``, ``imagesTs``.

https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md. Images of several channels, regions, an
ignore label, and images that stand elsewhere are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.image_sources import ImageSource, Picture, ScanFile
from data_prep.label_sources import LabelFile, LabelSource, PictureMasks
from data_prep.layouts.dataset_json import (
    NAME,
    PATIENTS_UNKNOWN,
    label_names,
    only_modality,
    read_dataset_json,
    read_if_there,
)
from data_prep.layouts.volume_files import data_files, is_volume
from data_prep.sources import FindChoices, Found, Layout, SourceCase, is_image, natural_key, walk
from medseg.errors import MedsegError

__all__ = ["LAYOUT"]

_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})", re.DOTALL)


def detect(root: Path) -> bool:
    """Whether ``dataset.json`` names channels."""
    return "channel_names" in (read_if_there(root) or {})


def find(root: Path, _choices: FindChoices | None = None) -> Found:
    """Pair images and labels by name; nothing says which are one patient's, so each is a group."""
    path = root / NAME
    try:
        home, content = read_dataset_json(root)
        path = home / NAME
        modality = only_modality(path, content.get("channel_names"))
        names = label_names(path, content.get("labels"))
        folder = _Folder(home, _ending(path, content), names)
    except MedsegError as error:
        return Found((), (str(error),), frozenset({path}))
    labels = folder.labels()
    for case, image in folder.images("imagesTr").items():
        label = labels.pop(case, None)
        if label is None:
            folder.errors.append(
                f"{image}: image has no label {case}{folder.ending} in labelsTr; add it, or move the image to imagesTs"
            )
        else:
            folder.add(case, image, label)
    folder.errors += [f"{label}: label has no image {case}_0000{folder.ending}" for case, label in labels.items()]
    for case, image in folder.images("imagesTs").items():
        folder.add(case, image, None)
    cases = tuple(sorted(folder.cases, key=lambda case: natural_key(case.name)))
    return Found(cases, tuple(folder.errors), frozenset({path, *folder.used}), modality, folder.warnings())


def _ending(path: Path, content: Mapping[str, object]) -> str:
    if "dataset" in content:
        raise MedsegError(
            f"{path}: images must stand in imagesTr, got a list dataset of files elsewhere; copy them there"
        )
    ending = content.get("file_ending")
    if not isinstance(ending, str) or not (is_volume(Path(f"a{ending}")) or is_image(Path(f"a{ending}"))):
        raise MedsegError(f"{path}: file_ending must be that of volumes or pictures, got {ending!r:.60}; convert them")
    return ending


@dataclass
class _Folder:
    """What the folder's files amount to."""

    root: Path
    ending: str
    names: tuple[tuple[int, str], ...]
    cases: list[SourceCase] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    used: set[Path] = field(default_factory=set)

    def images(self, folder: str) -> dict[str, Path]:
        """Images by case."""
        found = {}
        for stem, path in self._files(folder).items():
            match = _CHANNEL.fullmatch(stem)
            if match and match["channel"] == "0000":
                found[match["case"]] = path
            else:
                self.errors.append(
                    f"{path}: image must be called as its case and the channel, <case>_0000{self.ending}, got another"
                    " name; rename or remove it"
                )
        return found

    def labels(self) -> dict[str, Path]:
        """Labels by case."""
        return self._files("labelsTr")

    def add(self, case: str, image: Path, label: Path | None) -> None:
        """Add a case; test images share no names with the others."""
        if any(known.name == case for known in self.cases):
            self.errors.append(f"{image}: names of cases must differ, got {case} in imagesTr, too; remove one")
        else:
            self.cases.append(SourceCase(case, self._image(image), None if label is None else self._label(label), case))

    def warnings(self) -> tuple[str, ...]:
        """What is odd about the folder."""
        test_labels = self._files("labelsTs")
        aside = f"labels in labelsTs are not used: {len(test_labels)} files, since test images are not trained on"
        return (PATIENTS_UNKNOWN, aside) if test_labels else (PATIENTS_UNKNOWN,)

    def _image(self, path: Path) -> ImageSource:
        return Picture(path) if is_image(path) else ScanFile(path)

    def _label(self, path: Path) -> LabelSource:
        return PictureMasks((path,)) if is_image(path) else LabelFile(path, self.names)

    def _files(self, name: str) -> dict[str, Path]:
        """Files of a folder by their names without ending."""
        folder = self.root / name
        paths = [path for path in walk(folder) if path.name.endswith(self.ending)] if folder.is_dir() else []
        self.used |= {*paths, *(other for path in paths for other in data_files(path))}
        return {path.name.removesuffix(self.ending): path for path in paths if path.parent == folder}


LAYOUT = Layout(
    name="nnunet",
    looks_for="dataset.json with channel_names and file_ending, imagesTr/<case>_0000.nii.gz and labelsTr/<case>.nii.gz",
    detect=detect,
    find=find,
)
