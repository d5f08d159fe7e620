"""A mask as DICOM objects beside the series that it was made of."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.io.dicom import Choices, check_series
from medseg.io.dicom.files import series_of_files
from medseg.io.results.dicom_seg import write_dicom_seg
from medseg.io.results.rtstruct import write_rtstruct
from medseg.io.results.segment import Algorithm, Segment
from medseg.io.results.source_series import SourceSeries, read_source_series
from medseg.once import warn_once

__all__ = ["series_for_results", "write_dicom_results"]

log = logging.getLogger(__name__)


def series_for_results(files: Sequence[Path], choices: Choices | None = None) -> SourceSeries:
    """The series that some files make, if results can refer to it.

    Args:
        files: All of its files, or a folder's only one.
        choices: As the series was read with.

    Raises:
        SourceError: If the files are of no series, or one that cannot be referred to.
    """
    return read_source_series(check_series(series_of_files(files), choices or Choices()).headers)


def write_dicom_results(
    mask_xyz: NDArray[np.uint8],
    source: SourceSeries,
    *,
    segment: Segment | None,
    algorithm: Algorithm,
    seg: Path | None,
    rtstruct: Path | None,
    name: str,
) -> list[Path]:
    """Write a mask as DICOM SEG, RT Structure Set, or both.

    Args:
        mask_xyz: ``(x, y, z)`` of 0 and 1 on the series' grid.
        source: The series.
        segment: What the mask shows; needed for ``seg``.
        algorithm: What made it.
        seg: File of the segmentation; None for none.
        rtstruct: File of the structure set; None for none.
        name: What the structure is called.

    Returns:
        The files.
    """
    for text in source.warnings:
        warn_once(log, f"{source.headers[0].path.parent}: {text}")
    if seg is not None and segment is not None:
        write_dicom_seg(seg, mask_xyz, source, segment=segment, algorithm=algorithm)
    if rtstruct is not None:
        write_rtstruct(rtstruct, mask_xyz, source, name=name, number=1, algorithm=algorithm)
    return [path for path in (seg, rtstruct) if path is not None]
