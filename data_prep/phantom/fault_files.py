"""Faults of files and folders, done to a series that has been written."""

from __future__ import annotations

import shutil
from pathlib import Path

from pydicom.fileset import FileSet

from data_prep.phantom.uids import make_uid

__all__ = ["as_media", "nest", "scatter_strays", "truncate_middle"]

_PER_FOLDER = 8


def truncate_middle(ct: Path) -> None:
    """Cut one file in the middle of its pixel data."""
    files = _files(ct)
    file = files[len(files) // 2]
    file.write_bytes(file.read_bytes()[: -file.stat().st_size // 3])


def scatter_strays(ct: Path) -> None:
    """Add what lies about on disks."""
    (ct / "notes.txt").write_text("not an image\n", encoding="utf-8")
    (ct / "empty.dcm").write_bytes(b"")
    (ct / "Thumbs.db").write_bytes(bytes(range(256)))
    (ct / f"._{_files(ct)[-1].name}").write_bytes(b"\x00\x05\x16\x07" + bytes(300))
    (ct / "viewer").mkdir()
    (ct / "viewer" / "autorun.inf").write_text("[autorun]\n", encoding="utf-8")


def nest(ct: Path) -> None:
    """Spread the files over nested folders and take their suffixes away."""
    for index, file in enumerate(_files(ct)):
        folder = ct / "A" / f"B{index // _PER_FOLDER}"
        folder.mkdir(parents=True, exist_ok=True)
        file.rename(folder / file.stem)


def as_media(ct: Path) -> None:
    """Lay the folder out as on a CD: PT000000/ST000000/SE000000/IM000000 and a DICOMDIR (PS3.10 8.6)."""
    loose = ct.with_name("loose")
    ct.rename(loose)
    media = FileSet()
    for file in _files(loose):
        media.add(file)
    media.UID = make_uid("media", *sorted(instance.SOPInstanceUID for instance in media))
    media.write(ct)
    shutil.rmtree(loose)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
