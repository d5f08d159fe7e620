"""Which of a folder's series is meant, and what its other files may mean for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from medseg.errors import SourceError, UsageError
from medseg.io.dicom.header import Scan
from medseg.io.dicom.series import DicomSeriesError, Series

__all__ = ["check_scan", "select_series", "set_aside"]


def select_series(serieses: Sequence[Series], choice: str, *, where: str = "folder") -> tuple[Series, ...]:
    """Choose among series.

    Args:
        serieses: What a folder holds.
        choice: ``only``: there must be one, localizers and secondary captures not counted where there is more;
            ``largest``: that of most images; ``all``: all but localizers and secondary captures; or a key: the
            SeriesInstanceUID, with ``:<part>`` where one UID holds several volumes.
        where: What holds them, for messages.

    Returns:
        One series, or with ``all`` at least one.

    Raises:
        DicomSeriesError: If the choice is not unique, or nothing is there.
        UsageError: If the key is not there.
    """
    if not serieses:
        raise DicomSeriesError(where, "must hold DICOM images, got none")
    volumes = [series for series in serieses if series.kind == "volume"] or list(serieses)
    if choice == "all":
        return tuple(volumes)
    if choice == "largest":
        most = max(len(series.headers) for series in volumes)
        volumes = [series for series in volumes if len(series.headers) == most]
    elif choice != "only":
        volumes = [series for series in serieses if choice in (series.key, series.uid)]
        if not volumes:
            known = ", ".join(series.key for series in serieses)
            raise UsageError(
                f"--series must be only, largest, all or a UID of {where}, got {choice!r}; there are {known}"
            )
    if len(volumes) > 1:
        raise DicomSeriesError(*_several(volumes, choice, where))
    return tuple(volumes)


def check_scan(path: Path, scan: Scan) -> tuple[str, ...]:
    """Refuse a folder that may have lost an image, or that has none.

    Args:
        path: What was searched, for messages.
        scan: What was found.

    Returns:
        Warnings: empty files under names of images, which interrupted copies leave.

    Raises:
        SourceError: If there is no DICOM image, or a DICOM file is damaged, of which no one knows where it belongs.
    """
    damaged = [other for other in scan.others if other.damaged]
    if damaged:
        more = f" and {len(damaged) - 1} more like it" if len(damaged) > 1 else ""
        raise SourceError(
            damaged[0].path, f"{damaged[0].reason}{more}; an image may be missing, replace or remove the file"
        )
    if not scan.headers:
        raise SourceError(path, f"must hold DICOM images, got {_instead(path, scan)}")
    empty = sum(other.empty for other in scan.others)
    return (f"{empty} empty file{'s' * (empty > 1)} found; an image may be missing",) if empty else ()


def set_aside(serieses: Sequence[Series]) -> tuple[str, ...]:
    """Warnings of images that belong to no volume: localizers and secondary captures."""
    counts = Counter[str]()
    for series in serieses:
        if series.kind != "volume":
            counts[series.kind] += len(series.headers)
    return tuple(f"{number} {kind} image{'s' * (number > 1)} set aside (0008,0008)" for kind, number in counts.items())


def _instead(path: Path, scan: Scan) -> str:
    if not scan.others:
        return "no files"
    ((reason, _),) = Counter(other.reason for other in scan.others).most_common(1)
    if not path.is_dir():
        return f"a file that {reason}"
    number = len(scan.others)
    return f"{number} file{'s' * (number > 1)}, most of which {reason}"


def _several(volumes: Sequence[Series], choice: str, where: str) -> tuple[str, str]:
    """Where and fault; keys are shown on the terminal only."""
    keys = ", ".join(f"{series.key} ({len(series.headers)} images)" for series in volumes)
    tags = dict.fromkeys(tag for series in volumes for tag in series.parted_by)
    parted = f", one series UID (0020,000e) being parted by {', '.join(tags)}" if tags else ""
    rule = "must hold one largest series" if choice == "largest" else "must hold one series"
    return f"{where} [{keys}]", f"{rule}, got {len(volumes)}{parted}; choose with --series UID|largest|all"
