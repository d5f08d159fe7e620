"""Which layout a raw folder has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from data_prep.layouts import LAYOUTS
from data_prep.layouts.volume_files import volume_stem
from data_prep.sources import Layout, walk
from medseg.errors import UsageError

__all__ = ["AUTO", "choose_layout"]

AUTO = "auto"


def choose_layout(raw: Path, name: str = AUTO) -> Layout:
    """The layout called ``name``, or with ``auto`` the only one that the folder has; special ones come before general.

    Raises:
        UsageError: If there is no such folder or layout, or not exactly one layout fits.
    """
    if not raw.is_dir():
        raise UsageError(f"{raw}: RAW must be a folder, but there is {'only a file' if raw.exists() else 'none'}")
    if name != AUTO:
        return _by_name(name)
    fitting = _fitting(raw, general=False) or _fitting(raw, general=True)
    if len(fitting) > 1:
        names = ", ".join(layout.name for layout in fitting)
        raise UsageError(f"{raw}: must have one layout, got {names}; choose with --layout")
    if not fitting:
        looked = "; ".join(f"{layout.name}: {layout.looks_for}" for layout in LAYOUTS)
        raise UsageError(f"{raw}: must have a known layout, got {_contents(raw)}; looked for {looked}")
    return fitting[0]


def _fitting(raw: Path, *, general: bool) -> list[Layout]:
    return [layout for layout in LAYOUTS if layout.general == general and layout.detect(raw)]


def _by_name(name: str) -> Layout:
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    known = ", ".join([AUTO, *(layout.name for layout in LAYOUTS)])
    raise UsageError(f"--layout must be one of {known}, got {name}")


def _contents(raw: Path) -> str:
    """What stands in a folder, in a few words."""
    folders = [path.name for path in sorted(raw.iterdir()) if path.is_dir()]
    kinds = Counter(_suffix(path) or "no suffix" for path in walk(raw))
    if not kinds:
        return "an empty folder" if not folders else "folders without files"
    files = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(4))
    return f"{files} in folders {', '.join(folders[:4])}{'...' if len(folders) > 4 else ''}" if folders else files


def _suffix(path: Path) -> str:
    """``.nii.gz`` as one; of other names the last part."""
    return path.name[len(volume_stem(path.name)) :].lower() or path.suffix.lower()
