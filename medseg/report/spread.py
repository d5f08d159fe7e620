"""All cases' scores by network: a point a case, a box for the middle half."""

from __future__ import annotations

import numpy as np
import pandas as pd

from medseg.report.drawing import DIM, INK, Plot, new_figure, row_label
from medseg.report.measures import Measure
from medseg.report.networks import looks
from medseg.report.numerals import between, counted, fixed
from medseg.statistics.wording import with_article

__all__ = ["case_spread"]


def case_spread(cases: pd.DataFrame, measure: Measure, case_noun: str) -> Plot:
    """Strip and box of each network's cases, each the mean over its seeds.

    Args:
        cases: ``architecture``, ``case``, ``seed`` and the measure's column; networks in the order to show.
        measure: What to show.
        case_noun: ``image`` or ``volume``.
    """
    networks = list(cases.architecture.unique())
    figure = new_figure(height=0.6 + 0.72 * len(networks))
    axes = figure.add_subplot()
    rng = np.random.default_rng(0)
    words = []
    for place, (network, look) in enumerate(looks(networks).items()):
        values = cases[cases.architecture == network].groupby("case")[measure.column].mean().dropna()
        heights = place + rng.uniform(-0.15, 0.15, len(values))
        axes.scatter(values, heights, s=13, color=look.colour, marker=look.marker, alpha=0.75, linewidths=0)
        axes.boxplot(
            values, positions=[place], orientation="horizontal", widths=0.42, showfliers=False, manage_ticks=False,
            medianprops={"color": INK, "linewidth": 1.6}, boxprops={"color": INK}, whiskerprops={"color": DIM},
            capprops={"color": DIM},
        )  # fmt: skip
        axes.plot(values.mean(), place, marker="|", markersize=17, markeredgewidth=2.2, color=look.colour)
        row_label(axes, place, f"{network}: mean {fixed(values.mean(), measure.decimals)}, n {len(values)}")
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]) if len(values) else (None, None, None)
        words.append(
            f"{network}: median {fixed(middle, measure.decimals)}, middle half {between(low, high, measure.decimals)},"
            f" {counted(len(values), case_noun)}"
        )
    axes.set_yticks([])
    axes.set_ylim(len(networks) - 0.6, -0.75)
    axes.set_xlabel(f"{measure.heading} ({measure.direction})")
    return Plot(
        name="cases",
        title=f"{measure.title} of each {case_noun}",
        caption=(
            f"A point is {with_article(case_noun)}, scored by trainings that had not seen it, mean over their seeds."
            " Box: middle half and median; whiskers: up to 1.5 times its length; coloured bar: mean."
        ),
        description=f"{'; '.join(words)}.",
        figure=figure,
    )
