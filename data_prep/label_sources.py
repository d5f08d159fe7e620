"""Where a case's label comes from, and how it becomes a mask on its image's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from data_prep.image_sources import Acquired, DicomSeries, ImageSource
from data_prep.masks import binarise, distinct
from medseg.errors import SourceError
from medseg.io.images import read_mask
from medseg.io.labels import (
    LabelClass,
    LabelMask,
    read_label_file,
    read_mask_series,
    read_png_slices,
    read_rtstruct,
    read_seg,
)
from medseg.io.scans import ScanChoices

__all__ = ["DicomLabel", "LabelFile", "LabelSource", "MaskFolders", "PictureMasks", "SlicePictures"]


class LabelSource(Protocol):
    """A label."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Its files."""
        ...

    def read(
        self, source: ImageSource, image: Acquired, foreground: Sequence[str] | None, choices: ScanChoices
    ) -> LabelMask:
        """Read it.

        Args:
            source: Where the image came from.
            image: The image.
            foreground: Values or names; None where there is one class.
            choices: For label maps in scan files.

        Raises:
            MedsegError: If it is damaged, does not lie on its image, or needs a choice.
        """
        ...


@dataclass(frozen=True)
class PictureMasks:
    """Pictures whose union is the label, or a page of a TIFF."""

    paths: tuple[Path, ...]
    page: int | None = None

    def read(
        self, source: ImageSource, image: Acquired, foreground: Sequence[str] | None, choices: ScanChoices
    ) -> LabelMask:
        """As :meth:`LabelSource.read`; without ``foreground`` a mask holds 0 and 1, or 0 and 255."""
        wanted = None if foreground is None else self._values(foreground)
        shape = image.volume.voxels.shape[:2]
        covered = np.zeros(shape, dtype=np.uint16)
        values: set[int] = set()
        for path in self.paths:
            mask = read_mask(path, page=self.page)
            if mask.shape != shape:
                raise SourceError(
                    self._where(path),
                    f"mask must have the size of its image, {_size(shape)}, got {_size(mask.shape)}",
                )
            try:
                covered += binarise(mask, wanted)
            except ValueError as error:
                raise SourceError(self._where(path), str(error)) from error
            values |= set(distinct(mask))
        absent = tuple(str(value) for value in sorted((wanted or frozenset()) - values))
        warnings = ("images whose masks overlap each other",) if (covered > 1).any() else ()
        classes = tuple(LabelClass(value) for value in sorted(values - {0}))
        return LabelMask((covered > 0).astype(np.uint8)[..., None], classes, absent, warnings)

    def _where(self, path: Path) -> str:
        return f"{path}" if self.page is None else f"{path} page {self.page} (counted from 0)"

    def _values(self, foreground: Sequence[str]) -> frozenset[int]:
        names = [text for text in foreground if not text.isdecimal()]
        if names:
            raise SourceError(
                self._where(self.paths[0]), "masks in pictures have values and no names; give --foreground values"
            )
        return frozenset(map(int, foreground))


@dataclass(frozen=True)
class LabelFile:
    """A label map in NIfTI, NRRD or MetaImage.

    Attributes:
        path: File.
        names: What its values mean, where the layout knows.
    """

    path: Path
    names: tuple[tuple[int, str], ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def read(
        self, source: ImageSource, image: Acquired, foreground: Sequence[str] | None, choices: ScanChoices
    ) -> LabelMask:
        """As :meth:`LabelSource.read`."""
        # Labels have no unit, so what the scan is must not change how their numbers are read.
        own = ScanChoices(file=choices.file)
        return read_label_file(self.path, image.volume, foreground, names=dict(self.names), choices=own)


@dataclass(frozen=True)
class SlicePictures:
    """A picture a slice of a DICOM series, paired by the order of names."""

    paths: tuple[Path, ...]

    def read(
        self, source: ImageSource, image: Acquired, foreground: Sequence[str] | None, choices: ScanChoices
    ) -> LabelMask:
        """As :meth:`LabelSource.read`."""
        if not isinstance(source, DicomSeries):
            raise SourceError(self.paths[0].parent, "masks a slice must belong to a DICOM series, got another image")
        return read_png_slices(self.paths, source.slice_files(choices), image.volume, foreground)


@dataclass(frozen=True)
class MaskFolders:
    """A DICOM series of masks for each structure.

    Attributes:
        where: Folder that holds them.
        folders: Name and folder of each structure.
        paths: All files.
    """

    where: Path
    folders: tuple[tuple[str, Path], ...]
    paths: tuple[Path, ...]

    def read(
        self, source: ImageSource, image: Acquired, foreground: Sequence[str] | None, choices: ScanChoices
    ) -> LabelMask:
        """As :meth:`LabelSource.read`."""
        folders = dict(self.folders)
        return read_mask_series(
            self.where, folders, image.volume, foreground, choices=choices.dicom, regrid=image.regrid
        )


@dataclass(frozen=True)
class DicomLabel:
    """A DICOM Segmentation or RT Structure Set.

    Attributes:
        path: File.
        kind: ``seg`` or ``rtstruct``.
    """

    path: Path
    kind: Literal["seg", "rtstruct"]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def read(
        self, source: ImageSource, image: Acquired, foreground: Sequence[str] | None, choices: ScanChoices
    ) -> LabelMask:
        """As :meth:`LabelSource.read`."""
        read = read_seg if self.kind == "seg" else read_rtstruct
        return read(self.path, image.volume, foreground, regrid=image.regrid)


def _size(shape: Sequence[int]) -> str:
    return f"{shape[0]} x {shape[1]}"
