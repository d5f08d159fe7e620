"""Files of a DICOM tree that are no images: what they may mean for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from data_prep.layouts.dicom_labels import LABEL_CLASSES
from data_prep.layouts.dicom_units import Unit
from data_prep.layouts.few import few
from medseg.io.dicom import Other

__all__ = ["is_told_of", "may_have_lost", "odd_files", "what_instead"]

# A medium's index says nothing that its files do not; labels are told of elsewhere.
_EXPECTED = frozenset({"1.2.840.10008.1.3.10", *LABEL_CLASSES})


def may_have_lost(unit: Unit, other: Other) -> bool:
    """Whether a damaged file may be one of a unit's images: it lies in its folders, or beside its images."""
    return other.damaged and (other.path.parent in unit.image_folders or unit.holds(other.path))


def is_told_of(other: Other) -> bool:
    """Whether a file is one of DICOM, or may have been, so that :func:`odd_files` or a case tells of it."""
    return bool(other.damaged or other.empty or other.sop_class)


def odd_files(others: Sequence[Other], units: Sequence[Unit]) -> tuple[str, ...]:
    """Warnings about files that may be images but are taken for none."""
    by_reason = defaultdict[str, list[Path]](list)
    for other in others:
        if other.empty:
            by_reason["is empty; an image may be missing"].append(other.path)
        elif other.damaged and not any(may_have_lost(unit, other) for unit in units):
            by_reason[f"{other.reason}; an image may be missing"].append(other.path)
        elif other.sop_class and not other.damaged and other.sop_class not in _EXPECTED:
            by_reason[f"{other.reason} and was set aside"].append(other.path)
    return tuple(f"{few(paths)}: {reason}" for reason, paths in by_reason.items())


def what_instead(others: Sequence[Other]) -> str:
    """What there is where there is no image."""
    reasons = defaultdict[str, list[Path]](list)
    for other in others:
        reasons[other.reason].append(other.path)
    if not reasons:
        return "no files"
    reason, paths = max(reasons.items(), key=lambda item: len(item[1]))
    return f"{len(others)} files, of which {len(paths)} as {paths[0]} {reason}"
