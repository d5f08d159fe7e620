"""A report as Markdown, with its figures beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medseg.report.content import Report
from medseg.report.drawing import Plot
from medseg.report.pictures import RULE, PictureRow
from medseg.report.tables import to_markdown

__all__ = ["to_markdown_report"]


def to_markdown_report(report: Report) -> str:
    """The whole report; figures are named below ``figures/``."""
    return "\n\n".join(part.strip() for part in _parts(report) if part.strip()) + "\n"


def _parts(report: Report) -> Iterator[str]:
    yield f"# {report.study}: which network is better"
    yield f"**{report.verdict}**"
    yield "\n".join(f"- {sentence}" for sentence in report.pair_verdicts)
    yield from _figures([report.forest] if report.forest else [])
    yield "## What was compared"
    yield "\n".join(_fact(fact.title, fact.badge, fact.value, fact.note) for fact in report.headlines)
    yield "\n".join(f"- **Missing.** {sentence}" for sentence in report.gaps)
    yield "## Scores"
    yield from _tables(report, "paper_form", "scores_last", "scores_best")
    yield from _figures([report.spread])
    yield from _tables(report, "pairs", "differences")
    yield "## Learning curves"
    yield from _figures(report.curves)
    yield "## Cost"
    yield from _tables(report, "cost")
    yield from _figures(report.pareto)
    yield "## Calibration"
    yield from _figures([report.reliability])
    yield "## Cases"
    yield from _pictures(report.pictures)
    yield report.picture_note
    yield "## Trainings and settings"
    yield from _tables(report, "settings", "trainings")
    yield "## Made again by"
    yield "\n".join(["```", *report.commands, "```"])


def _fact(title: str, badge: str, value: str, note: str) -> str:
    mark = f"**{badge}** " if badge else ""
    return f"- {title}: {mark}{value}" + (f" ({note})" if note else "")


def _tables(report: Report, *names: str) -> Iterator[str]:
    return (to_markdown(report.tables[name]) for name in names if name in report.tables)


def _figures(plots: Sequence[Plot]) -> Iterator[str]:
    for plot in plots:
        yield f"![{plot.title}. {plot.description}](figures/{plot.name}.png)"
        yield plot.caption


def _pictures(rows: Sequence[PictureRow]) -> Iterator[str]:
    if rows:
        yield RULE + " Green: right; orange: too much; purple: missed."
    for row in rows:
        notes = "; ".join(panel.alt for panel in row.panels[2:])
        yield f"![{row.title}. {notes}](figures/case_{row.chosen.rank}.png)"
