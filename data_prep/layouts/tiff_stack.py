"""A multi-page TIFF of images beside one of labels: ISBI 2012's ``train-volume`` and ``train-labels``."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from data_prep.image_sources import Picture
from data_prep.label_sources import PictureMasks
from data_prep.sources import FindChoices, Found, Layout, SourceCase, natural_key, walk
from medseg.errors import MedsegError
from medseg.io.images import page_count

__all__ = ["LAYOUT", "is_stack"]

_IMAGE_WORDS = frozenset({"volume", "volumes", "image", "images", "img", "imgs", "raw", "stack"})
_LABEL_WORDS = frozenset({"label", "labels", "mask", "masks", "gt", "truth", "seg", "segmentation"})


def detect(root: Path) -> bool:
    """Whether an image stack and a label stack stand directly in the folder."""
    return any(
        images and labels and any(is_stack(path) for path in (*images, *labels))
        for images, labels in _stacks(root).values()
    )


def find(root: Path, _choices: FindChoices | None = None) -> Found:
    """Make each page a case; the pages of one stack are one group, named after it."""
    cases: list[SourceCase] = []
    errors: list[str] = []
    used: set[Path] = set()
    for block, (images, labels) in _stacks(root).items():
        used |= {*images, *labels}
        if len(images) != 1 or len(labels) != 1:
            names = ", ".join(path.name for path in (*images, *labels))
            errors.append(
                f"{(*images, *labels)[0]}: must be one stack of images and one of labels, got {names};"
                " move others to another folder"
            )
            continue
        try:
            cases += _pages(images[0], labels[0], block)
        except MedsegError as error:
            errors.append(str(error))
    return Found(tuple(cases), tuple(errors), frozenset(used))


def is_stack(path: Path) -> bool:
    """Whether a file is a readable TIFF of more than one page."""
    try:
        return _is_tiff(path) and page_count(path) > 1
    except MedsegError:
        return False


def _pages(image: Path, label: Path, block: str) -> list[SourceCase]:
    pages, label_pages = page_count(image), page_count(label)
    if pages != label_pages:
        raise MedsegError(f"{label}: must have a page for each of {image.name}'s {pages}, got {label_pages}")
    digits = len(str(pages - 1))
    return [
        SourceCase(f"{image.stem}/{page:0{digits}d}", Picture(image, page), PictureMasks((label,), page), block)
        for page in range(pages)
    ]


def _stacks(root: Path) -> dict[str, tuple[list[Path], list[Path]]]:
    """Image and label files by what their names share: ``train`` of ``train-volume`` and ``train-labels``."""
    stacks: dict[str, tuple[list[Path], list[Path]]] = defaultdict(lambda: ([], []))
    for path in walk(root):
        if path.parent == root and _is_tiff(path):
            words = re.split(r"[-_ .]+", path.stem.lower())
            rest = "-".join(word for word in words if word not in _IMAGE_WORDS | _LABEL_WORDS)
            stacks[rest][not _LABEL_WORDS.isdisjoint(words)].append(path)
    return dict(sorted(stacks.items(), key=lambda item: natural_key(item[0])))


def _is_tiff(path: Path) -> bool:
    return path.suffix.lower() in (".tif", ".tiff")


LAYOUT = Layout(
    name="tiff-stack",
    looks_for="a multi-page TIFF of images (train-volume.tif) beside one of labels (train-labels.tif)",
    detect=detect,
    find=find,
)
