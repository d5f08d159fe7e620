"""One source case's image and label, and what is odd about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.masks import binarise, distinct
from data_prep.options import Options
from data_prep.orientation import to_ras
from data_prep.sources import SourceCase
from medseg.errors import MedsegError
from medseg.io.images import read_grey, read_mask

__all__ = ["Pixels", "read_case"]


@dataclass(frozen=True)
class Pixels:
    """A case as it is going to be stored.

    Attributes:
        image: ``(x, y, 1)``.
        label: ``(x, y, 1)`` of 0 and 1.
        mask_values: Values that the masks held.
        overlap_px: Pixels that belong to more than one mask.
    """

    image: NDArray[Any]
    label: NDArray[np.uint8]
    mask_values: frozenset[int]
    overlap_px: int


def read_case(case: SourceCase, options: Options) -> Pixels:
    """Read, check and orient a case.

    Raises:
        MedsegError: If a file is damaged, sizes differ, or mask values need a choice.
    """
    image = read_grey(case.image, page=case.page)
    page = "" if case.page is None else f" page {case.page} (counted from 0)"
    covered = np.zeros(image.shape, dtype=np.uint16)
    values: set[int] = set()
    for path in case.masks:
        mask = read_mask(path, page=case.page)
        if mask.shape != image.shape:
            raise MedsegError(
                f"{path}{page}: mask must have the size of its image {case.image.name}, {_size(image)},"
                f" got {_size(mask)}"
            )
        try:
            covered += binarise(mask, options.foreground)
        except MedsegError as error:
            raise MedsegError(f"{path}{page}: {error}") from error
        values |= set(distinct(mask))
    label = (covered > 0).astype(np.uint8)
    if options.orientation is not None:
        image, label = to_ras(image, options.orientation), to_ras(label, options.orientation)
    return Pixels(image[..., None], label[..., None], frozenset(values), int((covered > 1).sum()))


def _size(image: NDArray[Any]) -> str:
    return f"{image.shape[0]} x {image.shape[1]}"
