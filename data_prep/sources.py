"""What a layout finds in a raw folder, before a pixel is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from data_prep.image_sources import ImageSource
from data_prep.label_sources import LabelSource
from medseg.io.images import SUFFIXES

__all__ = [
    "FindChoices",
    "Found",
    "LabelKind",
    "Layout",
    "SourceCase",
    "is_image",
    "natural_key",
    "relative",
    "stem",
    "walk",
]

LabelKind = Literal["auto", "files", "seg", "rtstruct", "png", "none"]

_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True)
class SourceCase:
    """One scan or image of the raw folder with the label that belongs to it.

    Attributes:
        name: Source-relative name without suffix and without the layout's own folder names, such as ``train/000``.
        image: Where the scan or image is read from.
        label: Where its label is read from; None for a case without one.
        group: Patient, block or other unit that the layout knows of; None where it knows none. It may be a text of the
            source, so it is never written.
    """

    name: str
    image: ImageSource
    label: LabelSource | None
    group: str | None = None


@dataclass(frozen=True)
class FindChoices:
    """What a person may choose about which files make a case.

    Attributes:
        series: ``--series``: which series of each DICOM folder: ``only``, ``largest``, ``all`` or a UID.
        modality: ``--modality``: DICOM series of other modalities (0008,0060) are set aside; None demands that there is
            one modality.
        labels: ``--labels``: which kind of label counts where a case has several; ``auto`` demands that there is one,
            ``none`` leaves all out.
        workers: Processes for reading many headers.
    """

    series: str = "only"
    modality: str | None = None
    labels: LabelKind = "auto"
    workers: int = 1


@dataclass(frozen=True)
class Found:
    """Everything a layout has to say about a raw folder.

    Attributes:
        cases: In natural order of their names.
        errors: One line a problem of the folder itself, naming the file; with any, nothing is prepared.
        used: Files that belong to the data set, also the faulty; all others are ignored, with a warning.
        modality: What the layout knows the images to be, such as ``CT``; None where the files say or nobody does.
        warnings: What is odd about the folder, with names of the source, for the terminal only.
    """

    cases: tuple[SourceCase, ...]
    errors: tuple[str, ...] = ()
    used: frozenset[Path] = field(default_factory=frozenset)
    modality: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A way in which public data sets lay out their files.

    Attributes:
        name: What ``--layout`` takes.
        looks_for: What the folder must have, for messages.
        detect: Whether a folder has it; cheap, since every layout is asked.
        find: List the cases of a folder.
        general: Whether it also fits folders of more special layouts, which then come first.
    """

    name: str
    looks_for: str
    detect: Callable[[Path], bool]
    find: Callable[[Path, FindChoices], Found]
    general: bool = False


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key under which ``a/2`` comes before ``a/10``."""
    # Text and numbers alternate, starting with text, so keys of any two names can be compared.
    parts = re.split(r"(\d+)", name)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), name


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder in natural order, without hidden files and what operating systems leave behind.

    Links to folders are followed, but not back up to one that holds them.
    """
    for path in sorted(folder.iterdir(), key=lambda entry: natural_key(entry.name)):
        if path.name.startswith(".") or path.name.lower() in _SYSTEM_FILES:
            continue
        if path.is_dir():
            if not _leads_back(path):
                yield from walk(path)
        else:
            yield path


def _leads_back(folder: Path) -> bool:
    """Whether a folder is a link to one above it."""
    if not folder.is_symlink():
        return False
    here = folder.parent.resolve()
    return folder.resolve() in (here, *here.parents)


def is_image(path: Path) -> bool:
    """Whether the suffix is that of an image which can be read."""
    return path.suffix.lower() in SUFFIXES


def relative(path: Path, root: Path) -> str:
    """Name below ``root`` with forward slashes."""
    return path.relative_to(root).as_posix()


def stem(name: str) -> str:
    """A name without an image's suffix; other dots stay."""
    return str(Path(name).with_suffix("").as_posix()) if is_image(Path(name)) else name
