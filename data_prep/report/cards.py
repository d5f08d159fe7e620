"""What the page says of each case beside its picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from data_prep.case_facts import CaseFacts
from data_prep.report.bins import ValueBins
from data_prep.report.facts import ReportFacts
from data_prep.report.numerals import between, counted, quantity, share, times
from data_prep.report.svg import case_curve, slice_strip
from medseg.manifest import Case

__all__ = ["Card", "cards"]

_MOST_LABEL_VALUES = 12


@dataclass(frozen=True)
class Card:
    """A case.

    Attributes:
        name: The case.
        labelled: Whether it has a label.
        origin: Its group and fold.
        alt: What its picture shows.
        facts: Name and value of each fact.
        curve: Distribution of the image's values.
        strip: Foreground of each slice; empty for a single slice, or without label.
        last_slice: Number of the last slice.
        remarks: What stands out.
        decisions: What was changed by choice.
    """

    name: str
    labelled: bool
    origin: str
    alt: str
    facts: tuple[tuple[str, str], ...]
    curve: Markup
    strip: Markup
    last_slice: int
    remarks: Sequence[str]
    decisions: tuple[str, ...]


def cards(report: ReportFacts, bins: ValueBins, remarks: dict[str, list[str]]) -> Iterator[Card]:
    """All cases in order, one at a time.

    Args:
        report: The data set.
        bins: Over which values are shown.
        remarks: What stands out, by case.
    """
    folds = report.fold_of
    for case, facts in report.cases:
        fold = f"validated in fold {folds[case.name]}" if case.name in folds else "in no fold"
        counts = bins.count(facts.values, facts.counts)
        yield Card(
            name=case.name,
            labelled=facts.foreground_px is not None,
            origin=f"group {case.group}, {fold}",
            alt=_alt(case, facts),
            facts=_facts(report, facts),
            curve=case_curve(bins.edges, counts, facts.mean_foreground, f"Distribution of the values of {case.name}"),
            strip=_strip(case, facts),
            last_slice=case.shape[2] - 1,
            remarks=remarks.get(case.name, ()),
            decisions=facts.decisions,
        )


def _alt(case: Case, facts: CaseFacts) -> str:
    planes = "axial, coronal and sagittal plane" if case.shape[2] > 1 else "image"
    if facts.foreground_px is None:
        return f"{case.name}: {planes}, no label"
    return f"{case.name}: {planes} with the contour of the foreground"


def _facts(report: ReportFacts, facts: CaseFacts) -> tuple[tuple[str, str], ...]:
    unit, spacing = report.intensity_unit, facts.spacing_mm
    found = [("Size", times(facts.shape if spacing else facts.shape[:2], "voxels" if spacing else "pixels"))]
    if spacing is not None:
        extent = (round(size * step) for size, step in zip(facts.shape, spacing, strict=True))
        found += [("Spacing", times(spacing, "mm")), ("Extent", times(extent, "mm"))]
    if facts.source_axes:
        found.append(("Source", f"{times(facts.source_shape)}, axes {facts.source_axes}"))
    values = between((facts.values[0], facts.values[-1]), unit)
    found.append(("Values", f"{values}, mean {quantity(facts.total[0] / facts.voxels)}; {facts.dtype}"))
    found.append(("Foreground", _foreground(facts)))
    if facts.mean_foreground is not None:
        found.append(("Foreground mean", quantity(facts.mean_foreground, unit)))
    if facts.foreground_px is not None and report.has_volumes:
        found.append(("Foreground slices", _slices(facts.foreground_px)))
    if facts.label_values:
        found.append(("Label values", _label_values(facts)))
    return tuple(found)


def _foreground(facts: CaseFacts) -> str:
    if facts.foreground_px is None:
        return "no label"
    voxels, ml = sum(facts.foreground_px), facts.foreground_ml
    if not voxels:
        return "none"
    number = counted(voxels, "pixel" if ml is None else "voxel")
    volume = "" if ml is None else f"{quantity(ml, 'mL')}, "
    return f"{volume}{number}, {share(voxels, facts.voxels)}"


def _label_values(facts: CaseFacts) -> str:
    shown, more = facts.label_values[:_MOST_LABEL_VALUES], len(facts.label_values) - _MOST_LABEL_VALUES
    absent = "".join(f"; item {index + 1} of --foreground is absent" for index in facts.absent)
    return ", ".join(map(str, shown)) + (f" and {more} more" if more > 0 else "") + absent


def _strip(case: Case, facts: CaseFacts) -> Markup:
    if facts.foreground_px is None or len(facts.foreground_px) == 1:
        return Markup("")
    return slice_strip(facts.foreground_px, f"Foreground of each slice of {case.name}")


def _slices(foreground_px: Sequence[int]) -> str:
    """Where the foreground lies; gaps and cut ends are what a wrong label or a short scan shows first."""
    within = [index for index, count in enumerate(foreground_px) if count]
    total = len(foreground_px)
    if not within:
        return f"none of {quantity(total)}"
    pieces = 1 + sum(after > before + 1 for before, after in pairwise(within))
    ends = [name for name, index in (("first", 0), ("last", total - 1)) if index in (within[0], within[-1])]
    return (
        f"{quantity(len(within))} of {quantity(total)}, {within[0]} to {within[-1]}"
        + (f"; in {pieces} pieces" if pieces > 1 else "")
        + (f"; reaches the {' and the '.join(ends)} slice" if ends else "")
    )
