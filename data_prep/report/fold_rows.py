"""Which groups are validated in which fold, and how much there is to see in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from data_prep.case_facts import CaseFacts
from data_prep.report.facts import ReportFacts
from data_prep.report.numerals import quantity, share
from data_prep.report.svg import bar
from medseg.manifest import Case

__all__ = ["FoldRow", "fold_rows"]


@dataclass(frozen=True)
class FoldRow:
    """One fold's validation.

    Attributes:
        index: Number of the fold.
        groups: Groups that it validates.
        both_sides: Those of them that it trains on as well.
        train: Number of cases that it trains on.
        cases: Number of cases that it validates.
        slices: Their slices.
        foreground: Their foreground, in mL or pixels.
        part: Share of all labelled cases' foreground.
        bar: ``part`` as a bar.
    """

    index: int
    groups: tuple[str, ...]
    both_sides: tuple[str, ...]
    train: str
    cases: str
    slices: str
    foreground: str
    part: str
    bar: Markup


def fold_rows(report: ReportFacts) -> tuple[FoldRow, ...]:
    """One row a fold."""
    by_name = {case.name: (case, facts) for case, facts in report.cases}
    whole = _foreground(facts for _, facts in by_name.values())
    rows = []
    for index, fold in enumerate(report.manifest.folds):
        validated = [by_name[name] for name in fold.val]
        trained = _groups(by_name[name][0] for name in fold.train)
        groups = _groups(case for case, _ in validated)
        foreground, unit = _foreground(facts for _, facts in validated)
        rows.append(
            FoldRow(
                index=index,
                groups=groups,
                both_sides=tuple(group for group in groups if group in set(trained)),
                train=quantity(len(fold.train)),
                cases=quantity(len(fold.val)),
                slices=quantity(sum(case.shape[2] for case, _ in validated)),
                foreground=quantity(foreground, unit),
                part=share(foreground, whole[0]),
                bar=bar(foreground / whole[0] if whole[0] else 0.0),
            )
        )
    return tuple(rows)


def _groups(cases: Iterable[Case]) -> tuple[str, ...]:
    return tuple(sorted({case.group for case in cases}))


def _foreground(cases: Iterable[CaseFacts]) -> tuple[float, str]:
    """Amount and unit."""
    cases = list(cases)
    volumes = [facts.foreground_ml for facts in cases if facts.foreground_ml is not None]
    if volumes:
        return sum(volumes), "mL"
    return float(sum(sum(facts.foreground_px or ()) for facts in cases)), "px"
