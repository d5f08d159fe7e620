"""NRRD and MetaImage files become a :class:`Volume`, or an error that says why not.

SimpleITK reads both, but fills geometry that is missing by the identity, takes files with too many bytes, and MetaIO
can crash: of 5,000 MetaImage files with a few bytes changed, 7 ended the process (SimpleITK 2.5.7). Headers are short
texts and voxels are raw or deflated, so they are read here, strictly; tests hold the results against SimpleITK's.
"""

from __future__ import annotations

from pathlib import Path

from medseg.errors import SourceError
from medseg.io.affine import check_affine, odd_spacing
from medseg.io.file_choices import FileChoices
from medseg.io.metaimage import is_metaimage_head, read_metaimage_header
from medseg.io.nrrd import MAGIC, read_nrrd_header
from medseg.io.stored import read_head, read_stored
from medseg.io.values import exact_values
from medseg.io.volume import Volume

__all__ = ["ITK_SUFFIXES", "is_itk_head", "read_itk_volume"]

ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")

_HEAD_BYTES = 512


def is_itk_head(head: bytes) -> bool:
    """Whether a file's first bytes are those of a NRRD or MetaImage header."""
    return head.startswith(MAGIC) or is_metaimage_head(head)


def read_itk_volume(path: Path | str, *, modality: str | None = None, choices: FileChoices | None = None) -> Volume:
    """Read a NRRD or MetaImage scan or label map on its own grid.

    Memory is that of the voxels as stored and as returned; it is bounded by the file's length before anything is
    allocated (:mod:`medseg.io.stored`).

    Args:
        path: ``.nrrd``, ``.nhdr``, ``.mha`` or ``.mhd``; which it is, is seen from its content.
        modality: What the scan is, such as ``CT``; the files do not say.
        choices: What to do about voxels without a value; by default these are refused.

    Returns:
        ``(x, y, z)`` in uint8, uint16, int16 or float32 (:func:`medseg.io.values.exact_values`).

    Raises:
        SourceError: If the file is damaged, has no geometry, or is no single grey volume.
    """
    path, choices = Path(path), choices or FileChoices()
    if not path.is_file():
        raise SourceError(path, "must be a file, got none")
    head = read_head(path, _HEAD_BYTES)
    if head.startswith(MAGIC):
        (stored, affine), name = read_nrrd_header(path), "space directions"
    elif is_metaimage_head(head):
        (stored, affine), name = read_metaimage_header(path), "TransformMatrix"
    else:
        raise SourceError(path, "must be a NRRD or MetaImage file, got another kind; it is damaged or misnamed")
    check_affine(path, affine, stored.shape, name)
    values = exact_values(path, read_stored(stored), modality=modality, nonfinite=choices.nonfinite)
    warnings = (*odd_spacing(affine), *values.warnings)
    return Volume(values.voxels, affine, modality, warnings, values.decisions)
