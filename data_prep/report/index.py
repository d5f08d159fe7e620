"""The table of all cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.case_facts import CaseFacts
from data_prep.report.facts import ReportFacts
from data_prep.report.numerals import quantity, share, times
from medseg.manifest import Case

__all__ = ["Cell", "Column", "columns", "index_row"]


@dataclass(frozen=True)
class Column:
    """A column of the index.

    Attributes:
        title: Its heading.
        is_text: Whether it is sorted as text; else as numbers.
        minor: Whether narrow screens do without it.
    """

    title: str
    is_text: bool = False
    minor: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell of the index.

    Attributes:
        text: What it shows.
        key: What it is sorted by; None, which comes last, for what there is none of.
    """

    text: str
    key: float | str | None


def columns(report: ReportFacts) -> tuple[Column, ...]:
    """Columns of the index."""
    volumes = report.has_volumes
    return (
        Column("Case", is_text=True),
        Column("Group", is_text=True, minor=True),
        Column("Fold", minor=True),
        Column("Size", minor=True),
        *([Column("Spacing, mm", minor=True)] if volumes else []),
        Column("Foreground, mL" if volumes else "Foreground, px"),
        Column("Share", minor=True),
        Column(f"Foreground mean, {report.intensity_unit}".rstrip(", ")),
        *([Column("Foreground slices", minor=True)] if volumes else []),
        Column("To look at"),
    )


def index_row(report: ReportFacts, case: Case, facts: CaseFacts, fold: int | None, odd: int) -> tuple[Cell, ...]:
    """Cells of a case, one a column.

    Args:
        report: The data set.
        case: The case.
        facts: Its facts.
        fold: In which it is validated; None for none.
        odd: How many things stand out about it.
    """
    px, spacing, mean = case.foreground_px, facts.spacing_mm, facts.mean_foreground
    nowhere = Cell("–", None)
    amount = facts.foreground_ml if report.has_volumes else px
    cells = [
        Cell(case.name, case.name),
        Cell(case.group, case.group),
        nowhere if fold is None else Cell(str(fold), fold),
        Cell(times(case.shape if report.has_volumes else case.shape[:2]), facts.voxels),
    ]
    if report.has_volumes:
        cells.append(nowhere if spacing is None else Cell(times(spacing), float(np.prod(spacing))))
    cells += [
        Cell("no label", None) if amount is None else Cell(quantity(amount), amount),
        nowhere if px is None else Cell(share(px, facts.voxels), px / facts.voxels),
        nowhere if mean is None else Cell(quantity(mean), mean),
    ]
    if report.has_volumes:
        within = None if facts.foreground_px is None else sum(count > 0 for count in facts.foreground_px)
        cells.append(nowhere if within is None else Cell(f"{within} of {case.shape[2]}", within))
    return (*cells, Cell(str(odd or ""), odd))
