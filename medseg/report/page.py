"""A report as one page that asks nothing of anywhere."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from medseg.io.atomic import atomic_path
from medseg.report.content import Report
from medseg.report.drawing import inline_svg
from medseg.report.picture_files import embedded, hex_colour
from medseg.report.pictures import RULE
from medseg.transforms.overlay import ERROR_COLOURS

__all__ = ["write_page"]

_SHORT = 12
_SPACE = "\N{NO-BREAK SPACE}"


def write_page(path: Path, report: Report) -> None:
    """Write the page, atomically; the same report gives the same bytes."""
    environment = Environment(
        loader=PackageLoader("medseg.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"breakable": _breakable, "unbroken": _unbroken}
    # Piece by piece, so that memory does not hold all pictures.
    pieces = environment.get_template("page.html").generate(
        report=report,
        rule=RULE,
        svg=inline_svg,
        picture=embedded,
        colours=[(name, hex_colour(colour)) for name, colour in ERROR_COLOURS.items()],
    )
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(pieces)


def _breakable(text: str) -> Markup:
    """``text`` whose long names narrow screens break after an underscore."""
    if len(text) <= _SHORT:
        return escape(text)
    return Markup("_<wbr>").join(escape(part) for part in text.split("_"))


def _unbroken(text: str) -> Markup:
    """A cell of figures, which narrow screens break before a bracket alone."""
    return _breakable(text.replace(" ", _SPACE).replace(f"{_SPACE}(", " ("))
