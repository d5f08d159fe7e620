"""What a person may choose about a prepared data set, checked before anything is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from data_prep.choose_layout import AUTO
from data_prep.orientation import check_orientation
from medseg.errors import UsageError
from medseg.manifest import SplitMethod

__all__ = ["Options", "Track", "parse_foreground"]

_METHODS: tuple[SplitMethod, ...] = ("group", "contiguous", "random")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

T = TypeVar("T")


class Track:
    """Shows nothing while items are worked through; the command line replaces it by a progress bar."""

    def __call__(self, items: Iterable[T], description: str) -> Iterable[T]:
        """Give the items one by one."""
        return items


@dataclass(frozen=True)
class Options:
    """Options of ``prepare`` and ``inspect``.

    Attributes:
        name: Name of the data set; part of folder names later.
        layout: Layout's name, or ``auto``.
        foreground: Mask values that are foreground; None demands masks of two values.
        modality: Name of the channel.
        foreground_name: Name of the foreground.
        groups: CSV file, or regular expression with one group; None where no groups are known.
        split: How to make folds; None chooses by what is known of groups.
        folds: Wanted number of folds.
        seed: Seed of the split.
        orientation: Directions in which columns and rows run, such as ``LA``; None for images of no patient.

    Raises:
        UsageError: If a value breaks its rule.
    """

    name: str
    layout: str = AUTO
    foreground: frozenset[int] | None = None
    modality: str = "grey image"
    foreground_name: str = "foreground"
    groups: str | None = None
    split: SplitMethod | None = None
    folds: int = 5
    seed: int = 0
    orientation: str | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        if not _PLAIN_NAME.fullmatch(self.name):
            raise UsageError(f"--name must be letters, digits, '.', '_' or '-', got {self.name!r}; give a --name")
        if not self.modality.strip():
            raise UsageError("--modality must not be empty")
        if not self.foreground_name.strip() or self.foreground_name == "background":
            raise UsageError(f"--foreground-name must be a name other than background, got {self.foreground_name!r}")
        if self.split is not None and self.split not in _METHODS:
            raise UsageError(f"--split must be one of {', '.join(_METHODS)}, got {self.split}")
        if self.folds < 2:
            raise UsageError(f"--folds must be at least 2, got {self.folds}")
        if self.seed < 0:
            raise UsageError(f"--seed must be at least 0, got {self.seed}")
        if self.orientation is not None:
            object.__setattr__(self, "orientation", check_orientation(self.orientation))


def parse_foreground(text: str | None) -> frozenset[int] | None:
    """Mask values of ``"1,2"``.

    Raises:
        UsageError: If these are not whole numbers from 0.
    """
    if text is None:
        return None
    values = [value.strip() for value in text.split(",")]
    if not all(value.isascii() and value.isdigit() for value in values):
        raise UsageError(f"--foreground must be mask values such as 1 or 1,2, got {text!r}")
    return frozenset(int(value) for value in values)
