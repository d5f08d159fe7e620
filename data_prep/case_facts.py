"""What is known of a prepared case: all that tables, provenance and report need, without its voxels."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

__all__ = ["CaseFacts"]


@dataclass(frozen=True)
class CaseFacts:
    """Facts about a prepared case; nothing in it is a text of the source.

    Attributes:
        ordinal: Place among the source's cases, from 0.
        shape: Voxels along x, y and z, as prepared.
        dtype: NumPy name of the image's type.
        modality: ``CT``, ``MR`` and so on; None where the format does not say.
        spacing_mm: Along x, y and z; None for pictures.
        source_shape: Voxels along the source's own axes.
        source_axes: Directions in which the source's own axes run, such as ``LPS``; empty for pictures.
        sha256: :func:`medseg.manifest.case_hash` of image and label.
        image_sha256: Hash of the image's voxels alone.
        foreground_px: Foreground voxels of each slice; None without a label.
        mean_foreground: Mean of the image over the foreground; None without foreground.
        values: Different values of the image, ascending; of floating-point images, one a bin (:mod:`intensity`).
        counts: How often each occurs.
        total: Sum of all values, and of their squares.
        label_values: Values of the label that are not background, chosen or not; empty without a label.
        absent: Indices of ``--foreground`` items that this label has no voxel of.
        unknown: Indices of ``--foreground`` items that this label has no class of.
        warnings: What is odd.
        decisions: What was changed by choice.
    """

    ordinal: int
    shape: tuple[int, int, int]
    dtype: str
    modality: str | None
    spacing_mm: tuple[float, float, float] | None
    source_shape: tuple[int, ...]
    source_axes: str
    sha256: str
    image_sha256: str
    foreground_px: tuple[int, ...] | None
    mean_foreground: float | None
    values: tuple[float, ...]
    counts: tuple[int, ...]
    total: tuple[float, float]
    label_values: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return prod(self.shape)

    @property
    def foreground_ml(self) -> float | None:
        """Volume of the foreground in mL; None without label or spacing."""
        if self.foreground_px is None or self.spacing_mm is None:
            return None
        return sum(self.foreground_px) * prod(self.spacing_mm) / 1000
