"""The scores that a report shows, with what a reader has to know of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from medseg.errors import UsageError

__all__ = ["MEASURES", "Measure", "measure", "measures_in"]


@dataclass(frozen=True)
class Measure:
    """A score of a case.

    Attributes:
        column: Its name in ``volumes_<which>.csv``.
        title: What readers call it.
        higher_is_better: Whether a higher value is better; None where the best value is 0 and both signs occur.
        decimals: Digits to show behind the point.
        unit: Of the values; may be empty.
        meaning: In a few words.
    """

    column: str
    title: str
    higher_is_better: bool | None
    decimals: int
    unit: str
    meaning: str

    @property
    def better(self) -> str:
        """Which values are good, in a word for tables."""
        return self.direction.removesuffix(" is better").removeprefix("best ")

    @property
    def direction(self) -> str:
        """Which values are good, in words."""
        if self.higher_is_better is None:
            return "best at 0"
        return "higher is better" if self.higher_is_better else "lower is better"

    @property
    def heading(self) -> str:
        """Title with the unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


MEASURES = (
    Measure("dice", "Dice", True, 4, "", "overlap of the foreground, 2|A∩B| / (|A|+|B|)"),
    Measure("iou", "IoU, foreground", True, 4, "", "overlap of the foreground, |A∩B| / |A∪B|; the paper's tables"),
    Measure("iou_both", "IoU, both classes", True, 4, "", "mean of foreground's and background's; the paper's text"),
    Measure("precision", "Precision", True, 4, "", "share of the predicted foreground that is true"),
    Measure("recall", "Recall", True, 4, "", "share of the true foreground that is found"),
    Measure("surface_dice", "Surface Dice", True, 4, "", "share of both surfaces within the tolerance of the other"),
    Measure("hd95_mm", "HD95", False, 2, "mm", "95th percentile of the distances between the surfaces"),
    Measure("assd_mm", "ASSD", False, 2, "mm", "mean distance between the surfaces"),
    Measure("hd95_px", "HD95", False, 2, "px", "95th percentile of the distances between the contours"),
    Measure("assd_px", "ASSD", False, 2, "px", "mean distance between the contours"),
    Measure("volume_error_ml", "Volume error", None, 1, "mL", "prediction less truth"),
    Measure("volume_error_relative", "Volume error, relative", None, 4, "", "(prediction - truth) / truth"),
    Measure("area_error_px2", "Area error", None, 0, "px²", "prediction less truth"),
    Measure("area_error_relative", "Area error, relative", None, 4, "", "(prediction - truth) / truth"),
    Measure("cross_entropy", "Cross-entropy", False, 4, "nats", "of the foreground's probability, mean over pixels"),
    Measure("calibration_error", "Calibration error", False, 4, "", "of the foreground's probability, over 15 bins"),
)
"""In the order in which they are shown."""


def measure(column: str) -> Measure:
    """The measure in a column.

    Raises:
        UsageError: If there is none.
    """
    for found in MEASURES:
        if found.column == column:
            return found
    raise UsageError(f"metric must be one of {', '.join(found.column for found in MEASURES)}, got {column!r}")


def measures_in(columns: Iterable[str]) -> tuple[Measure, ...]:
    """Those of :data:`MEASURES` that a table has."""
    present = set(columns)
    return tuple(found for found in MEASURES if found.column in present)
