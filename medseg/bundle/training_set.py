"""What the cases were like that a network learnt from, against which a scan to predict is compared."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from statistics import median
from typing import Any

from medseg.manifest import Case, Fold, Manifest, read_slices

__all__ = ["training_set"]


def training_set(manifest: Manifest, fold: Fold) -> dict[str, Any]:
    """Sizes, spacings, values and foregrounds of the training cases, as JSON types.

    Args:
        manifest: The data set.
        fold: Its ``train`` counts; validation cases do not.

    Returns:
        ``cases``; ``shape_min``, ``shape_max``, ``spacing_mm_min`` and ``spacing_mm_max`` along x, y and z, spacings
        None of pictures; ``intensity`` of the whole data set, in HU where the modality is CT; ``foreground_ml`` of a
        case where spacings are known, else ``foreground_px2`` of a slice image, each ``min``, ``median`` and ``max``
        over those that have foreground, None where none has; ``without_foreground`` counts the others.
    """
    cases = [manifest.case(name) for name in fold.train]
    spacings = [case.spacing_mm for case in cases if case.spacing_mm is not None]
    volumes = _volumes_ml(cases) if spacings else None
    areas = None if spacings else _areas_px2(manifest, fold)
    sizes = areas if volumes is None else volumes
    return {
        "cases": len(cases),
        **_range("shape", [case.shape for case in cases]),
        **_range("spacing_mm", spacings),
        "intensity": {
            name: getattr(manifest.intensity, name)
            for name in ("dtype", "min", "max", "percentile_0_5", "percentile_99_5")
        },
        "foreground_ml": _spread(volumes),
        "foreground_px2": _spread(areas),
        "without_foreground": sum(size == 0 for size in sizes or ()),
    }


def _volumes_ml(cases: Sequence[Case]) -> list[float]:
    return [
        case.foreground_px * prod(case.spacing_mm) / 1000
        for case in cases
        if case.foreground_px is not None and case.spacing_mm is not None
    ]


def _areas_px2(manifest: Manifest, fold: Fold) -> list[float]:
    train = set(fold.train)
    return [
        row.foreground_px for row in read_slices(manifest.root) if row.case in train and row.foreground_px is not None
    ]


def _range(name: str, sizes: Sequence[Sequence[float]]) -> dict[str, list[float] | None]:
    """Least and largest along each axis; None without any."""
    axes = list(zip(*sizes, strict=True))
    return {f"{name}_{end.__name__}": [end(axis) for axis in axes] or None for end in (min, max)}


def _spread(sizes: Sequence[float] | None) -> dict[str, float] | None:
    found = [size for size in sizes or () if size > 0]
    return {"min": min(found), "median": median(found), "max": max(found)} if found else None
