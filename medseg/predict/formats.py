"""What results can be written as, and which scans allow it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast, get_args

from medseg.errors import MedsegError, UsageError
from medseg.io.images import SUFFIXES
from medseg.io.scans import is_volume_file

__all__ = ["Format", "check_formats", "default_formats", "kind_of", "parse_formats"]

Format = Literal["nifti", "png", "dicomseg", "rtstruct"]
Kind = Literal["picture", "volume", "dicom"]

_NEED_DICOM: tuple[Format, ...] = ("dicomseg", "rtstruct")


def parse_formats(formats: str | Sequence[str] | None) -> tuple[Format, ...] | None:
    """Formats as a person writes them: ``nifti,dicomseg``; None leaves the choice to the kind of scan.

    Raises:
        UsageError: If one is unknown, or none is named.
    """
    if formats is None:
        return None
    words = formats.split(",") if isinstance(formats, str) else list(formats)
    named = [word.strip().lower() for word in words if word.strip()]
    unknown = [word for word in named if word not in get_args(Format)]
    if unknown or not named:
        raise UsageError(
            f"--to must be of {', '.join(get_args(Format))}, joined by commas, got {','.join(map(str, words))!r}"
        )
    return cast(tuple[Format, ...], tuple(dict.fromkeys(named)))


def kind_of(files: Sequence[Path]) -> Kind:
    """What a scan is, by its first file's name."""
    first = files[0]
    if first.suffix.lower() in SUFFIXES:
        return "picture"
    return "volume" if is_volume_file(first) else "dicom"


def default_formats(kind: Kind) -> tuple[Format, ...]:
    """Pictures give pictures; scans give NIfTI, with pictures to look at."""
    return ("png",) if kind == "picture" else ("nifti", "png")


def check_formats(files: Sequence[Path], formats: Sequence[Format]) -> None:
    """Check that a scan allows the formats.

    Raises:
        MedsegError: If DICOM is wanted of something else.
    """
    wanted = [one for one in formats if one in _NEED_DICOM]
    if wanted and kind_of(files) != "dicom":
        raise MedsegError(
            f"{files[0]}: {' and '.join(wanted)} must refer to the images of a DICOM series, which this file is not;"
            " give the DICOM series, or --to nifti,png"
        )
