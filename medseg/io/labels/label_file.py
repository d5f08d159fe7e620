"""Label maps in NIfTI, NRRD and MetaImage files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from medseg.errors import SourceError
from medseg.io.grids import label_on_image_grid
from medseg.io.labels.choose import LabelMask, choose_classes, distinct_values, mask_of, named
from medseg.io.scans import ScanChoices, read_scan
from medseg.io.volume import Volume

__all__ = ["read_label_file"]

_MOST_VALUES = 256


def read_label_file(
    path: Path,
    image: Volume,
    foreground: Sequence[str] | None = None,
    *,
    names: Mapping[int, str] | None = None,
    choices: ScanChoices | None = None,
) -> LabelMask:
    """Read a label map onto its image's grid.

    Args:
        path: Label map; 0 is background.
        image: The scan that it labels.
        foreground: Values, or names in ``names``; None where there is one class.
        names: What values mean, where the layout knows; classes that this label map has no voxel of count, too.
        choices: As for a scan.

    Raises:
        SourceError: If the file is damaged, stands on another grid, has fractions, negative or too many values, or
            needs a choice.
    """
    label = label_on_image_grid(path, image, read_scan(path, choices))
    values = distinct_values(path, label.voxels)
    if len(values) > _MOST_VALUES:
        raise SourceError(
            path, f"label must hold at most {_MOST_VALUES} values, got {len(values)}; is it a scan, not a label?"
        )
    classes = named([*values, *(names or {})], names or {})
    chosen, absent = choose_classes(path, classes, foreground, present=values)
    return LabelMask(mask_of(label.voxels, chosen), classes, absent, label.warnings)
