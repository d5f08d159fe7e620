"""What a person must look at before anything else."""

from __future__ import annotations

from dataclasses import dataclass

from data_prep.report.facts import ReportFacts
from data_prep.report.measures import Measure
from data_prep.report.numerals import quantity

__all__ = ["Finding", "Place", "find", "remarks"]


@dataclass(frozen=True)
class Place:
    """Where a finding shows.

    Attributes:
        case: Name.
        detail: What is said beside the name in a list; may be empty.
        remark: What is said at the case.
    """

    case: str
    detail: str
    remark: str


@dataclass(frozen=True)
class Finding:
    """Something that stands out.

    Attributes:
        kind: ``Left out``, ``Duplicates``, ``Warning`` or ``Outliers``.
        text: What it is.
        places: Where it shows; none if it is about all cases, or about none of them.
    """

    kind: str
    text: str
    places: tuple[Place, ...] = ()


def find(report: ReportFacts, measures: tuple[Measure, ...]) -> tuple[Finding, ...]:
    """All findings, the gravest kind first."""
    return (
        *(
            Finding("Left out", f"Case {ordinal} of the source (counted from 0): {fault}")
            for ordinal, fault in report.left_out
        ),
        *_duplicates(report),
        *_warnings(report),
        *(_outliers(measure) for measure in measures if measure.scores),
    )


def remarks(findings: tuple[Finding, ...]) -> dict[str, list[str]]:
    """What is to be said at each case that a finding names."""
    found: dict[str, list[str]] = {}
    for finding in findings:
        for place in finding.places:
            found.setdefault(place.case, []).append(place.remark)
    return found


def _duplicates(report: ReportFacts) -> tuple[Finding, ...]:
    partners: dict[str, list[str]] = {}
    for pair in report.duplicates:
        for name, other in (pair, pair[::-1]):
            partners.setdefault(name, []).append(other)
    places = tuple(
        Place(name, f"= {', '.join(others)}", f"The same image as {', '.join(others)}")
        for name, others in sorted(partners.items())
    )
    return (Finding("Duplicates", "Cases with the same image", places),) if places else ()


def _warnings(report: ReportFacts) -> list[Finding]:
    """Those of the cases and those of the data set, each once; cases that were left out have no place on the page."""
    known = {case.name for case, _ in report.cases}
    found: dict[str, dict[str, None]] = {}
    for text, names in (
        *report.warnings,
        *((text, (case.name,)) for case, facts in report.cases for text in facts.warnings),
    ):
        found.setdefault(text, {}).update(dict.fromkeys(name for name in names if name in known))
    return [
        Finding("Warning", _sentence(text), tuple(Place(name, "", _sentence(text)) for name in names))
        for text, names in found.items()
    ]


def _outliers(measure: Measure) -> Finding:
    median = quantity(measure.median, measure.unit)
    places = []
    for name, score in sorted(measure.scores.items(), key=lambda item: (-abs(item[1]), item[0])):
        side, sign = ("high", "▲") if score > 0 else ("low", "▼")
        value = measure.text(name)
        remark = f"{measure.title} is unusually {side}: {value}, median {median} (z {quantity(round(score, 1))})"
        places.append(Place(name, f"{value} {sign}", remark))
    return Finding("Outliers", f"{measure.title}, median {median}", tuple(places))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
