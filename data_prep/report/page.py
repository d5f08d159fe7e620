"""The quality report: one self-contained page, which a person looks at before training."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from data_prep.report.bins import ValueBins
from data_prep.report.cards import cards
from data_prep.report.facts import ReportFacts
from data_prep.report.figures import distribution, values_figure
from data_prep.report.findings import find, remarks
from data_prep.report.fold_rows import fold_rows
from data_prep.report.headline import headlines
from data_prep.report.index import columns, index_row
from data_prep.report.measures import measure
from data_prep.report.numerals import between, quantity
from data_prep.report.outliers import LEAST_CASES, RULE
from data_prep.report.picture import CT_WINDOW_HU
from data_prep.report.svg import CURVE_SIZE, curve
from medseg.io.atomic import atomic_path

__all__ = ["write_report"]


def write_report(path: Path, report: ReportFacts) -> None:
    """Write the page, atomically; the same facts give the same bytes.

    Args:
        path: HTML file to write.
        report: The data set; at least one case.
    """
    environment = Environment(
        loader=PackageLoader("data_prep.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Piece by piece, so that memory does not hold all pictures.
    pieces = environment.get_template("page.html").generate(_content(report))
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(pieces)


def _content(report: ReportFacts) -> dict[str, Any]:
    """What the template calls by name."""
    measures = measure(report)
    findings = find(report, measures)
    noted, folds = remarks(findings), report.fold_of
    bins = ValueBins(report)
    overall = np.sum([bins.count(facts.values, facts.counts) for _, facts in report.cases], axis=0)
    is_ct = report.manifest.modality == "CT"
    return {
        "manifest": report.manifest,
        "volumes": report.has_volumes,
        "headlines": headlines(report),
        "findings": findings,
        "rule": RULE,
        "compared": len(report.cases) >= LEAST_CASES,
        "figures": [values_figure(report, bins, overall), *map(distribution, measures)],
        "notes": report.notes,
        "folds": fold_rows(report),
        "columns": columns(report),
        "index": [
            (case.name, index_row(report, case, facts, folds.get(case.name), len(noted.get(case.name, ()))))
            for case, facts in report.cases
        ],
        "window": between(CT_WINDOW_HU, "HU") if is_ct else "from the 0.5th to the 99.5th percentile of each",
        "low": quantity(float(bins.edges[0]), report.intensity_unit),
        "high": quantity(float(bins.edges[-1]), report.intensity_unit),
        "all_values": curve(overall, *CURVE_SIZE),
        "cards": cards(report, bins, noted),
        "picture": lambda name: _picture(report.pictures(name)),
    }


def _picture(jpeg: bytes) -> dict[str, object]:
    """Attributes of an ``img``; with its size, nothing on the page moves while pictures load."""
    with Image.open(BytesIO(jpeg)) as image:
        width, height = image.size
    return {"src": f"data:image/jpeg;base64,{b64encode(jpeg).decode()}", "width": width, "height": height}
