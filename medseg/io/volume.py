"""A scan or label map in memory, on its source's own grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Volume"]


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels and where they lie.

    Attributes:
        voxels: ``(x, y, z)`` as stored; for DICOM x = column index, y = row index, z = slice along the normal.
        affine_mm: 4 x 4 float64, voxel indices to RAS+ mm.
        modality: ``CT``, ``MR`` and so on; None where the format does not say.
        warnings: What is odd, without names of the source.
        decisions: What was changed by a person's choice, without names of the source.
    """

    voxels: NDArray[Any]
    affine_mm: NDArray[np.float64]
    modality: str | None = None
    warnings: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
