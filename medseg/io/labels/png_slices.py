"""A PNG mask a slice beside a DICOM series, as in CHAOS's ``Ground``.

The masks say nothing of geometry: CHAOS pairs the n-th mask with the n-th DICOM file, both in the order of their names,
whichever way the slices run. Each mask is put on the slice of its file; rows and columns are the image's. So that an
order of names is one of places, names must be in the same order by letters as by the numbers in them, and the files in
the order of the slices or its reverse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.images import read_mask
from medseg.io.labels.choose import LabelMask, choose_classes, distinct_values, mask_of, named
from medseg.io.volume import Volume

__all__ = ["read_png_slices"]


def read_png_slices(
    paths: Sequence[Path], slice_files: Sequence[Path], image: Volume, foreground: Sequence[str] | None = None
) -> LabelMask:
    """Read masks onto their image's grid.

    Args:
        paths: Masks.
        slice_files: The image's files in the order of its slices.
        image: The series, on its own grid.
        foreground: Mask values; None where there is one beside 0.

    Raises:
        MedsegError: If a mask is damaged or no grey picture.
        SourceError: If numbers or sizes differ, names give no order, or a choice is needed.
    """
    where = paths[0].parent if paths else "masks"
    slices = image.voxels.shape[2]
    if not len(paths) == len(slice_files) == slices:
        raise SourceError(
            where, f"masks must be as many as the slices, {slices} in {len(slice_files)} files, got {len(paths)}"
        )
    order = _by_name(slice_files)
    if order not in (sorted(order), sorted(order, reverse=True)):
        raise SourceError(
            slice_files[0].parent,
            "files must be in the order of their slices by name, got another, so that masks cannot be paired by it;"
            " save the masks as one NIfTI file",
        )
    label = np.zeros_like(image.voxels, dtype=np.uint16)
    for mask_index, slice_index in zip(_by_name(paths), order, strict=True):
        label[..., slice_index] = _read(paths[mask_index], image.voxels.shape[:2])
    classes = named(distinct_values(where, label), {})
    chosen, absent = choose_classes(where, classes, foreground)
    return LabelMask(mask_of(label, chosen), classes, absent)


def _by_name(paths: Sequence[Path]) -> list[int]:
    """Indices in the order of the names."""
    order = sorted(range(len(paths)), key=lambda index: paths[index].name)
    if order != sorted(range(len(paths)), key=lambda index: _numbers(paths[index].name)):
        raise SourceError(
            paths[0].parent,
            "numbers in file names must order them as letters do, got numbers of different length; fill them up with"
            " zeros (2 becomes 002)",
        )
    return order


def _numbers(name: str) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"[0-9]+", name)], name


def _read(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    mask = read_mask(path)
    if mask.shape != shape:
        ours, theirs = ("{} x {}".format(*sizes) for sizes in (shape, mask.shape))
        raise SourceError(path, f"mask must have the size of its slice, {ours}, got {theirs}")
    # Refuses what the label's type cannot hold.
    distinct_values(path, mask)
    return mask
