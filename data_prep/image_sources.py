"""Where a case's image comes from, and how it is read; every source is small and goes to a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from medseg.errors import SourceError
from medseg.io.affine import image_affine
from medseg.io.dicom import Regrid, Series, read_acquired
from medseg.io.dicom.checks import check_series
from medseg.io.images import read_grey
from medseg.io.scans import ScanChoices, read_scan
from medseg.io.volume import Volume

__all__ = ["Acquired", "DicomSeries", "ImageSource", "Picture", "Refused", "ScanFile"]


@dataclass(frozen=True, eq=False)
class Acquired:
    """An image as it was acquired.

    Attributes:
        volume: On the scanner's own grid, on which labels lie.
        regrid: What puts image and label on the grid that was chosen; None where that is this one.
        placed: Whether the affine says where the voxels are; pictures have none.
    """

    volume: Volume
    regrid: Regrid | None = None
    placed: bool = True


class ImageSource(Protocol):
    """A scan or image."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Its files."""
        ...

    def read(self, choices: ScanChoices, orientation: str | None) -> Acquired:
        """Read it.

        Args:
            choices: For scans.
            orientation: Where columns and rows of pictures run, such as ``LA``; None where they show no patient.

        Raises:
            MedsegError: If it is damaged or breaks a rule.
        """
        ...


@dataclass(frozen=True)
class Picture:
    """PNG, TIFF, JPEG or BMP, or a page of a TIFF."""

    path: Path
    page: int | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def read(self, choices: ScanChoices, orientation: str | None) -> Acquired:
        """As :meth:`ImageSource.read`; ``(x, y, 1)``."""
        return Acquired(Volume(read_grey(self.path, page=self.page)[..., None], image_affine(orientation)), None, False)


@dataclass(frozen=True)
class ScanFile:
    """NIfTI, NRRD or MetaImage."""

    path: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file; the second file of a pair is found by its header."""
        return (self.path,)

    def read(self, choices: ScanChoices, orientation: str | None) -> Acquired:
        """As :meth:`ImageSource.read`."""
        return Acquired(read_scan(self.path, choices))


@dataclass(frozen=True)
class DicomSeries:
    """A DICOM series, by its headers."""

    series: Series

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files of all its images, each once."""
        return tuple(dict.fromkeys(header.path for header in self.series.headers))

    def slice_files(self, choices: ScanChoices) -> tuple[Path, ...]:
        """The file of each slice that :meth:`read` gives, in their order."""
        return tuple(header.path for header in check_series(self.series, choices.dicom).headers)

    def read(self, choices: ScanChoices, orientation: str | None) -> Acquired:
        """As :meth:`ImageSource.read`."""
        return Acquired(*read_acquired(self.series, choices.dicom))


@dataclass(frozen=True)
class Refused:
    """What a layout already knows to be no image, such as a folder with two series.

    Attributes:
        where: File or series, for the terminal.
        fault: As for :class:`medseg.errors.SourceError`.
        paths: Its files.
    """

    where: str
    fault: str
    paths: tuple[Path, ...] = ()

    def read(self, choices: ScanChoices, orientation: str | None) -> NoReturn:
        """Refuse.

        Raises:
            SourceError: Always.
        """
        raise SourceError(self.where, self.fault)
