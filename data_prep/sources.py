"""What a layout finds in a raw folder, before a pixel is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from medseg.io.images import SUFFIXES

__all__ = ["Found", "Layout", "SourceCase", "is_image", "natural_key", "relative", "stem", "walk"]

_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True)
class SourceCase:
    """One image of the raw folder with the masks that belong to it.

    Attributes:
        name: Source-relative name without suffix and without the layout's own folder names, such as ``train/000``.
        image: The image's file.
        masks: Files whose union is the label.
        page: Page of image and mask in multi-page files; None where each file is one image.
        group: Group that the layout knows of; None where it knows none.
    """

    name: str
    image: Path
    masks: tuple[Path, ...]
    page: int | None = None
    group: str | None = None


@dataclass(frozen=True)
class Found:
    """Everything a layout has to say about a raw folder.

    Attributes:
        cases: In natural order of their names.
        errors: One line a problem, naming the file.
        used: Files that belong to the data set, also the faulty; all others are ignored, with a warning.
    """

    cases: tuple[SourceCase, ...]
    errors: tuple[str, ...] = ()
    used: frozenset[Path] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Layout:
    """A way in which public data sets lay out their files.

    Attributes:
        name: What ``--layout`` takes.
        looks_for: What the folder must have, for messages.
        detect: Whether a folder has it.
        find: List the cases of a folder.
    """

    name: str
    looks_for: str
    detect: Callable[[Path], bool]
    find: Callable[[Path], Found]


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key under which ``a/2`` comes before ``a/10``."""
    # Text and numbers alternate, starting with text, so keys of any two names can be compared.
    parts = re.split(r"(\d+)", name)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), name


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder in natural order, without hidden files and what operating systems leave behind."""
    for path in sorted(folder.iterdir(), key=lambda entry: natural_key(entry.name)):
        if path.name.startswith(".") or path.name.lower() in _SYSTEM_FILES:
            continue
        if path.is_dir():
            yield from walk(path)
        else:
            yield path


def is_image(path: Path) -> bool:
    """Whether the suffix is that of an image which can be read."""
    return path.suffix.lower() in SUFFIXES


def relative(path: Path, root: Path) -> str:
    """Name below ``root`` with forward slashes."""
    return path.relative_to(root).as_posix()


def stem(name: str) -> str:
    """A name without an image's suffix; other dots stay."""
    return str(Path(name).with_suffix("").as_posix()) if is_image(Path(name)) else name
