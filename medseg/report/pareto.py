"""Accuracy beside cost, and the networks that no other beats in both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from medseg.report.cost_table import machine_of
from medseg.report.drawing import DIM, INK, Plot, new_figure, plain_log_ticks
from medseg.report.measures import Measure
from medseg.report.networks import looks
from medseg.report.numerals import fixed, short, time
from medseg.statistics import Evidence

__all__ = ["pareto_front", "pareto_plots"]


def pareto_front(points: Mapping[str, tuple[float, float]], *, higher_is_better: bool = True) -> list[str]:
    """Names that no other point dominates, from the cheapest.

    Args:
        points: Cost and score by name. One dominates another that costs no less and scores no better, unless both are
            equal.
        higher_is_better: Direction of the score.
    """
    sign = 1 if higher_is_better else -1

    def dominated(name: str) -> bool:
        cost, score = points[name]
        return any(
            other_cost <= cost and sign * other >= sign * score and (other_cost, other) != (cost, score)
            for other_cost, other in points.values()
        )

    return sorted((name for name in points if not dominated(name)), key=lambda name: (points[name][0], name))


def pareto_plots(
    evidence: Evidence,
    measure: Measure,
    parameters: Mapping[str, Any],
    costs: Mapping[str, Mapping[str, Any]],
    over: str = "",
) -> Iterator[Plot]:
    """Score beside time of prediction, where that was measured on one kind of machine, and beside parameters.

    Args:
        evidence: Scores with intervals.
        measure: Which score.
        parameters: By network.
        costs: By network, as measured.
        over: Added to the captions: over which cases the scores are.
    """
    scored = [network.architecture for network in evidence.networks]
    seconds = {name: costs[name]["infer_seconds"] * 1000 for name in scored if costs.get(name, {}).get("infer_seconds")}
    if seconds and len({machine_of(costs[name]) for name in seconds}) == 1:
        label, noun = "prediction of a slice, ms", "prediction time"
        yield _plot(evidence, measure, "pareto_time", seconds, label, noun, over)
    known = {name: parameters[name] for name in scored if parameters.get(name)}
    if known:
        yield _plot(evidence, measure, "pareto_parameters", known, "parameters", "number of parameters", over)


def _plot(
    evidence: Evidence, measure: Measure, name: str, cost: Mapping[str, float], label: str, noun: str, over: str
) -> Plot:
    figure = new_figure(height=3.6)
    axes = figure.add_subplot()
    points = {network: (cost[network], evidence.network(network).mean) for network in cost}
    front = pareto_front(points, higher_is_better=evidence.higher_is_better)
    steps = [points[network] for network in front]
    steps.append((max(cost.values()), steps[-1][1]))
    axes.plot(*zip(*steps, strict=True), color=DIM, linestyle="--", linewidth=1, drawstyle="steps-post")
    for network, look in looks([item.architecture for item in evidence.networks]).items():
        if network not in points:
            continue
        x, y = points[network]
        interval = evidence.network(network).interval
        if interval is not None:
            axes.plot([x, x], [interval.low, interval.high], color=look.colour, linewidth=1.4)
        axes.plot(x, y, marker=look.marker, markersize=9, color=look.colour, markeredgecolor=INK, linestyle="",
                  label=network + (" (front)" if network in front else ""))  # fmt: skip
    axes.set_xscale("log")
    plain_log_ticks(axes.xaxis)
    axes.margins(x=0.15)
    axes.set_xlabel(f"{label} (left is better)")
    axes.set_ylabel(f"{measure.heading} ({measure.direction})")
    figure.legend(loc="outside lower center", ncols=2)
    said = time if name == "pareto_time" else short
    words = [
        f"{network}: {said(x / 1000 if name == 'pareto_time' else x)}, {fixed(y, measure.decimals)}"
        for network, (x, y) in points.items()
    ]
    return Plot(
        name=name,
        title=f"{measure.title} and {noun}",
        caption=(
            f"Dashed: the front, on which no other network is both better and cheaper: {', '.join(front)}. Vertical"
            f" lines: 95 % intervals.{over}"
        ),
        description=f"{'; '.join(words)}. On the front: {', '.join(front)}.",
        figure=figure,
    )
