"""Values of a mask to 0 and 1."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["binarise", "distinct"]

_NEAR = 24  # JPEG at usual qualities moves 0 and 255 by less than this


def binarise(values: NDArray[Any], foreground: Collection[int] | None = None) -> NDArray[np.uint8]:
    """Turn a mask's values into 0 (background) and 1 (foreground).

    Args:
        values: Integers of any shape.
        foreground: Values that are foreground; None demands 0 and 1, or 0 and 255.

    Returns:
        uint8 of the same shape.

    Raises:
        ValueError: If no ``foreground`` is given and there are other values.
    """
    if foreground is not None:
        return np.isin(values, list(foreground)).astype(np.uint8)
    found = distinct(values)
    if not (set(found) <= {0, 1} or set(found) <= {0, 255}):
        raise ValueError(f"mask values must be 0 and 1, or 0 and 255, got {_describe(found)}; {_way_out(found)}")
    label: NDArray[np.uint8] = (values != 0).astype(np.uint8)
    return label


def distinct(values: NDArray[Any]) -> list[int]:
    """Different values of a mask, rising; of the usual 8 and 16 bits in one pass, without sorting."""
    if values.dtype in (np.uint8, np.uint16):
        return [int(value) for value in np.flatnonzero(np.bincount(values.ravel(order="K")))]
    return [int(value) for value in np.unique(values)]


def _describe(found: list[int]) -> str:
    few = ", ".join(str(value) for value in found[:6])
    return few if len(found) <= 6 else f"{few}, ... {found[-1]} ({len(found)} values)"


def _way_out(found: list[int]) -> str:
    choice = "choose those that are foreground with --foreground"
    if len(found) > 2 and found[-1] > _NEAR and all(min(value, abs(value - 255)) <= _NEAR for value in found):
        return f"it looks like 0 and 255 blurred by JPEG, so save masks as PNG, or {choice}"
    return choice
