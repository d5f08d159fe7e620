"""A NIfTI file of any source becomes a :class:`Volume`, or an error that says why not."""

from __future__ import annotations

from pathlib import Path

from medseg.io.affine import odd_spacing
from medseg.io.file_choices import FileChoices
from medseg.io.nifti_geometry import nifti_geometry
from medseg.io.nifti_header import read_nifti_header
from medseg.io.stored import read_stored
from medseg.io.values import exact_values
from medseg.io.volume import Volume

__all__ = ["read_nifti_volume"]


def read_nifti_volume(path: Path | str, *, modality: str | None = None, choices: FileChoices | None = None) -> Volume:
    """Read a NIfTI scan or label map on its own grid.

    Memory is that of the voxels as stored and as returned; it is bounded by the file's length before anything is
    allocated (:mod:`medseg.io.stored`).

    Args:
        path: ``.nii``, ``.nii.gz``, or either file of a ``.hdr`` and ``.img`` pair; whether it is compressed, its
            content says.
        modality: What the scan is, such as ``CT``; NIfTI does not say.
        choices: What to do where the file contradicts itself; by default it is refused.

    Returns:
        ``(x, y, z)`` in uint8, uint16, int16 or float32 (:func:`medseg.io.values.exact_values`), rescaled.

    Raises:
        SourceError: If the file is damaged, contradicts itself, has no geometry, or is no single grey volume.
    """
    path, choices = Path(path), choices or FileChoices()
    header = read_nifti_header(path)
    geometry = nifti_geometry(path, header.fields, header.stored.shape, choices.trust_affine)
    values = exact_values(
        path,
        read_stored(header.stored),
        slope=header.slope,
        inter=header.inter,
        modality=modality,
        nonfinite=choices.nonfinite,
    )
    return Volume(
        voxels=values.voxels,
        affine_mm=geometry.affine_mm,
        modality=modality,
        warnings=(*geometry.warnings, *odd_spacing(geometry.affine_mm), *values.warnings),
        decisions=(*geometry.decisions, *values.decisions),
    )
