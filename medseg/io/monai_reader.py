"""MONAI reader for every kind of scan and for pictures, with the checks of :mod:`medseg.io`.

``LoadImaged(keys, reader=ScanReader(...))`` gives a volume on its source's own grid, or ends with an error that says
why not. DICOM is a folder with one series, or a file; NIfTI, NRRD and MetaImage are known by their content, PNG, TIFF,
JPEG and BMP by their suffix.

``LoadImage`` goes on to its next reader where one fails to *read*, and the next may turn a faulty series into a wrong
volume without a word. So :meth:`ScanReader.read` only hands on the path, and :meth:`ScanReader.get_data`, whose errors
end the pipeline, does the work.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from monai.config import PathLike
from monai.data import ImageReader
from monai.utils import ImageMetaKey, MetaKeys, SpaceKeys, ensure_tuple
from numpy.typing import NDArray

from medseg.errors import SourceError, UsageError
from medseg.io.affine import image_affine
from medseg.io.dicom.choices import Choices
from medseg.io.dicom.files import read_dicom_files
from medseg.io.file_choices import FileChoices, TrustAffine
from medseg.io.grids import grid_difference
from medseg.io.images import SUFFIXES, read_grey
from medseg.io.orient import Plane
from medseg.io.scans import ScanChoices, is_volume_file, read_scan
from medseg.io.volume import Volume
from medseg.meta_keys import DECISIONS, MODALITY, SOURCE_FILES, WARNINGS
from medseg.once import warn_once

__all__ = ["ScanReader", "is_nifti"]

_DICOM_SUFFIXES = frozenset({"", ".dcm", ".dicom", ".ima"})
_AXIS = {"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}

log = logging.getLogger(__name__)


class ScanReader(ImageReader):
    """Read scans and pictures as volumes ``(x, y, z)``, exactly, with an affine to RAS+ mm, or refuse them.

    Warnings are logged, one line a scan and once a process. Where a message names a choice such as ``--tilt resample``
    the argument of that name takes it.

    Args:
        orientation: Directions in which the columns and rows of pictures run, such as ``LP``; None where they show no
            patient. Scans have their own geometry.
        modality: What scans are whose format does not say, such as ``CT``; leave it out where labels are read.
        series: Which series of a DICOM folder: ``only`` demands that there is one, ``largest``, or a UID.
        tilt: ``resample`` undoes the shear of a tilted gantry.
        irregular: ``resample`` puts slices with unequal gaps on a regular grid.
        duplicates: ``first`` takes the first of several images at one position.
        assume_hu: Take CT values without rescale as Hounsfield units.
        plane: Plane in which slices will be cut; a scan acquired in another gets a warning. ``source`` for none.
        trust_affine: Which affine of a NIfTI file counts where they contradict each other.
        nonfinite: Value of voxels in volume files that are NaN or infinite, such as -1024 for air.
        unknown: Nothing; named so that a misspelt choice is an error.

    Raises:
        UsageError: If a choice is unknown or has a value that it cannot have.
    """

    def __init__(
        self,
        orientation: str | None = None,
        *,
        modality: str | None = None,
        series: str = "only",
        tilt: Literal["refuse", "resample"] = "refuse",
        irregular: Literal["refuse", "resample"] = "refuse",
        duplicates: Literal["refuse", "first"] = "refuse",
        assume_hu: bool = False,
        plane: Plane = "axial",
        trust_affine: TrustAffine | None = None,
        nonfinite: float | None = None,
        **unknown: object,
    ) -> None:
        super().__init__()
        if unknown:
            # LoadImage takes a TypeError for a reader without options, and goes on without any of them.
            raise UsageError(
                f"ScanReader must get choices that it has, got {', '.join(unknown)}; see its documentation"
            )
        self.orientation = _checked(orientation)
        self.affine = image_affine(orientation)
        self.choices = ScanChoices(
            modality=modality,
            series=series,
            file=FileChoices(trust_affine, nonfinite),
            dicom=Choices(tilt, irregular, duplicates, assume_hu, plane),
        )

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Whether paths look like scans or pictures: folders, and files named as such or, like much DICOM, not at all.

        ``LoadImage`` asks this only where a reader was registered beside others, not where it was given as ``reader``.
        """
        return all(_looks_like_scan(Path(str(name))) for name in ensure_tuple(filename))

    def read(self, data: Sequence[PathLike] | PathLike, **_kwargs: Any) -> tuple[Path, ...]:
        """The paths to read; :meth:`get_data` reads them."""
        return tuple(Path(str(name)) for name in ensure_tuple(data))

    def get_data(self, img: Sequence[Path]) -> tuple[NDArray[Any], dict[str, Any]]:
        """Voxels with their metadata.

        Args:
            img: One scan, the files of one DICOM series, or several scans on one grid, which become channels.

        Returns:
            ``(x, y, z)``, or ``(channel, x, y, z)`` of several, in uint8, uint16, int16 or float32, and MONAI's
            metadata with those of :mod:`medseg.meta_keys`.

        Raises:
            MedsegError: If a scan is damaged, contradicts itself or needs a choice, or channels stand on several grids.
        """
        if not img:
            raise UsageError("image must be at least one path, got none")
        if len(img) == 1 or all(map(_is_dicom_file, img)):
            volume = self.read_volume(img)
            return volume.voxels, _meta(img, volume, "no_channel")
        first = self.read_volume(img[:1])
        channels = [first, *(self._on_grid_of(first, path) for path in img[1:])]
        joined = replace(
            first,
            modality=", ".join(dict.fromkeys(volume.modality for volume in channels if volume.modality)),
            warnings=tuple(dict.fromkeys(text for volume in channels for text in volume.warnings)),
            decisions=tuple(dict.fromkeys(text for volume in channels for text in volume.decisions)),
        )
        return np.stack([volume.voxels for volume in channels]), _meta(img, joined, 0)

    def read_volume(self, paths: Sequence[Path]) -> Volume:
        """One scan or picture, with the reader's choices.

        Args:
            paths: Its path, or the files of a DICOM series.

        Raises:
            MedsegError: As :meth:`get_data`.
        """
        first = paths[0]
        if first.suffix.lower() in SUFFIXES and not first.is_dir():
            return Volume(read_grey(first)[..., None], self.affine, self.choices.modality)
        if len(paths) == 1:
            volume, where = read_scan(first, self.choices), first
        else:
            volume, where = read_dicom_files(paths, self.choices.dicom), first.parent
        if volume.warnings:
            warn_once(log, f"{where}: {'; '.join(volume.warnings)}")
        return volume

    def _on_grid_of(self, first: Volume, path: Path) -> Volume:
        volume = self.read_volume([path])
        difference = grid_difference(first.voxels.shape, first.affine_mm, volume.voxels.shape, volume.affine_mm)
        if difference:
            raise SourceError(
                path,
                f"channels of an image must stand on one grid, got one that {difference}; give other images apart,"
                " and a DICOM series by its folder",
            )
        return volume


def is_nifti(path: Path) -> bool:
    """Whether the name ends in ``.nii`` or ``.nii.gz``."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def _is_dicom_file(path: Path) -> bool:
    """Whether a file is none of the other kinds, and so DICOM, which has names of every form."""
    return path.is_file() and path.suffix.lower() not in SUFFIXES and not is_volume_file(path)


def _looks_like_scan(path: Path) -> bool:
    # DICOM files are also named by number or UID.
    suffix = path.suffix.lower()
    named = suffix in SUFFIXES or suffix in _DICOM_SUFFIXES or suffix[1:].isdecimal() or is_volume_file(path)
    return named or path.is_dir()


def _checked(orientation: str | None) -> str | None:
    if orientation is None:
        return None
    axes = [_AXIS.get(letter) for letter in orientation]
    if len(axes) != 2 or None in axes or axes[0] == axes[1]:
        raise UsageError(
            "orientation must be two letters of R, L, A, P, S, I along different axes, such as LP for a scanner's usual"
            f" view, got {orientation!r}"
        )
    return orientation


def _meta(paths: Sequence[Path], volume: Volume, channel: int | Literal["no_channel"]) -> dict[str, Any]:
    return {
        str(ImageMetaKey.FILENAME_OR_OBJ): str(paths[0]),
        # Copies, as tensors share their memory.
        str(MetaKeys.AFFINE): volume.affine_mm.copy(),
        str(MetaKeys.ORIGINAL_AFFINE): volume.affine_mm.copy(),
        str(MetaKeys.SPATIAL_SHAPE): np.asarray(volume.voxels.shape),
        str(MetaKeys.SPACE): SpaceKeys.RAS,
        str(MetaKeys.ORIGINAL_CHANNEL_DIM): channel,
        SOURCE_FILES: "\n".join(map(str, paths)),
        MODALITY: volume.modality or "",
        WARNINGS: "; ".join(volume.warnings),
        DECISIONS: "; ".join(volume.decisions),
    }
