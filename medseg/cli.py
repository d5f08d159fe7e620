"""The ``medseg`` command."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import atomic_path, write_text

if TYPE_CHECKING:
    from medseg.compare import Comparison

__all__ = ["app", "main"]

_NOTE = (
    "Last epoch's means per image over n validation images, with 95 % intervals (normal approximation over images; they"
    " say nothing of other seeds or patients). mIoU is the foreground's, as in the paper's tables; loss is the training"
    " loss summed over the last epoch's batches. The best epoch was chosen on the same images."
)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _root() -> None:
    """Compare segmentation networks that were trained as MONAI bundles."""


@app.command("compare")
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
    for comparison in comparisons:
        _print(comparison)
    if markdown is not None:
        _write_markdown(markdown, comparisons)
    if csv is not None:
        _write_csv(csv, comparisons)
    if picture is not None:
        _write_picture(picture, uri, comparisons[-1])


def _print(comparison: Comparison) -> None:
    console = Console()
    # A pipe has no width of its own; cut at 80 columns the table would lose figures.
    width = console.width if console.is_terminal else 160
    frame = comparison.table()
    if width < 150:
        frame = frame.drop(columns=["run", "mIoU both", "best epoch's Dice"])
        frame[["mIoU", "Dice"]] = frame[["mIoU", "Dice"]].replace(r" \(", "\n(", regex=True)
    table = Table(box=SIMPLE, title=comparison.title, title_justify="left", title_style="bold")
    for column in frame.columns:
        table.add_column(column, justify="left" if column in ("architecture", "run") else "right", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(str(cell) for cell in row))
    console.print(table, width=width)
    console.print(_NOTE, soft_wrap=True)


def _write_markdown(path: Path, comparisons: list[Comparison]) -> None:
    parts = []
    for comparison in comparisons:
        frame = comparison.table()
        lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.to_numpy().tolist()]
        table = "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
        parts.append(f"## {comparison.title}\n\n{table}\n\n{_NOTE}\n")
    write_text(path, "\n".join(parts))


def _write_csv(path: Path, comparisons: list[Comparison]) -> None:
    table = pd.concat([comparison.csv_table() for comparison in comparisons])
    with atomic_path(path) as partial:
        table.to_csv(partial, index=False)


def _write_picture(path: Path, uri: str, comparison: Comparison) -> None:
    from medseg.compare import download_overlays
    from medseg.overview import write_overview

    first_fold = [row for row in comparison.rows if row.fold == comparison.rows[0].fold]
    with TemporaryDirectory() as folder:
        pictures = {
            f"{row.architecture} {row.dice:.3f}": download_overlays(uri, row.run_id, _made(Path(folder) / row.run_id))
            for row in first_fold
        }
        write_overview(path, pictures)
    print(f"picture: {path.resolve()}")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def main() -> None:
    """Run the command; what a person can act on ends in one line, status 2 for wrong usage and 1 for failed work."""
    try:
        app()
    except MedsegError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_status) from None


if __name__ == "__main__":
    main()
