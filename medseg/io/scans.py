"""One entry for every kind of scan: NIfTI, NRRD, MetaImage, and DICOM files and folders; content decides, not names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from medseg.errors import SourceError
from medseg.io.dicom.choices import Choices
from medseg.io.file_choices import FileChoices
from medseg.io.itk_volume import ITK_SUFFIXES, is_itk_head, read_itk_volume
from medseg.io.nifti_header import HEAD_BYTES, is_nifti_head
from medseg.io.nifti_volume import read_nifti_volume
from medseg.io.orient import plane_warning
from medseg.io.stored import read_head
from medseg.io.volume import Volume

__all__ = ["VOLUME_SUFFIXES", "ScanChoices", "is_volume_file", "read_scan"]

VOLUME_SUFFIXES = (".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz", *ITK_SUFFIXES)
"""Ends of the names of volume files; ``.img`` is the second file of a pair, and data files of other pairs have any."""


@dataclass(frozen=True)
class ScanChoices:
    """Choices for every kind of scan.

    Attributes:
        modality: ``--modality``: what a scan is whose format does not say, such as ``CT``.
        series: ``--series``: which series of a DICOM folder: ``only``, ``largest`` or a UID.
        file: For NIfTI, NRRD and MetaImage.
        dicom: For DICOM; its plane is that of the slices for every format.
    """

    modality: str | None = None
    series: str = "only"
    file: FileChoices = field(default_factory=FileChoices)
    dicom: Choices = field(default_factory=Choices)


def read_scan(path: Path | str, choices: ScanChoices | None = None) -> Volume:
    """Read a scan on its own grid, exactly, or refuse it.

    Args:
        path: Volume file, DICOM file, or folder with one DICOM series.
        choices: What to do where a rule is broken; by default the scan is refused.

    Raises:
        SourceError: If the scan is missing, damaged or contradicts itself.
        UsageError: If a choice does not fit.
    """
    path, choices = Path(path), choices or ScanChoices()
    reader = _reader_of(path)
    if reader is None:
        from medseg.io.dicom.reader import read_dicom

        return read_dicom(path, choices.series, choices.dicom)
    volume = reader(path, modality=choices.modality, choices=choices.file)
    odd = plane_warning(volume.affine_mm, volume.voxels.shape, choices.dicom.plane)
    return replace(volume, warnings=(*volume.warnings, *odd))


def is_volume_file(path: Path) -> bool:
    """Whether the name is that of a NIfTI, NRRD or MetaImage file."""
    return path.name.lower().endswith(VOLUME_SUFFIXES)


def _reader_of(path: Path) -> Callable[..., Volume] | None:
    """The reader of a volume file; None for DICOM, whose files need not have a name or a mark of their own."""
    if path.is_dir():
        return None
    if not path.is_file():
        raise SourceError(path, "must be a file or folder, got none")
    head = read_head(path, HEAD_BYTES)
    if is_nifti_head(head):
        return read_nifti_volume
    if is_itk_head(head):
        return read_itk_volume
    # A damaged file is told of by the reader of its name; an .img file has no header of its own.
    if not is_volume_file(path):
        return None
    return read_itk_volume if path.name.lower().endswith(ITK_SUFFIXES) else read_nifti_volume
