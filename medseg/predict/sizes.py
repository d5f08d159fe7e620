"""Whether a foreground's size is far from those of the training set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["odd_size"]

_FACTOR = 2


def odd_size(volume_ml: float | None, area_px2: float | None, training: Mapping[str, Any] | None) -> tuple[str, ...]:
    """A flag if a size is below half the least or above twice the largest of the training cases.

    Args:
        volume_ml: Of a scan; None of others.
        area_px2: Of the slice of a picture that has most; None of others.
        training: The weights' ``training_set``; without it nothing is said, nor where it knows sizes of the other kind
            only.
    """
    known = training or {}
    for size, key, what, unit in (
        (volume_ml, "foreground_ml", "volume", "mL"),
        (area_px2, "foreground_px2", "area", "px2"),
    ):
        trained = known.get(key)
        if size is None or trained is None:
            continue
        low, high, told = trained["min"], trained["max"], f"{what} {size:.4g} {unit}"
        if size < low / _FACTOR:
            return (f"{told} is below half the least of the training set ({low:.4g} {unit})",)
        if size > high * _FACTOR:
            return (f"{told} is above twice the largest of the training set ({high:.4g} {unit})",)
    return ()
