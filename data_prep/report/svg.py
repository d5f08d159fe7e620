"""Small charts as inline SVG; colours come from the page's style sheet, so they follow its light and dark mode."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import sqrt

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from data_prep.report.bins import round_edges, round_step
from data_prep.report.numerals import counted, quantity

__all__ = ["CURVE_SIZE", "bar", "case_curve", "case_histogram", "curve", "slice_strip", "value_curve"]

CURVE_SIZE = (320, 70)
"""Width and height of :func:`case_curve`."""

_WIDTH, _HEIGHT = 320, 140
_LEFT, _RIGHT, _TOP, _BOTTOM = 14, 16, 18, 20
_INNER = _WIDTH - _LEFT - _RIGHT
_MOST_CELL = 14.0
_LEAST_OUTLINED = 3.0
_MOST_TICKS = 5
_STRIP_HEIGHT = 34


def case_histogram(values: Mapping[str, float], odd: Collection[str], unit: str, label: str) -> Markup:
    """A histogram in which every case is a cell that leads to it.

    Args:
        values: By case; at least two different ones.
        odd: Cases to mark.
        unit: Of the values.
        label: What the chart shows, for those who can't see it.
    """
    low, high = min(values.values()), max(values.values())
    whole = all(value == int(value) for value in values.values())
    edges = round_edges(low, high, min(40, max(20, round(2 * sqrt(len(values))))), whole=whole)
    bins = np.digitize(list(values.values()), edges) - 1
    stacked = np.bincount(bins, minlength=len(edges) - 1)
    height = min(_MOST_CELL, (_HEIGHT - _TOP - _BOTTOM) / int(stacked.max()))
    placed, level = [], [0] * len(stacked)
    for (name, value), index in sorted(zip(values.items(), bins, strict=True), key=lambda item: item[0][1]):
        left, right = (_x(edge, edges) for edge in edges[index : index + 2])
        level[index] += 1
        kind = ("cell odd" if name in odd else "cell") + (" outlined" if height >= _LEAST_OUTLINED else "")
        top = _HEIGHT - _BOTTOM - level[index] * height
        placed.append(_cell(name, quantity(value, unit), kind, (left, top, right - left, height)))
    most = Markup('<text x="{}" y="12" class="tick">most in one bar: {}</text>').format(
        _LEFT, counted(int(stacked.max()), "case")
    )
    return _chart(Markup("\n").join((most, *placed, _axis(edges))), label)


def value_curve(edges: NDArray[np.float64], counts: NDArray[np.float64], means: Iterable[float], label: str) -> Markup:
    """Distribution of all images' values, on a square-root scale, over the means of the cases' foreground.

    Args:
        edges: Of the bins.
        counts: Voxels in each.
        means: One a case; those outside the bins are left out.
        label: What the chart shows.
    """
    floor = _HEIGHT - _BOTTOM
    path = curve(counts, _INNER, floor - _TOP - 8)
    area = Markup('<path transform="translate({} {})" class="area" d="{}"/>').format(_LEFT, _TOP, path)
    ticks = [
        Markup('<path class="mean" d="M{0} {1}v-12"/>').format(_round(_x(mean, edges)), floor)
        for mean in means
        if edges[0] <= mean <= edges[-1]
    ]
    return _chart(Markup("\n").join((area, *ticks, _axis(edges))), label)


def case_curve(edges: NDArray[np.float64], counts: NDArray[np.float64], mean: float | None, label: str) -> Markup:
    """Distribution of one image's values over that of all, which is the page's path ``all-values``.

    Args:
        edges: Of the bins.
        counts: Voxels in each.
        mean: Of the foreground; None without.
        label: What the chart shows.
    """
    width, height = CURVE_SIZE
    parts = [
        Markup('<path class="area" d="{}"/>').format(curve(counts, width, height)),
        Markup('<use href="#all-values" class="outline"/>'),
    ]
    if mean is not None and edges[0] <= mean <= edges[-1]:
        at = _round((mean - edges[0]) / (edges[-1] - edges[0]) * width)
        parts.append(Markup('<path class="mean" d="M{} 0v{}"/>').format(at, height))
    return _chart(Markup("").join(parts), label, CURVE_SIZE)


def slice_strip(foreground_px: Sequence[int], label: str) -> Markup:
    """Foreground of each slice, the first slice at the left."""
    steps = _steps(np.array(foreground_px) / max(1, *foreground_px), CURVE_SIZE[0], _STRIP_HEIGHT)
    area = Markup('<path class="foreground" d="{}"/>').format(steps)
    return _chart(area, label, (CURVE_SIZE[0], _STRIP_HEIGHT))


def bar(part: float) -> Markup:
    """A bar whose length is a share between 0 and 1; its number stands beside it."""
    svg = '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
    return Markup(f'{svg}<rect width="100" height="8"/><rect width="{{}}" height="8" class="part"/></svg>').format(
        _round(100 * part)
    )


def curve(counts: NDArray[np.float64], width: int, height: int) -> str:
    """Path of a histogram whose small peaks can be seen beside those of air and of padding.

    The scale is that of square roots, and it ends at the third highest bar; so at most two are cut.
    """
    found = np.sort(counts[counts > 0])
    top = found[-3:].min(initial=np.inf) if found.size else 1.0
    return _steps(np.sqrt(np.minimum(counts / top, 1)), width, height)


def _steps(heights: NDArray[np.float64], width: int, height: int) -> str:
    """Path of bars without gaps; ``heights`` are between 0 and 1."""
    places = np.linspace(0, width, len(heights) + 1)
    tops = [_round(height * (1 - value)) for value in heights]
    return (
        f"M0 {height}" + "".join(f"V{top}H{_round(x)}" for top, x in zip(tops, places[1:], strict=True)) + f"V{height}Z"
    )


def _cell(name: str, value: str, kind: str, box: tuple[float, float, float, float]) -> Markup:
    # Every case can be reached from the index by keyboard, which need not stop at thousands of cells.
    return Markup(
        '<a href="#{}" tabindex="-1"><rect x="{}" y="{}" width="{}" height="{}" class="{}">'
        "<title>{}: {}</title></rect></a>"
    ).format(name, *map(_round, box), kind, name, value)


def _axis(edges: NDArray[np.float64]) -> Markup:
    low, high = float(edges[0]), float(edges[-1])
    step = round_step(high - low, _MOST_TICKS)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    line = Markup('<path class="axis" d="M{} {}h{}"/>').format(_LEFT, _HEIGHT - _BOTTOM, _INNER)
    ticks = [
        Markup('<path class="axis" d="M{0} {1}v4"/><text x="{0}" y="{2}" class="tick middle">{3}</text>').format(
            _round(_x(tick * step, edges)), _HEIGHT - _BOTTOM, _HEIGHT - 4, quantity(round(tick * step, 9))
        )
        for tick in range(first, last + 1)
    ]
    return Markup("").join((line, *ticks))


def _x(value: float, edges: NDArray[np.float64]) -> float:
    return _LEFT + float((value - edges[0]) / (edges[-1] - edges[0])) * _INNER


def _chart(content: Markup, label: str, size: tuple[int, int] = (_WIDTH, _HEIGHT)) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(*size, label, content)


def _round(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
