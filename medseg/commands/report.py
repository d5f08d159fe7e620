"""``medseg report``: what a study found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medseg.errors import UsageError

__all__ = ["report_command"]


def report_command(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's folder, or its study.yaml.")],
    data: Annotated[
        Path | None,
        typer.Option(metavar="PREPARED", help="Prepared data set of the study, for pictures; default the plan's."),
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="The study's working folder, for predicted masks; default runs/studies/NAME.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder to write to; default STUDY/report.")] = None,
    metric: Annotated[str, typer.Option(help="Score that the verdict is about.")] = "dice",
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Whether to draw images of the data.")
    ] = True,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store in which to log the report to the study's run.")
    ] = None,
) -> None:
    """Write what a study found: a page, Markdown, tables and figures."""
    try:
        from medseg.report import log_to_study, places, study_run, write_report
    except ModuleNotFoundError as error:
        raise UsageError(f"report needs {error.name}; install it with: pip install 'medseg[train]'") from error
    place = places(study, work=work, data=data, output=output)
    if tracking_uri is not None:
        study_run(place.work)  # fails before there is work to lose
    try:
        report = write_report(place, metric=metric, pictures=pictures)
    except OSError as error:
        raise UsageError(
            f"{place.output}: output must be a folder that can be written, got {error.strerror or error}"
        ) from error
    print(report.verdict)
    for sentence in report.gaps:
        print(f"missing: {sentence}")
    print(f"wrote {place.output / 'index.html'}")
    if tracking_uri is not None:
        print(f"logged to MLflow run {log_to_study(tracking_uri, place.work, place.output)}")
