"""A study's report, in all its forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medseg.io.atomic import atomic_path, write_text
from medseg.report.content import Report, make_report
from medseg.report.drawing import drawing, save_plot
from medseg.report.gather import gather
from medseg.report.markdown import to_markdown_report
from medseg.report.page import write_page
from medseg.report.picture_files import save_row
from medseg.report.tables import Table, to_latex
from medseg.study.folders import WorkFolder
from medseg.study.plan import plan_file, read_plan

__all__ = ["Places", "places", "write_report"]

# What not every report has. Only these names are cleared, since a user may keep files of his own in the same folders.
_FIGURES_OF_SOME = (
    "case_*.png",
    *(f"{name}.{kind}" for name in ("differences", "curve_*", "pareto_*") for kind in ("png", "svg")),
)
_TABLES_OF_SOME = tuple(
    f"{name}.{kind}" for name in ("pairs", "differences", "cost", "settings") for kind in ("csv", "tex")
)


@dataclass(frozen=True)
class Places:
    """Where a report's material is.

    Attributes:
        study: The study's folder.
        work: Its working folder, which need not exist.
        data: Prepared data set; None where it is not known.
        output: Folder to write to.
    """

    study: Path
    work: WorkFolder
    data: Path | None
    output: Path


def places(study: Path, *, work: Path | None = None, data: Path | None = None, output: Path | None = None) -> Places:
    """What a plan says where nothing else is given.

    Args:
        study: The study's folder, or its ``study.yaml``.
        work: ``runs/studies/<name>`` where it is None.
        data: The plan's where it is None, if that is there.
        output: ``report`` in the study's folder where it is None.

    Raises:
        UsageError: If the plan breaks a rule.
    """
    folder = plan_file(study).parent
    name = folder.resolve().name
    if plan_file(study).is_file():
        plan = read_plan(study)
        name = plan.name
        if data is None and plan.data is not None and (folder / plan.data).is_dir():
            data = folder / plan.data
    return Places(folder, WorkFolder(work or Path("runs", "studies", name)), data, output or folder / "report")


def write_report(place: Places, *, metric: str = "dice", pictures: bool = True) -> Report:
    """Write ``index.html``, ``report.md``, ``figures/`` and ``tables/`` of a study.

    The same results give the same bytes.

    Args:
        place: Where everything is; files of a former report are replaced, and those that this one lacks are deleted.
        metric: Score that the verdict is about, a column of ``volumes_last.csv``.
        pictures: Whether to draw images of the data.

    Returns:
        What was written.

    Raises:
        UsageError: If there is no study or nothing finished in it, its trainings may not be compared, the metric is
            unknown, or the data are not the study's.
        MedsegError: If a file is damaged.
    """
    scores = gather(place.study)
    with drawing():
        report = make_report(scores, place.study, metric=metric, data=place.data, work=place.work, pictures=pictures)
        _write_figures(place.output / "figures", report)
        _write_tables(place.output / "tables", report.tables)
        write_text(place.output / "report.md", to_markdown_report(report))
        write_page(place.output / "index.html", report)
    return report


def _write_figures(folder: Path, report: Report) -> None:
    _clear(folder, _FIGURES_OF_SOME)
    for plot in report.plots:
        save_plot(folder, plot)
    for row in report.pictures:
        save_row(folder, row)


def _write_tables(folder: Path, tables: Mapping[str, Table]) -> None:
    _clear(folder, _TABLES_OF_SOME)
    for name, table in tables.items():
        with atomic_path(folder / f"{name}.csv") as partial:
            table.data.to_csv(partial, index=False)
        write_text(folder / f"{name}.tex", to_latex(table))


def _clear(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        for path in folder.glob(name):
            path.unlink()
