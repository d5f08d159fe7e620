"""What a person may choose about a prepared data set, checked before anything is read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, get_args

from data_prep.choose_layout import AUTO
from data_prep.orientation import check_orientation
from data_prep.sources import FindChoices, LabelKind
from medseg.errors import UsageError
from medseg.io.dicom import Choices
from medseg.io.file_choices import FileChoices
from medseg.io.processes import usable_cores
from medseg.io.scans import ScanChoices
from medseg.manifest import SplitMethod

__all__ = ["How", "Options", "Track", "parse_foreground", "parse_spacing", "parse_window_hu"]

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

T = TypeVar("T")


class Track:
    """Shows nothing while items are worked through; the command line replaces it by a progress bar."""

    def __call__(self, items: Iterable[T], description: str) -> Iterable[T]:
        """Give the items one by one."""
        return items

    @contextmanager
    def cases(self, total: int, description: str) -> Iterator[Callable[[int], None]]:
        """Give what is called with its number of slices for each case that is done."""
        yield lambda _slices: None


@dataclass(frozen=True)
class How:
    """How cases are worked through; it changes nothing of what is written.

    Attributes:
        workers: Processes, each of which holds one case in memory; None takes more than one only where that pays.
        dask: Address of a Dask scheduler whose workers take the cases instead.
        strict: Whether the first broken case stops everything.
        mapping: Private file that says which case came from where.

    Raises:
        UsageError: If a value breaks its rule.
    """

    workers: int | None = None
    dask: str | None = None
    strict: bool = False
    mapping: Path | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers must be at least 1, got {self.workers}")


@dataclass(frozen=True)
class Options:
    """Options of ``prepare`` and ``inspect``.

    Attributes:
        name: Name of the data set; part of folder names later.
        layout: Layout's name, or ``auto``.
        foreground: Label values (``"1"``) and names (``"liver"``) that are foreground; None demands one class.
        modality: What the images are, such as ``CT``; None where files or layout say.
        foreground_name: Name of the foreground; None takes the name in ``foreground`` if that is only one.
        groups: CSV file, or regular expression with one group; None where no groups are known.
        split: How to make folds; None chooses by what is known of groups.
        folds: Wanted number of folds.
        seed: Seed of the split.
        orientation: Directions in which columns and rows of pictures run, such as ``LA``; None for those of no patient.
        window_hu: HU that became the least and the greatest grey value of pictures of windowed CT; None where the
            pictures are none, or that is not known.
        labels: Kind of label that counts where there are several.
        series: Which DICOM series of a folder.
        spacing_mm: Voxel size to which volumes are resampled; None keeps their own.
        file: For NIfTI, NRRD and MetaImage files that contradict themselves.
        dicom: For DICOM series that are no plain volume; its plane is that of the slices for every format.

    Raises:
        UsageError: If a value breaks its rule.
    """

    name: str
    layout: str = AUTO
    foreground: tuple[str, ...] | None = None
    modality: str | None = None
    foreground_name: str | None = None
    groups: str | None = None
    split: SplitMethod | None = None
    folds: int = 5
    seed: int = 0
    orientation: str | None = None
    window_hu: tuple[float, float] | None = None
    labels: LabelKind = "auto"
    series: str = "only"
    spacing_mm: tuple[float, float, float] | None = None
    file: FileChoices = field(default_factory=FileChoices)
    dicom: Choices = field(default_factory=Choices)

    def __post_init__(self) -> None:
        """Check every value."""
        if not _PLAIN_NAME.fullmatch(self.name):
            raise UsageError(f"--name must be letters, digits, '.', '_' or '-', got {self.name!r}; give a --name")
        if self.modality is not None:
            object.__setattr__(self, "modality", _modality(self.modality))
        if not self.foreground_label.strip() or self.foreground_label == "background":
            raise UsageError(f"--foreground-name must be a name other than background, got {self.foreground_label!r}")
        if self.split is not None and self.split not in get_args(SplitMethod):
            raise UsageError(f"--split must be one of {', '.join(get_args(SplitMethod))}, got {self.split}")
        if self.folds < 2:
            raise UsageError(f"--folds must be at least 2, got {self.folds}")
        if self.seed < 0:
            raise UsageError(f"--seed must be at least 0, got {self.seed}")
        if self.labels not in get_args(LabelKind):
            raise UsageError(f"--labels must be one of {', '.join(get_args(LabelKind))}, got {self.labels}")
        if self.orientation is not None:
            object.__setattr__(self, "orientation", check_orientation(self.orientation))

    @property
    def foreground_label(self) -> str:
        """Name of the foreground."""
        if self.foreground_name is not None:
            return self.foreground_name
        names = [item for item in self.foreground or () if not item.isdecimal()]
        return names[0] if len(names) == len(self.foreground or ()) == 1 else "foreground"

    def find_choices(self, workers: int | None) -> FindChoices:
        """What a layout needs to know."""
        return FindChoices(self.series, self.modality, self.labels, workers or usable_cores())

    def scan_choices(self, modality: str | None) -> ScanChoices:
        """What reading a scan needs to know, of which the layout may know the modality."""
        return ScanChoices(modality=self.modality or modality, file=self.file, dicom=self.dicom)


def _modality(text: str) -> str:
    """A modality without spaces around it; CT in capitals, by which all else tells Hounsfield units."""
    text = text.strip()
    if not text:
        raise UsageError("--modality must not be empty")
    return "CT" if text.upper() == "CT" else text


def parse_foreground(text: str | None) -> tuple[str, ...] | None:
    """Label values and names of ``"1,2"`` or ``"liver,tumor"``.

    Raises:
        UsageError: If one is empty.
    """
    if text is None:
        return None
    items = tuple(dict.fromkeys(item.strip() for item in text.split(",")))
    if not all(items):
        raise UsageError(f"--foreground must be values or names such as 1,2 or liver,tumor, got {text!r}")
    return items


def parse_spacing(text: str | None) -> tuple[float, float, float] | None:
    """Voxel size in mm of ``"1,1,2.5"`` (x, y, z) or ``"1"`` (all three).

    Raises:
        UsageError: If these are not one or three numbers above 0.
    """
    if text is None:
        return None
    try:
        sizes = [float(size) for size in text.split(",")]
    except ValueError:
        sizes = []
    if len(sizes) == 1:
        sizes *= 3
    if len(sizes) != 3 or not all(math.isfinite(size) and size > 0 for size in sizes):
        raise UsageError(f"--spacing must be one or three sizes in mm such as 1 or 1,1,2.5, got {text!r}")
    return sizes[0], sizes[1], sizes[2]


def parse_window_hu(text: str | None) -> tuple[float, float] | None:
    """Least and greatest HU of ``"-100,400"``.

    Raises:
        UsageError: If these are not two numbers, the lower first.
    """
    if text is None:
        return None
    try:
        bounds = [float(bound) for bound in text.split(",")]
    except ValueError:
        bounds = []
    if len(bounds) != 2 or not all(map(math.isfinite, bounds)) or bounds[0] >= bounds[1]:
        raise UsageError(f"--window-hu must be two HU, the lower first, such as -100,400, got {text!r}")
    return bounds[0], bounds[1]
