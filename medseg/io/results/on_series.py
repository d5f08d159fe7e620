"""What every DICOM object that is about a series has in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from medseg.errors import MedsegError
from medseg.io.dicom.header import Header
from medseg.io.results.source_series import SourceSeries

__all__ = ["RGB", "check_mask", "reference", "references", "result_number"]

RGB = (255, 160, 0)
"""Colour in which viewers should show a mask."""

_MOST = 2**31 - 1


def check_mask(mask_xyz: NDArray[np.uint8], source: SourceSeries) -> None:
    """Refuse a mask that does not lie on the series.

    Raises:
        MedsegError: If it is not of its size.
        ValueError: If it has values other than 0 and 1.
    """
    if mask_xyz.shape != source.shape:
        raise MedsegError(
            f"{source.headers[0].path.parent}: mask must have the size of its series, {source.shape}, got"
            f" {mask_xyz.shape}; predict on the series' own slices"
        )
    if mask_xyz.max(initial=0) > 1 or mask_xyz.min(initial=0) < 0:
        raise ValueError(f"mask must be of 0 and 1, got {mask_xyz.min()} to {mask_xyz.max()}")


def references(source: SourceSeries) -> list[Dataset]:
    """References to the series' images, each once although it may have several frames."""
    images = {header.sop_uid: header for header in source.headers}
    return [_image(header) for header in images.values()]


def reference(header: Header) -> Dataset:
    """Reference to a slice: an image, or a frame of one."""
    item = _image(header)
    if header.frames > 1:
        item.ReferencedFrameNumber = header.frame + 1
    return item


def _image(header: Header) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = header.sop_class
    item.ReferencedSOPInstanceUID = header.sop_uid
    return item


def result_number(source: SourceSeries, kind: int) -> int:
    """Series number (0020,0011) of a result, which tells its source's: 401 and 402 for series 4."""
    number = 100 * max(source.headers[0].series_number or 0, 0) + kind
    return number if number <= _MOST else kind
