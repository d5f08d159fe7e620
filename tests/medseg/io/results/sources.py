"""Series for results to lie on, and masks that are hard to outline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.io.dicom import Choices, Header, check_series, group_series, read_headers, read_series
from medseg.io.results import Algorithm, SourceSeries, read_source_series
from medseg.io.volume import Volume
from tests.medseg.io.dicom.writer import AXIAL
from tests.medseg.io.labels.series_files import CORONAL, NEGATED, OBLIQUE, write_ct

ALGORITHM = Algorithm("unet", "0.1.0")
SIZE = (11, 9, 6)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
TWISTED = (0.9659258, 0.2588190, 0.0, -0.2241439, 0.8365163, 0.5)
ORIENTATIONS = {
    **{"axial": AXIAL, "coronal": CORONAL, "sagittal": SAGITTAL},
    **{"oblique": OBLIQUE, "twisted": TWISTED, "negated": NEGATED},
}


@dataclass(frozen=True, eq=False)
class Written:
    """A series on disk, as intake reads it and as results refer to it."""

    folder: Path
    image: Volume
    source: SourceSeries


def headers_of(folder: Path) -> tuple[Header, ...]:
    """Of a folder's only series, in slice order."""
    (series,) = group_series(read_headers(folder).headers)
    return check_series(series, Choices(plane="source")).headers


def written(folder: Path, size: tuple[int, int, int] = SIZE, **options: Any) -> Written:
    """A CT series whose files are named in another order than its slices'."""
    shuffled = np.random.default_rng(1).permutation(size[2]).tolist()
    write_ct(folder, size, name=lambda z: f"{shuffled[z]:03d}.dcm", **{"each": _instance(shuffled), **options})
    (series,) = group_series(read_headers(folder).headers)
    image = read_series(series, Choices(plane="source"))
    return Written(folder, image, read_source_series(headers_of(folder)))


def _instance(order: Sequence[int]) -> Any:
    return lambda z: {"instance": order[z] + 1}


def hard_mask(size: tuple[int, int, int] = SIZE) -> NDArray[np.uint8]:
    """Slices at least 11 x 9 pixels: a hole with an island, parts that touch at corners, bridges, a border, nothing."""
    mask = np.zeros(size, np.uint8)
    # A ring with an island in it, and a second hole to its right.
    mask[1:10, 1:8, 0] = 1
    mask[2:7, 2:7, 0] = 0
    mask[4, 4, 0] = 1
    mask[8, 5, 0] = 0
    # A staircase of pixels that touch at their corners, and holes that do.
    mask[range(5), range(5), 1] = 1
    mask[6:11, 3:9, 1] = 1
    mask[(7, 8, 8), (4, 5, 7), 1] = 0
    # Two blocks joined by a bridge of one pixel's width; single pixels in the image's corners.
    mask[1:4, 2:6, 2] = mask[7:10, 3:7, 2] = 1
    mask[4:7, 4, 2] = 1
    mask[(0, 0, -1, -1), (0, -1, 0, -1), 2] = 1
    # The whole slice with a hole; then an empty one.
    mask[..., 3] = 1
    mask[5, 4, 3] = 0
    mask[2:5, 3, 5] = 1
    return mask
