"""Predicted masks of many cases in one file, as bits."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.errors import MedsegError
from medseg.io.atomic import atomic_path

__all__ = ["load_mask", "load_masks", "save_masks"]


def save_masks(path: Path, masks: Mapping[str, NDArray[np.bool_]] | Iterable[tuple[str, NDArray[np.bool_]]]) -> None:
    """Write masks, atomically, in NumPy's ``.npz``; each entry holds a case's shape and bits.

    Args:
        path: File to write.
        masks: ``(x, y, z)`` by case. Of pairs only one mask is held at a time.
    """
    with atomic_path(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for case, mask in masks.items() if isinstance(masks, Mapping) else masks:
            with archive.open(f"{case}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, _packed(mask), allow_pickle=False)


def load_masks(path: Path) -> dict[str, NDArray[np.bool_]]:
    """Read what :func:`save_masks` wrote.

    Raises:
        MedsegError: If the file is missing or damaged.
    """
    with _opened(path) as archive:
        return {case: _read(path, archive, case) for case in archive.files}


def load_mask(path: Path, case: str) -> NDArray[np.bool_]:
    """Read one case's mask, ``(x, y, z)``.

    Raises:
        MedsegError: If the file is missing or damaged, or does not hold the case.
    """
    with _opened(path) as archive:
        return _read(path, archive, case)


def _packed(mask: NDArray[np.bool_]) -> NDArray[np.void]:
    bits = np.packbits(mask)
    entry = np.zeros((), dtype=[("shape", "<i8", (mask.ndim,)), ("bits", "u1", bits.shape)])
    entry["shape"], entry["bits"] = mask.shape, bits
    return entry


def _opened(path: Path) -> np.lib.npyio.NpzFile:
    try:
        archive = np.load(path, allow_pickle=False)
    except (EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise MedsegError(f"{path}: must be the masks of a training, got {error}; train again") from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise MedsegError(f"{path}: must be the masks of a training, got a single array; train again")
    return archive


def _read(path: Path, archive: np.lib.npyio.NpzFile, case: str) -> NDArray[np.bool_]:
    try:
        entry = archive[case]
        shape = tuple(int(side) for side in entry["shape"])
        return np.unpackbits(entry["bits"], count=int(np.prod(shape))).astype(np.bool_).reshape(shape)
    except (KeyError, IndexError, OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise MedsegError(f"{path}: must hold the mask of {case}, got {error}; train again") from error
