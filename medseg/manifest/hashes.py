"""Hashes by which cases and data sets are known, whatever they are called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["VoxelHashes", "case_hash", "fingerprint", "voxel_hashes"]


@dataclass(frozen=True)
class VoxelHashes:
    """SHA-256 of a case.

    Attributes:
        image: Over type, shape and voxels of the image alone.
        case: Over image, label and affine.
    """

    image: str
    case: str


def voxel_hashes(
    image: NDArray[Any], label: NDArray[np.uint8] | None, affine_mm: NDArray[np.float64] | None = None
) -> VoxelHashes:
    """Hash the voxels of a case and where they lie.

    Args:
        image: ``(x, y, z)``.
        label: The same shape; None without a label.
        affine_mm: 4 x 4, voxel indices to RAS+ mm. It counts as NIfTI stores it, in float32; the identity stands for
            none, as in pictures.
    """
    digest = hashlib.sha256()
    _add(digest, image)
    image_hash = digest.hexdigest()
    if label is not None:
        _add(digest, label)
    if affine_mm is not None and not np.array_equal(affine_mm, np.eye(4)):
        digest.update(np.asarray(affine_mm, dtype="<f4")[:3].tobytes())
    return VoxelHashes(image_hash, digest.hexdigest())


def case_hash(
    image: NDArray[Any], label: NDArray[np.uint8] | None, affine_mm: NDArray[np.float64] | None = None
) -> str:
    """SHA-256 over type, shape and voxels of an image ``(x, y, z)`` and its label, and their affine."""
    return voxel_hashes(image, label, affine_mm).case


def _add(digest: Any, volume: NDArray[Any]) -> None:
    """Add voxels in the order in which NIfTI stores them, without a copy where they lie so in memory."""
    digest.update(f"{volume.dtype.name}{volume.shape}".encode())
    little = volume.astype(volume.dtype.newbyteorder("<"), copy=False)
    digest.update(np.ascontiguousarray(little.T).data)


def fingerprint(case_hashes: Iterable[str]) -> str:
    """SHA-256 over the cases' hashes, in sorted order."""
    return hashlib.sha256("".join(sorted(case_hashes)).encode()).hexdigest()
