"""Foreground whose Hounsfield units no organ of its name has: a flipped label or a wrong pairing shows there first."""

from __future__ import annotations

from collections.abc import Sequence

from medseg.io.hounsfield import organ_range
from medseg.io.hounsfield import without_negative_hu as implausible_ct

__all__ = ["implausible_ct", "implausible_foreground"]


def implausible_foreground(mean_hu: float, names: Sequence[str]) -> tuple[str, ...]:
    """A warning if a foreground's mean is absurd.

    Args:
        mean_hu: Mean over the foreground.
        names: What the foreground is called, such as ``liver``; words within a name count, too.

    Returns:
        One text without names of the source, or none.
    """
    expected = organ_range(names)
    if expected.holds(mean_hu):
        return ()
    return (
        f"mean of the foreground is absurd for {expected.organ}, which lies between {expected.low:g} and"
        f" {expected.high:g} HU: is the label flipped, of another scan, or --foreground wrong?",
    )
