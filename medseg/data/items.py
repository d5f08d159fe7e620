"""What a loader iterates over: slices of a prepared data set."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from medseg.errors import UsageError
from medseg.manifest import Manifest, read_manifest, read_slices

__all__ = ["default_window", "shows_patients", "slice_items"]

LIVER_WINDOW_HU = (-160.0, 240.0)


def slice_items(
    dataset_dir: str,
    *,
    fold: int,
    section: Literal["train", "val"],
    empty_slices: float = 1.0,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """List the slices of one side of a fold.

    Args:
        dataset_dir: Prepared data set.
        fold: Index into ``splits_final.json``.
        section: ``train`` or ``val``.
        empty_slices: Share in [0, 1] of the slices without foreground that is kept; drawn with ``seed``. Scores need
            all of them, so use it for training only.
        seed: Seed of that draw.

    Returns:
        One dictionary a slice: ``image`` and ``label`` (paths), ``case``, ``slice``.

    Raises:
        UsageError: If the folder is no prepared data set, there is no such fold, a side of it is empty, or
            ``empty_slices`` is outside its range.
    """
    if not 0.0 <= empty_slices <= 1.0:
        raise UsageError(f"empty_slices must be in [0, 1], got {empty_slices}")
    manifest = read_manifest(dataset_dir)
    names = set(manifest.fold(fold).train if section == "train" else manifest.fold(fold).val)
    rng = np.random.default_rng(seed)
    items = []
    for row in read_slices(dataset_dir):
        if row.case not in names:
            continue
        case = manifest.case(row.case)
        if row.foreground_px == 0 and empty_slices < 1.0 and rng.random() >= empty_slices:
            continue
        items.append(
            {
                "image": str(manifest.root / case.image),
                "label": str(manifest.root / case.label),
                "case": case.name,
                "slice": row.slice,
            }
        )
    if not items:
        raise UsageError(f"{dataset_dir}: fold {fold} must have slices to {section} on, got none")
    return items


def default_window(dataset_dir: str) -> tuple[float, float]:
    """Intensities that are mapped to -1 and 1: (-160, 240) HU for CT, the type's range for 8 bits, else percentiles.

    Where ``dataset_dir`` is no prepared data set the range of 8 bits is taken, so that a bundle can be inspected
    without data; training checks the folder before.
    """
    try:
        manifest: Manifest = read_manifest(dataset_dir)
    except UsageError:
        return (0.0, 255.0)
    if manifest.modality == "CT":
        return LIVER_WINDOW_HU
    if manifest.intensity.dtype == "uint8":
        return (0.0, 255.0)
    return (manifest.intensity.percentile_0_5, manifest.intensity.percentile_99_5)


def shows_patients(dataset_dir: str) -> bool:
    """Whether slices show patients, so that x runs to R and y to A; False where there is no prepared data set."""
    try:
        manifest = read_manifest(dataset_dir)
        return manifest.orientation is not None or any(case.spacing_mm is not None for case in manifest.cases)
    except UsageError:
        return False
