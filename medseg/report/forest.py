"""Differences between networks with their intervals."""

from __future__ import annotations

from medseg.report.drawing import DIM, INK, PAPER, Plot, new_figure, row_label
from medseg.report.evidence_tables import interval_text, pair_title
from medseg.report.measures import Measure
from medseg.report.numerals import fixed
from medseg.statistics import Evidence

__all__ = ["forest"]


def forest(evidence: Evidence, measure: Measure) -> Plot:
    """A line a pair: its mean difference, filled where a claim is borne out, and its interval."""
    figure = new_figure(height=0.9 + 0.48 * len(evidence.pairs))
    axes = figure.add_subplot()
    axes.axvline(0, color=INK, linewidth=1)
    if evidence.margin is not None:
        axes.axvspan(-evidence.margin, evidence.margin, color=DIM, alpha=0.12, linewidth=0)
    words = []
    for place, pair in enumerate(evidence.pairs):
        if pair.interval is not None:
            axes.plot([pair.interval.low, pair.interval.high], [place, place], color=INK, linewidth=1.6)
        face = PAPER if pair.better is None else INK
        axes.plot(pair.difference, place, marker="o", markersize=7, markerfacecolor=face, markeredgecolor=INK)
        row_label(axes, place, pair_title(pair))
        ends = interval_text(pair, measure.decimals)
        words.append(f"{pair_title(pair)}: {fixed(pair.difference, measure.decimals)} ({ends})")
    axes.set_yticks([])
    axes.set_ylim(len(evidence.pairs) - 0.6, -0.75)
    axes.margins(x=0.08)
    better = "higher" if evidence.higher_is_better else "lower"
    axes.set_xlabel(f"difference in {measure.heading}\nright of 0: the first is higher ({better} is better)")
    return Plot(
        name="differences",
        title=f"Differences in {measure.title} with 95 % intervals",
        caption="Filled: the figures bear a claim out; hollow: no or too little evidence." + _band(evidence),
        description=f"Mean differences and intervals. {'; '.join(words)}.",
        figure=figure,
    )


def _band(evidence: Evidence) -> str:
    if evidence.margin is None:
        return ""
    return f" Grey band: differences of up to {evidence.margin:g}, held to be of no account."
