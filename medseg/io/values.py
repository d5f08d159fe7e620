"""Stored numbers become the values of a volume, in the smallest of a few types that holds them exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError

__all__ = ["Values", "exact_values"]

_KEPT = tuple(np.dtype(name) for name in ("uint8", "uint16", "int16"))
_EXACT_IN_FLOAT32 = 2**24
_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
_SLAB_VOXELS = 2**18


@dataclass(frozen=True, eq=False)
class Values:
    """Voxels with what was odd or chosen on the way.

    Attributes:
        voxels: ``(x, y, z)`` in uint8, uint16, int16 or float32.
        warnings: What is odd.
        decisions: What was changed by choice.
    """

    voxels: NDArray[Any]
    warnings: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()


@dataclass
class _Facts:
    low: float = np.inf
    high: float = -np.inf
    whole: bool = True
    nan: int = 0
    infinite: int = 0


def exact_values(
    where: object,
    stored: NDArray[Any],
    *,
    slope: float = 1.0,
    inter: float = 0.0,
    modality: str | None = None,
    nonfinite: float | None = None,
) -> Values:
    """Rescale stored numbers and choose their type.

    Whole values become int16 for CT, and otherwise keep uint8, uint16 or int16 or get the smallest of these that holds
    them. Values with fractions, and whole values beyond these types, become float32. Rescaling is done in float64, slab
    by slab, so memory is that of the stored and of the returned array.

    Args:
        where: File, for messages.
        stored: ``(x, y, z)`` of any integer or floating type.
        slope: Factor.
        inter: Summand.
        modality: ``CT`` for Hounsfield units.
        nonfinite: Value for voxels that are NaN or infinite; None refuses them.

    Raises:
        SourceError: If voxels are NaN or infinite and no value is given for them, or values fit no type.
    """
    rescale = _Rescale(slope, inter, nonfinite)
    if rescale.is_identity and stored.dtype in _KEPT and (modality != "CT" or stored.dtype == np.int16):
        return Values(stored)
    facts = _survey(stored, rescale)
    decisions = _settle_nonfinite(where, facts, nonfinite)
    dtype = _choose_type(where, facts, stored.dtype, modality)
    voxels = np.empty(stored.shape, dtype=dtype, order="F")
    for part in _slabs(stored.shape):
        voxels[part] = rescale(stored[part])
    return Values(voxels, _odd_ct(facts, dtype) if modality == "CT" else (), decisions)


@dataclass(frozen=True)
class _Rescale:
    slope: float
    inter: float
    nonfinite: float | None

    @property
    def is_identity(self) -> bool:
        return self.slope == 1 and self.inter == 0

    def __call__(self, slab: NDArray[Any]) -> NDArray[Any]:
        """Values, in float64 unless they are the stored numbers themselves."""
        if self.nonfinite is None or not np.issubdtype(slab.dtype, np.floating):
            return slab if self.is_identity else self._scaled(slab)
        finite = np.isfinite(slab)
        return np.where(finite, self._scaled(np.where(finite, slab, 0)), self.nonfinite)

    def _scaled(self, slab: NDArray[Any]) -> NDArray[np.float64]:
        return slab.astype(np.float64) * self.slope + self.inter


def _slabs(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Runs of slices, small enough for a processor's cache."""
    step = max(1, _SLAB_VOXELS // max(1, shape[0] * shape[1]))
    for begin in range(0, shape[2], step):
        yield slice(None), slice(None), slice(begin, begin + step)


def _survey(stored: NDArray[Any], rescale: _Rescale) -> _Facts:
    facts = _Facts()
    for part in _slabs(stored.shape):
        if np.issubdtype(stored.dtype, np.floating) and not np.isfinite(stored[part]).all():
            facts.nan += int(np.isnan(stored[part]).sum())
            facts.infinite += int(np.isinf(stored[part]).sum())
        with np.errstate(invalid="ignore", over="ignore"):
            values = rescale(stored[part])
        facts.low = min(facts.low, float(values.min()))
        facts.high = max(facts.high, float(values.max()))
        if facts.whole and np.issubdtype(values.dtype, np.floating):
            facts.whole = bool((values == np.rint(values)).all())
    return facts


def _settle_nonfinite(where: object, facts: _Facts, nonfinite: float | None) -> tuple[str, ...]:
    if not facts.nan and not facts.infinite:
        return ()
    found = f"{facts.nan} NaN and {facts.infinite} infinite"
    if nonfinite is None:
        raise SourceError(where, f"values must be finite, got {found} voxels; --nonfinite -1024 makes them air")
    return (f"{found} voxels set to {nonfinite:g}",)


def _choose_type(where: object, facts: _Facts, stored: np.dtype[Any], modality: str | None) -> np.dtype[Any]:
    low, high = facts.low, facts.high
    if facts.whole:
        for dtype in (_KEPT[2],) if modality == "CT" else _KEPT:
            limits = np.iinfo(dtype)
            if limits.min <= low and high <= limits.max:
                return dtype
    exact = max(abs(low), abs(high)) <= (_EXACT_IN_FLOAT32 if facts.whole else _LARGEST_FLOAT32)
    if not exact:
        raise SourceError(
            where,
            f"values must be of moderate size (whole ones at most {_EXACT_IN_FLOAT32}), got {low:g} to {high:g};"
            " rescale them",
        )
    return np.dtype(np.float32)


def _odd_ct(facts: _Facts, dtype: np.dtype[Any]) -> tuple[str, ...]:
    if dtype == np.int16:
        return ()
    if facts.whole:
        return (f"CT values from {facts.low:g} to {facts.high:g} do not fit 16 bits as Hounsfield units should",)
    return ("CT values are not whole, as Hounsfield units are: were they resampled or windowed?",)
