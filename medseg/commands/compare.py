"""``medseg compare``: trainings side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer
from rich.console import Console

from medseg.errors import UsageError
from medseg.io.atomic import atomic_path, write_text

if TYPE_CHECKING:
    from medseg.compare import Comparison

__all__ = ["compare_command"]


def compare_command(
    dataset: Annotated[str | None, typer.Option(help="Only this data set.")] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store; default MLFLOW_TRACKING_URI, else mlflow.db in this folder.")
    ] = None,
    all_runs: Annotated[bool, typer.Option("--all-runs", help="Also older runs of the same fold and seed.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables to this Markdown file.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write all rows with all digits to this CSV file.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write an overview of the networks' errors to this PNG.")] = None,
) -> None:
    """Show a table a data set of the finished trainings in an MLflow store."""
    try:
        from medseg import compare as comparing
        from medseg.comparison_table import print_comparisons, to_markdown
        from medseg.tracking import default_uri
    except ModuleNotFoundError as error:
        raise UsageError(f"compare needs {error.name}; install it with: pip install 'medseg[train]'") from error
    uri = tracking_uri or default_uri()
    database = Path(uri.removeprefix("sqlite:///"))
    if uri.startswith("sqlite:///") and not database.is_file():
        raise UsageError(
            f"{database}: must be an MLflow store, but there is none; train a bundle with --tracking first"
        )
    comparisons = comparing.compare(uri, dataset=dataset, all_runs=all_runs)
    print_comparisons(comparisons, Console(highlight=False))
    if markdown is not None:
        with _writing(markdown):
            write_text(markdown, to_markdown(comparisons))
    if csv is not None:
        with _writing(csv), atomic_path(csv) as partial:
            pd.concat([comparison.csv_table() for comparison in comparisons]).to_csv(partial, index=False)
    if picture is not None:
        with _writing(picture):
            _write_picture(picture, uri, comparisons)


def _write_picture(path: Path, uri: str, comparisons: list[Comparison]) -> None:
    """Draw each table's trainings of its first fold."""
    from medseg.compare import download_overlays
    from medseg.overview import Column, Section, write_overview

    with TemporaryDirectory() as folder:
        sections = []
        for comparison in comparisons:
            columns = []
            for row in (row for row in comparison.rows if row.fold == comparison.rows[0].fold):
                (own := Path(folder) / row.run_id).mkdir()
                scored = f"Dice {row.dice:.4f}, n = {row.images}"
                heading = (row.architecture, scored, f"fold {row.fold}, seed {row.seed}")
                columns.append(Column(heading, download_overlays(uri, row.run_id, own)))
            sections.append(Section(comparison.title, columns))
        write_overview(path, sections)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Write a result and say where it is; what keeps it from being written is named."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: must be a file that can be written, got {error.strerror or error}") from error
    print(f"written: {path.resolve()}")
