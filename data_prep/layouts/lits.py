"""LiTS: ``volume-N.nii`` and ``segmentation-N.nii``, in one folder or in subfolders such as ``Training Batch 1``.

``test-volume-N.nii`` are cases without label. Liver is 1 and tumor 2, https://competitions.codalab.org/competitions/17094.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from data_prep.image_sources import ScanFile
from data_prep.label_sources import LabelFile
from data_prep.sources import FindChoices, Found, Layout, SourceCase, natural_key, walk

__all__ = ["LAYOUT"]

_NAME = re.compile(r"(?P<kind>volume|segmentation|test-volume)-(?P<number>\d+)\.nii(\.gz)?", re.IGNORECASE)
_NAMES = ((1, "liver"), (2, "tumor"))


def detect(root: Path) -> bool:
    """Whether any file is called ``segmentation-N.nii`` while one is called ``volume-N.nii``."""
    wanted = {"volume", "segmentation"}
    for kind, _, _ in _files(root):
        wanted.discard(kind)
        if not wanted:
            return True
    return False


def find(root: Path, _choices: FindChoices | None = None) -> Found:
    """Pair volumes and segmentations by number; nothing says which scans are one patient's, so each is a group."""
    files: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for kind, number, path in _files(root):
        files[kind, number].append(path)
    errors = [
        f"{paths[1]}: numbers must differ, got {paths[0]}, too; remove one of them"
        for paths in files.values()
        if len(paths) > 1
    ]
    cases = []
    for (kind, number), (path, *_) in files.items():
        if kind == "test-volume":
            cases.append(SourceCase(f"test-volume-{number}", ScanFile(path), None, f"test-volume-{number}"))
        elif kind == "segmentation" and ("volume", number) not in files:
            errors.append(f"{path}: segmentation must have an image volume-{number}.nii, got none; add or remove it")
        elif kind == "volume" and ("segmentation", number) not in files:
            errors.append(
                f"{path}: volume must have a label segmentation-{number}.nii, got none; add it, or call the volume"
                f" test-{path.name} to have it as a case without label"
            )
        elif kind == "volume":
            label = LabelFile(files["segmentation", number][0], _NAMES)
            cases.append(SourceCase(f"volume-{number}", ScanFile(path), label, f"volume-{number}"))
    cases.sort(key=lambda case: natural_key(case.name))
    used = frozenset(path for paths in files.values() for path in paths)
    return Found(tuple(cases), tuple(sorted(errors)), used, modality="CT")


def _files(root: Path) -> Iterator[tuple[str, str, Path]]:
    for path in walk(root):
        match = _NAME.fullmatch(path.name)
        if match:
            yield match["kind"].lower(), match["number"], path


LAYOUT = Layout(
    name="lits",
    looks_for="volume-N.nii with segmentation-N.nii, in one folder or in subfolders",
    detect=detect,
    find=find,
)
