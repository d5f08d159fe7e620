"""Several values of a label map as one mask.

MONAI's ``LabelFilter([1, 2])`` and ``AsDiscrete(threshold=0.5)`` together make the same mask of a sound label map, but
of a probability map or a scan as well; here these are errors, as in preparation.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_dst_type, ensure_tuple

from medseg.errors import SourceError, UsageError
from medseg.io.labels.choose import choose_classes, distinct_values, mask_of, named
from medseg.once import warn_once
from medseg.transforms.placed import source_of

__all__ = ["MergeLabels", "MergeLabelsd"]

_MOST_VALUES = 256

log = logging.getLogger(__name__)


class MergeLabels(Transform):
    """Make a mask of the chosen values of a label map.

    Args:
        foreground: Values from 1, or names in ``names``; None where labels have one value beside 0.
        names: What values are called, as in nnU-Net's ``dataset.json``: ``{"liver": 1, "tumor": 2}``.

    Raises:
        UsageError: If a value is below 1, a name is not among the names, or names share a value.
    """

    backend: ClassVar = [TransformBackends.NUMPY]

    def __init__(
        self, foreground: int | str | Sequence[int | str] | None = None, *, names: Mapping[str, int] | None = None
    ) -> None:
        self.names = _by_value(names or {})
        self.foreground = None if foreground is None else self._chosen(foreground)

    def __call__(self, label: torch.Tensor) -> torch.Tensor:
        """1 where a label map has a chosen value, else 0, in the label's shape and type.

        Values that do not occur are no error, as another case may have them; a case with none of them, although it has
        others, is logged.

        Raises:
            SourceError: If values have fractions, or are not 0 to 65535 or more than 256, or a choice is needed.
        """
        where = source_of(label, "label") if isinstance(label, MetaTensor) else "label"
        voxels = label.detach().cpu().numpy()
        values = distinct_values(where, voxels)
        if len(values) > _MOST_VALUES:
            raise SourceError(
                where, f"label must hold at most {_MOST_VALUES} values, got {len(values)}; is it a scan, not a label?"
            )
        chosen, _ = choose_classes(where, named([*values, *self.names], self.names), self.foreground, present=values)
        mask = mask_of(voxels, chosen)
        others = set(values) - {0}
        if others and not others & {item.value for item in chosen}:
            # Without the file, so that a wrong choice is told once and not for every case.
            wanted, got = ", ".join(self.foreground or ()), ", ".join(map(str, sorted(others)))
            warn_once(log, f"a label has nothing of its foreground {wanted}, only {got}, so its mask is empty")
        merged: torch.Tensor = convert_to_dst_type(mask, label)[0]
        return merged

    def _chosen(self, foreground: int | str | Sequence[int | str]) -> tuple[str, ...]:
        wanted = tuple(str(item) for item in ensure_tuple(foreground))
        known = {name.casefold() for name in self.names.values()}
        for text in wanted:
            if not (int(text) >= 1 if text.isdecimal() else text.casefold() in known):
                raise UsageError(
                    f"foreground must be label values from 1{' or ' + ', '.join(self.names.values()) if known else ''},"
                    f" got {text!r}"
                )
        return wanted


def _by_value(names: Mapping[str, int]) -> dict[int, str]:
    by_value = {value: name for name, value in names.items() if isinstance(value, int)}
    if len(by_value) < len(names):
        raise UsageError(f"names must give each name a value of its own, got {dict(names)}")
    by_value.pop(0, None)  # the background
    return by_value


class MergeLabelsd(MapTransform):
    """Dictionary form of :class:`MergeLabels`."""

    backend: ClassVar = MergeLabels.backend

    def __init__(
        self,
        keys: KeysCollection,
        foreground: int | str | Sequence[int | str] | None = None,
        *,
        names: Mapping[str, int] | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.merge_labels = MergeLabels(foreground, names=names)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Make a mask of each key's label map."""
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self.merge_labels(out[key])
        return out
