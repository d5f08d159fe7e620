"""Charts by Matplotlib: as files, and as SVG within a page whose light and dark mode they follow."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from medseg.io.atomic import atomic_path, write_text
from medseg.report.numerals import short

__all__ = [
    "DIM",
    "INK",
    "LINE",
    "PAPER",
    "Plot",
    "drawing",
    "inline_svg",
    "new_figure",
    "plain_log_ticks",
    "row_label",
    "save_plot",
]

PAPER, INK, DIM, LINE = "#ffffff", "#1b1f24", "#57606a", "#d0d7de"
"""The page's colours in light mode; within the page they become its style sheet's variables."""

_VARIABLES = {
    PAPER: "var(--paper)",
    INK: "var(--ink)",
    DIM: "var(--dim)",
    LINE: "var(--line)",
    "#0072b2": "var(--blue)",  # is too dark for dark mode
}
_COLOUR = re.compile("|".join(_VARIABLES))
_STYLE = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": DIM,
    "axes.facecolor": PAPER,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "figure.constrained_layout.use": True,
    "figure.facecolor": PAPER,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "medseg",
    "text.color": INK,
    "xtick.color": DIM,
    "ytick.color": DIM,
    "ytick.labelcolor": INK,
}
_PNG_DPI = 200
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"


@dataclass(frozen=True)
class Plot:
    """A chart with its words.

    Attributes:
        name: Of its files, and its anchor in the page.
        title: What it shows.
        caption: How to read it.
        description: What is to be seen, with figures, for those who can't see it.
        figure: The chart.
    """

    name: str
    title: str
    caption: str
    description: str
    figure: Figure

    @cached_property
    def svg(self) -> str:
        """The chart, drawn once for its file and its page."""
        buffer = io.StringIO()
        self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        self.figure.set_layout_engine("none")  # it is laid out
        return buffer.getvalue()


@contextmanager
def drawing() -> Iterator[None]:
    """Give Matplotlib the reports' style; charts are made and saved within."""
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        yield


def new_figure(width: float = 4.5, height: float = 3.2) -> Figure:
    """A figure of the size, in inches, at which its text is legible on a phone."""
    return Figure(figsize=(width, height))


def row_label(axes: Axes, place: float, text: str) -> None:
    """Write ``text`` above a row of a chart; beside it, it would leave a phone no room for the chart.

    Args:
        axes: The chart, whose rows lie at whole numbers.
        place: The row.
        text: What to write.
    """
    ground = {"facecolor": PAPER, "alpha": 0.75, "linewidth": 0, "pad": 1}
    at = (0.01, place - 0.34)
    axes.annotate(text, at, xycoords=("axes fraction", "data"), va="center", fontsize=8.5, bbox=ground)


def plain_log_ticks(axis: Axis) -> None:
    """Ticks of a logarithmic axis at 1, 2 and 5, as people write them."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _position: short(value)))
    axis.set_minor_formatter(NullFormatter())


def save_plot(folder: Path, plot: Plot) -> None:
    """Write ``<name>.svg`` and ``<name>.png``; the same chart gives the same bytes."""
    write_text(folder / f"{plot.name}.svg", plot.svg)
    with atomic_path(folder / f"{plot.name}.png") as partial:
        plot.figure.savefig(partial, format="png", dpi=_PNG_DPI, metadata={"Software": None})


def inline_svg(plot: Plot) -> Markup:
    """The chart as an element of a page, with title and description, its ids apart from those of other charts."""
    root = ET.fromstring(plot.svg)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    _drop(root, "metadata", "style")
    for element in root.iter():
        element.attrib = {name: _adapt(name, value, plot.name) for name, value in element.attrib.items()}
    # Matplotlib's own style sheet says these of all elements; within a page it would say it of the page's.
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")
    root.set("role", "img")
    root.set("aria-labelledby", f"{plot.name}-title {plot.name}-desc")
    for position, (tag, text) in enumerate((("title", plot.title), ("desc", plot.description))):
        words = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{plot.name}-{tag}"})
        words.text = text
        root.insert(position, words)
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    return Markup(ET.tostring(root, encoding="unicode"))


def _drop(root: ET.Element, *tags: str) -> None:
    unwanted = {f"{{{_SVG}}}{tag}" for tag in tags}
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in unwanted:
                parent.remove(child)


def _adapt(name: str, value: str, prefix: str) -> str:
    """An attribute with the page's colours, and with ids of this chart's own."""
    if name == "id":
        return f"{prefix}-{value}"
    if name == f"{{{_XLINK}}}href" and value.startswith("#"):
        return f"#{prefix}-{value[1:]}"
    value = value.replace("url(#", f"url(#{prefix}-")
    return _COLOUR.sub(lambda found: _VARIABLES[found.group()], value)
