"""What Hounsfield units an organ may have, by which values are recognised that are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["OrganRange", "organ_range", "without_negative_hu"]

# Mean HU over a whole organ, without or with contrast, in health and disease; wide, since only the absurd should warn.
# Air is -1000 HU, lung mostly -950 to -550, fat about -100, water 0, soft tissue 20 to 80 and with contrast up to 250.
_RANGES_HU = {
    "lung": (-980.0, -300.0),
    "airway": (-1050.0, -600.0),
    "trachea": (-1050.0, -600.0),
    "fat": (-180.0, -30.0),
    "bone": (80.0, 1800.0),
    "rib": (80.0, 1200.0),
    "vertebra": (50.0, 1200.0),
    "aorta": (10.0, 700.0),
    "vessel": (0.0, 700.0),
    "vein": (0.0, 700.0),
    "artery": (0.0, 700.0),
    "gallbladder": (-30.0, 120.0),
    "bladder": (-30.0, 400.0),
    "colon": (-700.0, 400.0),
    "stomach": (-500.0, 400.0),
    "bowel": (-700.0, 400.0),
    "liver": (-20.0, 260.0),
    "spleen": (0.0, 320.0),
    "kidney": (-20.0, 400.0),
    "pancreas": (-60.0, 260.0),
    "tumor": (-100.0, 300.0),
    "tumour": (-100.0, 300.0),
    "lesion": (-100.0, 300.0),
}
# Of a foreground without a known name: what is left is air or metal.
_ANY_HU = (-300.0, 1800.0)


@dataclass(frozen=True)
class OrganRange:
    """Within what the mean over a foreground lies.

    Attributes:
        organ: The organs that its names mean; ``foreground`` where none is known.
        low: In HU.
        high: In HU.
    """

    organ: str
    low: float
    high: float

    def holds(self, mean_hu: float) -> bool:
        """Whether the mean may be that of the organ."""
        return self.low <= mean_hu <= self.high


def organ_range(names: Sequence[str]) -> OrganRange:
    """Range of a foreground's mean.

    Args:
        names: What the foreground is called, such as ``liver``; words within a name count, too.
    """
    organs = [organ for organ in _RANGES_HU if any(organ in name.casefold() for name in names)]
    ranges = [_RANGES_HU[organ] for organ in organs] or [_ANY_HU]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    return OrganRange(" and ".join(organs) or "foreground", low, high)


def without_negative_hu(lowest: float) -> tuple[str, ...]:
    """A warning if a CT has no value below 0, as air and fat have.

    Args:
        lowest: Smallest value of the scan.
    """
    if lowest < 0:
        return ()
    return ("CT without a value below 0 HU, as air and fat have: are the values shifted or windowed?",)
