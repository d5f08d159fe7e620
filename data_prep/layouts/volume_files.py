"""Names of volume files: what they are called without suffix, and which of them are labels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from medseg.io.scans import VOLUME_SUFFIXES, is_volume_file

__all__ = ["by_folder", "data_files", "image_key", "is_volume", "label_key", "volume_stem"]

_DATA_SUFFIXES = (".img", ".img.gz")
_HEADER_SUFFIXES = (".hdr", ".hdr.gz", ".mhd", ".nhdr")
_DETACHED = (*_DATA_SUFFIXES, ".raw", ".raw.gz", ".zraw")

_LABEL = "labels?|labelmap|masks?|segs?|segmentations?|gt|truth|ground[-_ ]?truth|annotations?|targets?"
_IMAGE = "images?|imaging|img|ct|scan|volume|vol|0000"
_LABEL_END, _IMAGE_END = (re.compile(rf"(?:^|[-_. ])(?:{words})$", re.IGNORECASE) for words in (_LABEL, _IMAGE))
_LABEL_START, _IMAGE_START = (
    re.compile(rf"^(?:{words})[-_. ]?(?=\d)", re.IGNORECASE) for words in (_LABEL, _IMAGE.removesuffix("|0000"))
)


def is_volume(path: Path) -> bool:
    """Whether the name is that of a volume file; of ``.hdr`` and ``.img`` only the header counts."""
    return is_volume_file(path) and not path.name.lower().endswith(_DATA_SUFFIXES)


def volume_stem(name: str) -> str:
    """``a/b`` of ``a/b.nii.gz``; a name without a volume's suffix comes back unchanged."""
    suffixes = [suffix for suffix in VOLUME_SUFFIXES if name.lower().endswith(suffix)]
    return name[: -max(map(len, suffixes))] if suffixes else name


def data_files(path: Path) -> tuple[Path, ...]:
    """The files beside a header that may hold its voxels: ``a.img`` of ``a.hdr``, ``a.raw`` of ``a.mhd``."""
    if not path.name.lower().endswith(_HEADER_SUFFIXES):
        return ()
    stem = volume_stem(path.name)
    beside = (path.with_name(stem + suffix) for suffix in _DETACHED)
    return tuple(other for other in beside if other.is_file())


def by_folder(files: Iterable[Path]) -> dict[Path, list[Path]]:
    """Files by each of the folders above them."""
    found: dict[Path, list[Path]] = {}
    for path in files:
        for folder in path.parents:
            found.setdefault(folder, []).append(path)
    return found


def label_key(stem: str) -> str | None:
    """What a label's name shares with its image's: ``a/001`` of ``a/001_seg`` and ``a/label001``, ``a/`` of ``a/seg``.

    Returns:
        None where the name does not say that this is a label.
    """
    return _key(stem, _LABEL_END, _LABEL_START)


def image_key(stem: str) -> str:
    """As :func:`label_key` for images: ``a/001`` of ``a/001_0000`` and ``a/img001``; other names are their own key."""
    key = _key(stem, _IMAGE_END, _IMAGE_START)
    return stem if key is None else key


def _key(stem: str, end: re.Pattern[str], start: re.Pattern[str]) -> str | None:
    folder, slash, name = stem.rpartition("/")
    for pattern in (end, start):
        key, found = pattern.subn("", name)
        if found:
            return folder + slash + key
    return None
