"""What is compared between cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from data_prep.case_facts import CaseFacts
from data_prep.report.facts import ReportFacts
from data_prep.report.numerals import quantity, rounded
from data_prep.report.outliers import outliers

__all__ = ["Measure", "measure"]


@dataclass(frozen=True)
class Measure:
    """One number a case.

    Attributes:
        title: What it is.
        unit: Its unit; may be empty.
        values: By case, to the digits that are shown; without cases that have none.
        scores: Modified z-scores of the outliers among them.
    """

    title: str
    unit: str
    values: dict[str, float]
    scores: dict[str, float]

    @property
    def median(self) -> float:
        """Middle value."""
        return median(self.values.values())

    def text(self, name: str) -> str:
        """A case's value as it is shown."""
        return quantity(self.values[name], self.unit)


def measure(report: ReportFacts) -> tuple[Measure, ...]:
    """All measures of which some case has a value, the most telling first."""
    hu = report.intensity_unit
    pixels = "voxels" if report.has_volumes else "px"
    volume = _measure(report, "Foreground volume", "mL", lambda facts: facts.foreground_ml)
    found = (
        volume if volume.values else _measure(report, "Foreground share", "%", _foreground_percent),
        _measure(report, "Mean of the foreground", hu, lambda facts: facts.mean_foreground),
        _measure(report, "Mean of the image", hu, lambda facts: facts.total[0] / facts.voxels),
        *_in_plane(report, "Spacing", "mm", lambda facts: facts.spacing_mm),
        _measure(report, "Slice spacing", "mm", lambda facts: facts.spacing_mm and facts.spacing_mm[2]),
        *_in_plane(report, "Size", pixels, lambda facts: facts.shape),
        _measure(report, "Slices", "", lambda facts: None if facts.spacing_mm is None else facts.shape[2]),
    )
    return tuple(one for one in found if one.values)


def _measure(report: ReportFacts, title: str, unit: str, value: Callable[[CaseFacts], float | None]) -> Measure:
    known = {case.name: number for case, facts in report.cases if (number := value(facts)) is not None}
    values = {name: rounded(number) for name, number in known.items()}
    return Measure(title, unit, values, outliers(values))


def _in_plane(
    report: ReportFacts, title: str, unit: str, sizes: Callable[[CaseFacts], tuple[float, float, float] | None]
) -> tuple[Measure, ...]:
    """Along x and y, or only one of them where they are the same in every case."""
    x = _measure(report, f"{title} along x", unit, lambda facts: (found := sizes(facts)) and found[0])
    y = _measure(report, f"{title} along y", unit, lambda facts: (found := sizes(facts)) and found[1])
    if x.values == y.values:
        return (Measure(f"{title} along x and y", unit, x.values, x.scores),)
    return x, y


def _foreground_percent(facts: CaseFacts) -> float | None:
    return None if facts.foreground_px is None else 100 * sum(facts.foreground_px) / facts.voxels
