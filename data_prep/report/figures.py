"""Charts over all cases."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from numpy import float64
from numpy.typing import NDArray

from data_prep.report.bins import ValueBins
from data_prep.report.facts import ReportFacts
from data_prep.report.measures import Measure
from data_prep.report.numerals import between, counted, quantity
from data_prep.report.svg import case_histogram, value_curve

__all__ = ["Figure", "distribution", "values_figure"]


@dataclass(frozen=True)
class Figure:
    """A chart.

    Attributes:
        title: What it shows, with the unit.
        chart: Empty where the caption says it all.
        caption: The same in words.
    """

    title: str
    chart: Markup
    caption: str


def values_figure(report: ReportFacts, bins: ValueBins, counts: NDArray[float64]) -> Figure:
    """All images' values, and where among them the foreground lies.

    Args:
        report: The data set.
        bins: Over which values were counted.
        counts: Voxels of all images in each bin.
    """
    title = _titled("All values", report.intensity_unit)
    means = [facts.mean_foreground for _, facts in report.cases if facts.mean_foreground is not None]
    caption = "Square-root scale; the two highest bars may be cut."
    if means:
        caption += f" Each mark is a case's foreground mean: {between(means)}."
    return Figure(title, value_curve(bins.edges, counts, means, f"Distribution of {title}"), caption)


def distribution(measure: Measure) -> Figure:
    """How a measure is distributed over the cases."""
    title = _titled(measure.title, measure.unit)
    values = measure.values.values()
    number = counted(len(values), "case")
    if min(values) == max(values):
        return Figure(title, Markup(""), f"{number}: {between(values, measure.unit)}.")
    found = f"; {counted(len(measure.scores), 'outlier')}" if measure.scores else ""
    caption = f"{number}: {between(values)}, median {quantity(measure.median)}{found}."
    return Figure(title, case_histogram(measure.values, measure.scores, measure.unit, f"{title}, {caption}"), caption)


def _titled(title: str, unit: str) -> str:
    return f"{title}, {unit}" if unit else title
