"""Commands: ``prepare``, ``inspect``, ``verify``, ``synthetic`` and ``phantom``."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console

from data_prep.layouts import LAYOUTS
from data_prep.options import Options, parse_foreground
from data_prep.prepare import prepare
from data_prep.provenance import provenance_problems
from data_prep.show import ProgressBar, show_manifest, show_next, show_problems, show_survey
from data_prep.survey import survey
from data_prep.synthetic import write_synthetic
from medseg.errors import MedsegError, UsageError
from medseg.manifest import SplitMethod, read_manifest, verify

__all__ = ["app", "main"]

app = typer.Typer(
    help="Raw images and masks to a prepared data set.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Raw = Annotated[Path, typer.Argument(metavar="RAW", help="Folder of raw images and masks; never changed.")]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the prepared data set.")]
Layout = Annotated[str, typer.Option(help=f"auto, {', '.join(layout.name for layout in LAYOUTS)}.")]
Foreground = Annotated[str | None, typer.Option(help='Mask values that are foreground, such as "1,2".')]
Groups = Annotated[str | None, typer.Option(help="CSV name,group or first,last,group; or a regular expression.")]
SplitBy = Annotated[str | None, typer.Option("--split", help=f"{', '.join(get_args(SplitMethod))}.")]
Folds = Annotated[int, typer.Option(help="Number of folds.")]
Seed = Annotated[int, typer.Option(help="Seed of the split.")]
Orientation = Annotated[
    str | None, typer.Option(help="Where columns and rows run, such as LP; for images of patients.")
]


@app.command("prepare")
def prepare_command(
    raw: Raw,
    out: Out,
    layout: Layout = "auto",
    foreground: Foreground = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set; OUT's name by default.")] = None,
    modality: Annotated[str, typer.Option(help="Name of the channel.")] = "grey image",
    foreground_name: Annotated[str, typer.Option(help="Name of the foreground.")] = "foreground",
    groups: Groups = None,
    split: SplitBy = None,
    folds: Folds = 5,
    seed: Seed = 0,
    orientation: Orientation = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a data set that data_prep wrote.")] = False,
) -> None:
    """Prepare RAW into OUT."""
    options = Options(
        name=out.resolve().name if name is None else name,
        layout=layout,
        foreground=parse_foreground(foreground),
        modality=modality,
        foreground_name=foreground_name,
        groups=groups,
        split=_split_method(split),
        folds=folds,
        seed=seed,
        orientation=orientation,
    )
    done = prepare(raw, out, options, overwrite=overwrite, track=ProgressBar())
    console = Console()
    show_manifest(console, done.manifest)
    show_problems(console, done.survey)
    if not done.written:
        console.print("already prepared from the same source and options; nothing was written")
    elif done.written < len(done.manifest.cases):
        console.print(f"{done.written} cases written, {len(done.manifest.cases) - done.written} were complete")
    show_next(console, out)


@app.command("inspect")
def inspect_command(
    raw: Raw,
    layout: Layout = "auto",
    foreground: Foreground = None,
    groups: Groups = None,
    split: SplitBy = None,
    folds: Folds = 5,
    seed: Seed = 0,
    orientation: Orientation = None,
) -> None:
    """Say what RAW holds and what is wrong with it, without writing."""
    options = Options(
        name="inspected",
        layout=layout,
        foreground=parse_foreground(foreground),
        groups=groups,
        split=_split_method(split),
        folds=folds,
        seed=seed,
        orientation=orientation,
    )
    found = survey(raw, options, ProgressBar())
    console = Console()
    show_survey(console, found, raw)
    show_problems(console, found)
    if found.errors:
        raise typer.Exit(1)


@app.command("verify")
def verify_command(out: Out) -> None:
    """Check every file of a prepared data set."""
    problems = [*verify(out), *provenance_problems(out)]
    console = Console()
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(1)
    show_manifest(console, read_manifest(out))
    print("ok")


@app.command("synthetic")
def synthetic_command(
    out: Annotated[Path, typer.Argument(metavar="RAW", help="New or empty folder of raw images and masks.")],
    patients: Annotated[int, typer.Option(help="Number of patients.")] = 8,
    slices: Annotated[int, typer.Option(help="Slices a patient.")] = 8,
    size: Annotated[int, typer.Option(help="Width and height in pixels.")] = 96,
    seed: Annotated[int, typer.Option(help="The same seed draws the same images.")] = 0,
) -> None:
    """Draw raw CT-like slices of made-up patients with their livers' masks into RAW."""
    count = write_synthetic(out, patients=patients, slices=slices, size_px=size, seed=seed, track=ProgressBar())
    print(f"{count} images with masks of {patients} made-up patients: {out}")
    known = r"--groups '^(p\d+)_' --orientation LP --foreground-name liver"
    print(f"next: python -m data_prep prepare {out} OUT {known}")


@app.command("phantom")
def phantom_command(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New or empty folder.")],
    patients: Annotated[int, typer.Option(help="Number of patients.")] = 6,
    slices: Annotated[int, typer.Option(help="Slices a patient, give or take two.")] = 24,
    size: Annotated[int, typer.Option(help="Columns and rows.")] = 128,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    fault: Annotated[
        list[str] | None, typer.Option(help="What is wrong with the series: NAME or NAME@PATIENT; may be repeated.")
    ] = None,
) -> None:
    """Scan made-up patients into OUT as real DICOM CT series, with DICOM SEG and NIfTI of their livers."""
    from data_prep.phantom import write_phantom  # highdicom takes a second to load

    done = write_phantom(
        out, patients=patients, slices=slices, size_px=size, seed=seed, faults=fault or [], track=ProgressBar()
    )
    print(f"{done.files} CT images of {patients} made-up patients, with DICOM SEG and NIfTI of their livers: {out}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        Exit status: 0 done, 1 failed, 2 wrong usage.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not be valid text
    try:
        app(argv, prog_name="python -m data_prep")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 1
    except MedsegError as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return MedsegError.exit_status
    return 0


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _split_method(name: str | None) -> SplitMethod | None:
    for method in get_args(SplitMethod):
        if name == method:
            return method  # type: ignore[no-any-return]
    if name is not None:
        raise UsageError(f"--split must be one of {', '.join(get_args(SplitMethod))}, got {name}")
    return None
