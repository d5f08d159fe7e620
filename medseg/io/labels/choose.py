"""Which classes of a label are foreground, by value or by name, and the mask that they make together."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError

__all__ = ["LabelClass", "LabelMask", "choose_classes", "distinct_values", "mask_of", "named"]

_MAX_VALUE = 65535


@dataclass(frozen=True)
class LabelClass:
    """A class of a label.

    Attributes:
        value: Its value in a label map, segment number or ROI number.
        name: As the source calls it, for choosing and for the terminal; empty where it has none.
    """

    value: int
    name: str = ""

    def is_called(self, text: str) -> bool:
        """Whether a text names the class: digits are always its value, and letters may be of either case."""
        if text.isdecimal():
            return int(text) == self.value
        return bool(self.name) and text.casefold() == self.name.casefold()

    def __str__(self) -> str:
        """Such as ``5 liver``."""
        return f"{self.value} {self.name}".strip()


@dataclass(frozen=True, eq=False)
class LabelMask:
    """Foreground on an image's own grid.

    Attributes:
        mask: ``(x, y, z)`` uint8 of 0 and 1.
        classes: Every class of the label, chosen or not.
        absent: Chosen values or names that this label does not have; another case may have them.
        warnings: What is odd, without names of the source.
    """

    mask: NDArray[np.uint8]
    classes: tuple[LabelClass, ...]
    absent: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def choose_classes(
    where: object,
    classes: Sequence[LabelClass],
    foreground: Sequence[str] | None,
    *,
    present: Container[int] | None = None,
) -> tuple[tuple[LabelClass, ...], tuple[str, ...]]:
    """Choose classes by value or name.

    Args:
        where: The label's file, for the message.
        classes: What the label may have.
        foreground: Values (``"5"``) and names (``"liver"``); None where there is only one class.
        present: Values that occur, where fewer than the classes may.

    Returns:
        The chosen classes, and what was asked for but does not occur.

    Raises:
        SourceError: If nothing was asked for and there are several classes, nothing that was asked for is among the
            classes although they have names, or classes share a value.
    """
    if len({item.value for item in classes}) != len(classes):
        raise SourceError(
            where, f"label must have one number for each class, got {len(classes)} classes that share some"
        )
    if foreground is None:
        if len(classes) > 1:
            raise SourceError(
                f"{where} [{_listed(classes)}]",
                f"label must have one class, got {len(classes)}; choose what is foreground with --foreground",
            )
        return tuple(classes), ()
    chosen = tuple(item for item in classes if any(item.is_called(text) for text in foreground))
    if not chosen and any(item.name for item in classes):
        raise SourceError(
            f"{where} [{_listed(classes)}]",
            f"label must have a class that --foreground names, got none of {len(foreground)}; choose among its classes",
        )
    occurring = [item for item in chosen if present is None or item.value in present]
    return chosen, tuple(text for text in foreground if not any(item.is_called(text) for item in occurring))


def distinct_values(where: object, voxels: NDArray[Any]) -> list[int]:
    """The values of a label map, ascending.

    Args:
        where: The label's file, for the message.
        voxels: ``(x, y, z)``, or a slice ``(x, y)``.

    Raises:
        SourceError: If values have fractions, or are not 0 to 65535.
    """
    low, high = voxels.min(initial=0), voxels.max(initial=0)
    if not 0 <= low <= high <= _MAX_VALUE:
        raise SourceError(
            where, f"label values must be 0 to {_MAX_VALUE}, got {low:.6g} to {high:.6g}; is it a scan, not a label?"
        )
    found = np.zeros(int(high) + 1, dtype=bool)
    # Slice by slice: large arrays in between would take longer to get than to fill.
    for layer in _layers(voxels):
        whole = layer if layer.dtype.kind in "iu" else layer.astype(np.uint16)
        if layer.dtype.kind == "f" and not np.array_equal(whole, layer):
            raise SourceError(where, "label values must be whole, got fractions; is it a scan or a probability map?")
        _note_values(whole, found)
    return [int(value) for value in np.flatnonzero(found)]


def _note_values(layer: NDArray[Any], found: NDArray[np.bool_]) -> None:
    """Mark the values of a slice; most hold two, and looking for these takes a tenth of the time."""
    ends = {0: np.count_nonzero(layer == 0), len(found) - 1: np.count_nonzero(layer == len(found) - 1)}
    if sum(ends.values()) == layer.size:
        found[[value for value, count in ends.items() if count]] = True
    else:
        found[layer] = True


def _layers(voxels: NDArray[Any]) -> list[NDArray[Any]]:
    """The slices along the last axis, as views."""
    return [voxels] if voxels.ndim < 3 else [voxels[..., z] for z in range(voxels.shape[-1])]


def mask_of(voxels: NDArray[Any], chosen: Iterable[LabelClass]) -> NDArray[np.uint8]:
    """1 where a label map has the value of a chosen class, else 0."""
    mask = np.zeros_like(voxels, dtype=bool)
    values = [item.value for item in chosen]
    for layer, covered in zip(_layers(voxels), _layers(mask), strict=True):
        for value in values:
            covered |= layer == value
    return mask.view(np.uint8)


def named(values: Iterable[int], names: Mapping[int, str]) -> tuple[LabelClass, ...]:
    """Classes of label values, 0 being the background."""
    return tuple(LabelClass(value, names.get(value, "")) for value in sorted(set(values)) if value != 0)


def _listed(classes: Sequence[LabelClass]) -> str:
    few = ", ".join(str(item) for item in classes[:12])
    return few + (f", and {len(classes) - 12} more" if len(classes) > 12 else "")
