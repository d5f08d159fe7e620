"""What there is to predict: scans and pictures under the names that their results will have.

Pictures and volume files lie directly in a folder. DICOM images are looked for in all of its tree, whatever their files
are called; where there are any, other files beside them are taken for previews or labels. Hidden files do not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from medseg.errors import MedsegError, SourceError, UsageError
from medseg.io.dicom import Header, Series, group_series, read_headers, select_series
from medseg.io.dicom.header import Scan as DicomScan
from medseg.io.dicom.image_rules import modality_of
from medseg.io.images import SUFFIXES
from medseg.io.scans import VOLUME_SUFFIXES, is_volume_file

__all__ = ["Found", "Scan", "check_output", "find_scans", "scan_items", "scan_name"]

_SECOND_FILES = (".img", ".img.gz", ".raw", ".zraw")


@dataclass(frozen=True)
class Scan:
    """A scan or picture.

    Attributes:
        name: What its results are called after, with ``/`` between folders.
        files: The file, or all files of a DICOM series.
        fault: Why it cannot be predicted; None where nothing is known against it.
    """

    name: str
    files: tuple[Path, ...]
    fault: MedsegError | None = None


@dataclass(frozen=True)
class Found:
    """Scans in the order of their names, and what was set aside, a line each."""

    scans: tuple[Scan, ...]
    aside: tuple[str, ...] = ()


def find_scans(paths: Sequence[Path | str], *, series: str = "all", modality: str | None = None) -> Found:
    """Find scans in files and folders.

    Args:
        paths: Files and folders.
        series: Which DICOM series of each folder's tree: ``all``, ``only``, ``largest`` or a UID.
        modality: Set DICOM series of other modalities aside, where a tree has any of this one.

    Raises:
        UsageError: If a path does not exist or holds no scan, two scans' results would have one name, or a series is
            not there.
        DicomSeriesError: If the choice of series is not unique.
    """
    scans: list[Scan] = []
    aside: list[str] = []
    for path in map(Path, paths):
        if not path.exists():
            raise UsageError(f"{path}: must be a scan, an image or a folder of them, but there is no such path")
        found = _in_folder(path, series, modality) if path.is_dir() else Found((_file(path),))
        scans += found.scans
        aside += found.aside
    _check_names(scans)
    return Found(tuple(sorted(scans, key=lambda scan: scan.name)), tuple(aside))


def scan_items(scans: str | Sequence[str]) -> list[dict[str, object]]:
    """What a loader takes: of each scan ``image``, its path or the paths of a DICOM series, and ``name``.

    Args:
        scans: A file or folder, or several.

    Raises:
        UsageError: As :func:`find_scans`.
        MedsegError: If one of the scans is known to be broken.
    """
    found = find_scans([scans] if isinstance(scans, (str, Path)) else scans).scans
    for scan in found:
        if scan.fault is not None:
            raise scan.fault
    return [item(scan) for scan in found]


def item(scan: Scan) -> dict[str, object]:
    """A scan as a loader takes it."""
    files = [str(file) for file in scan.files]
    return {"image": files[0] if len(files) == 1 else files, "name": scan.name}


def check_output(output: Path, paths: Iterable[Path | str]) -> None:
    """Check that no result can replace a scan.

    Raises:
        UsageError: If results would go to a folder from which scans are read, or the place is a file.
    """
    for path in map(Path, paths):
        if output.resolve() == (path.parent if path.is_file() else path).resolve():
            raise UsageError(f"{output}: output must be another folder than the images', or a mask may replace one")
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: output must be a folder, got a file")


def scan_name(path: Path) -> str:
    """Name of a file without the suffix of its kind, of which ``.nii.gz`` is one."""
    known = [suffix for suffix in (*VOLUME_SUFFIXES, *SUFFIXES, ".dcm") if path.name.lower().endswith(suffix)]
    return path.name[: len(path.name) - len(max(known, key=len, default=""))] or path.name


def _file(path: Path) -> Scan:
    return Scan(scan_name(path), (path,))


def _in_folder(folder: Path, series: str, modality: str | None) -> Found:
    try:
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    except OSError as error:
        raise UsageError(f"{folder}: must be a folder that can be read, got {error.strerror}") from error
    volumes = [path for path in files if is_volume_file(path) and not path.name.lower().endswith(_SECOND_FILES)]
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES]
    of_dicom, aside = _dicom_scans(folder, series, modality)
    others = [*volumes, *pictures]
    # A fault alone, such as a folder that cannot be read, says nothing of what the others are.
    if others and any(scan.files[0].is_file() for scan in of_dicom):
        first = f"such as {others[0].name} ({len(others)} in all)"
        aside.append(f"{folder}: files beside DICOM set aside, {first}; name them to predict them")
        others = []
    scans = [*of_dicom, *map(_file, others)]
    if not scans:
        raise UsageError(
            f"{folder}: must hold scans or images (DICOM in any folders; NIfTI, NRRD, MetaImage, PNG, TIFF, JPEG or BMP"
            " directly in it), but none was found"
        )
    return Found(tuple(scans), tuple(aside))


def _dicom_scans(folder: Path, choice: str, modality: str | None) -> tuple[list[Scan], list[str]]:
    scan = _visible(folder, read_headers(folder))
    serieses = [series for series in group_series(scan.headers) if series.kind == "volume"]
    aside = _counted("localizer or capture", [s for s in group_series(scan.headers) if s.kind != "volume"])
    wanted = [series for series in serieses if modality in (None, modality_of(series.headers[0]))]
    if wanted and len(wanted) < len(serieses):
        aside += _counted(f"series of another modality than {modality}", [s for s in serieses if s not in wanted])
        serieses = wanted
    if serieses:
        serieses = [*select_series(serieses, choice, where=str(folder))]
    names = _names(folder, serieses)
    faults = _faults(scan)
    scans = [
        Scan(name, _files(series.headers), _fault_of(series, faults))
        for name, series in zip(names, serieses, strict=True)
    ]
    homes = {path.parent for one in scans for path in one.files}
    for place, fault in faults.items():
        if place not in homes:
            names.append(_not_in(names, _name(folder, place)))
            scans.append(Scan(names[-1], (place,), fault))
    empty = sum(other.empty for other in scan.others)
    if empty:
        aside.append(f"{folder}: {empty} empty file{'s' * (empty > 1)} found; an image may be missing")
    return scans, aside


def _visible(folder: Path, scan: DicomScan) -> DicomScan:
    def shown(path: Path) -> bool:
        return not any(part.startswith(".") for part in path.relative_to(folder).parts)

    return DicomScan(
        tuple(header for header in scan.headers if shown(header.path)),
        tuple(other for other in scan.others if shown(other.path)),
    )


def _counted(what: str, serieses: Sequence[Series]) -> list[str]:
    return [f"{len(serieses)} {what} set aside"] if serieses else []


def _faults(scan: DicomScan) -> dict[Path, SourceError]:
    """Damaged DICOM files by their folder: an image of a series there may be missing."""
    faults: dict[Path, SourceError] = {}
    for other in scan.others:
        if other.damaged and not is_volume_file(other.path) and other.path.suffix.lower() not in SUFFIXES:
            fault = f"{other.reason}; an image may be missing, replace or remove the file"
            faults.setdefault(other.path.parent, SourceError(other.path, fault))
    return faults


def _fault_of(series: Series, faults: dict[Path, SourceError]) -> SourceError | None:
    return next((faults[header.path.parent] for header in series.headers if header.path.parent in faults), None)


def _files(headers: Iterable[Header]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(header.path for header in headers))


def _names(folder: Path, serieses: Sequence[Series]) -> list[str]:
    """Folders' names; where one holds several series, with the series number or, failing that, a count."""
    homes = [_home(series) for series in serieses]
    shared = Counter(homes)
    names: list[str] = []
    for home, series in zip(homes, serieses, strict=True):
        name = _name(folder, home)
        if shared[home] > 1:
            number = series.headers[0].series_number
            name = f"{name}_{number}" if number is not None else name
        names.append(_not_in(names, name))
    return names


def _not_in(names: Sequence[str], name: str) -> str:
    """A name, or where it is taken the name with a count."""
    counted = (f"{name}-{count}" for count in range(2, len(names) + 2))
    return next(free for free in (name, *counted) if free not in names)


def _home(series: Series) -> Path:
    """The folder that holds all files of a series."""
    folders = {header.path.parent for header in series.headers}
    first = series.headers[0].path.parent
    return first if len(folders) == 1 else Path(*_common_parts(folders))


def _common_parts(folders: Iterable[Path]) -> list[str]:
    together = []
    for parts in zip(*(folder.parts for folder in folders), strict=False):
        if len(set(parts)) > 1:
            break
        together.append(parts[0])
    return together


def _name(folder: Path, home: Path) -> str:
    inside = PurePosixPath(*home.relative_to(folder).parts)
    return folder.resolve().name if str(inside) == "." else str(inside)


def _check_names(scans: Sequence[Scan]) -> None:
    named: dict[str, Scan] = {}
    for scan in scans:
        # Pictures of all scans lie in one folder, where there are montages, too.
        picture = scan.name.lower().replace("/", "_")
        for name in (picture, f"{picture}_montage"):
            other = named.setdefault(name, scan)
            if other is not scan:
                raise UsageError(
                    f"{scan.files[0].parent}: scans must have different names, as their results are called after them,"
                    f" got {other.files[0]} and {scan.files[0]}; rename one, or give each an --output of its own"
                )
