"""Commands: ``prepare``, ``inspect``, ``verify`` and ``phantom``."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.text import Text

from data_prep.cli_options import (
    AssumeHu,
    Dask,
    Duplicates,
    Folds,
    Foreground,
    Groups,
    Irregular,
    Labels,
    Layout,
    Modality,
    Nonfinite,
    Orientation,
    Out,
    Plane,
    Raw,
    Seed,
    Series,
    Spacing,
    SplitBy,
    Tilt,
    TrustAffine,
    WindowHu,
    Workers,
)
from data_prep.options import How, Options, parse_foreground, parse_spacing, parse_window_hu
from data_prep.prepare import Prepared, inspect, prepare
from data_prep.provenance import provenance_problems
from data_prep.show import ProgressBar, one_line, show_errors, show_found, show_manifest, show_next, show_warnings
from data_prep.sources import LabelKind
from data_prep.target import REPORT
from data_prep.verify import verify
from medseg.errors import MedsegError, UsageError
from medseg.io.dicom import Choices
from medseg.io.file_choices import FileChoices
from medseg.manifest import SplitMethod, read_manifest

__all__ = ["app", "main"]

app = typer.Typer(
    help="Raw scans and images with labels to a prepared data set.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command("prepare")
def prepare_command(
    raw: Raw,
    out: Out,
    layout: Layout = "auto",
    labels: Labels = "auto",
    foreground: Foreground = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set; OUT's name by default.")] = None,
    modality: Modality = None,
    foreground_name: Annotated[str | None, typer.Option(help="Name of the foreground.")] = None,
    orientation: Orientation = None,
    window_hu: WindowHu = None,
    plane: Plane = "axial",
    spacing: Spacing = None,
    series: Series = "only",
    tilt: Tilt = "refuse",
    irregular: Irregular = "refuse",
    duplicates: Duplicates = "refuse",
    assume_hu: AssumeHu = False,
    trust_affine: TrustAffine = None,
    nonfinite: Nonfinite = None,
    groups: Groups = None,
    split: SplitBy = None,
    folds: Folds = 5,
    seed: Seed = 0,
    workers: Workers = None,
    dask: Dask = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first broken case.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a data set that data_prep wrote.")] = False,
    keep_mapping: Annotated[
        Path | None, typer.Option(help="Private file that will say which case came from where; holds patients' names.")
    ] = None,
) -> None:
    """Prepare RAW into OUT."""
    options = Options(
        name=out.resolve().name if name is None else name,
        layout=layout,
        labels=_one_of("--labels", labels, LabelKind),
        foreground=parse_foreground(foreground),
        modality=modality,
        foreground_name=foreground_name,
        orientation=orientation,
        window_hu=parse_window_hu(window_hu),
        spacing_mm=parse_spacing(spacing),
        series=series,
        groups=groups,
        split=None if split is None else _one_of("--split", split, SplitMethod),
        folds=folds,
        seed=seed,
        file=FileChoices(trust_affine, nonfinite),  # type: ignore[arg-type]  # checked there
        dicom=Choices(tilt, irregular, duplicates, assume_hu, plane),  # type: ignore[arg-type]  # checked there
    )
    how = How(workers, dask, strict, keep_mapping)
    _tell(prepare(raw, out, options, how=how, overwrite=overwrite, track=ProgressBar()), out)


def _tell(done: Prepared, out: Path) -> None:
    """Show what was prepared, and what comes next.

    Raises:
        MedsegError: If cases were left out.
    """
    console = Console()
    show_manifest(console, done.manifest)
    show_warnings(console, done.found)
    left_out = done.found.left_out
    if done.written == 0 and not left_out:
        console.print("already prepared from the same source and options; nothing was written")
    elif done.written < len(done.manifest.cases):
        console.print(f"{done.written} cases written, {len(done.manifest.cases) - done.written} were complete")
    console.print(Text(f"look at it before training: {out / REPORT}", style="bold"), soft_wrap=True)
    if done.manifest.folds:
        show_next(console, out)
    if left_out:
        show_errors(Console(stderr=True), (error for _, error in left_out))
        raise MedsegError(
            f"{len(left_out)} of {len(done.found.plan.tasks)} cases were left out; mend them and run it again, which"
            " reads only those"
        )


@app.command("inspect")
def inspect_command(
    raw: Raw,
    layout: Layout = "auto",
    labels: Labels = "auto",
    foreground: Foreground = None,
    modality: Modality = None,
    orientation: Orientation = None,
    window_hu: WindowHu = None,
    plane: Plane = "axial",
    spacing: Spacing = None,
    series: Series = "only",
    tilt: Tilt = "refuse",
    irregular: Irregular = "refuse",
    duplicates: Duplicates = "refuse",
    assume_hu: AssumeHu = False,
    trust_affine: TrustAffine = None,
    nonfinite: Nonfinite = None,
    groups: Groups = None,
    split: SplitBy = None,
    folds: Folds = 5,
    seed: Seed = 0,
    workers: Workers = None,
    dask: Dask = None,
) -> None:
    """Say what RAW holds and what is wrong with it, without writing."""
    options = Options(
        name="inspected",
        layout=layout,
        labels=_one_of("--labels", labels, LabelKind),
        foreground=parse_foreground(foreground),
        modality=modality,
        orientation=orientation,
        window_hu=parse_window_hu(window_hu),
        spacing_mm=parse_spacing(spacing),
        series=series,
        groups=groups,
        split=None if split is None else _one_of("--split", split, SplitMethod),
        folds=folds,
        seed=seed,
        file=FileChoices(trust_affine, nonfinite),  # type: ignore[arg-type]  # checked there
        dicom=Choices(tilt, irregular, duplicates, assume_hu, plane),  # type: ignore[arg-type]  # checked there
    )
    found = inspect(raw, options, how=How(workers, dask), track=ProgressBar())
    console = Console()
    show_found(console, found, raw)
    show_warnings(console, found)
    show_errors(console, found.errors)
    if found.errors:
        raise typer.Exit(1)


@app.command("verify")
def verify_command(out: Out) -> None:
    """Check every file of a prepared data set."""
    problems = [*verify(out), *provenance_problems(out)]
    console = Console()
    for problem in problems:
        print(one_line(problem))
    if problems:
        raise typer.Exit(1)
    show_manifest(console, read_manifest(out))
    print("ok")


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
    print(f"next: python -m data_prep prepare {shlex.quote(str(out))} OUT --labels seg --foreground liver")


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
        print(f"error: {one_line(error)}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        told = f"{error.filename}: must be readable, got {error.strerror}" if error.filename else error
        print(f"error: {one_line(told)}", file=sys.stderr)
        return MedsegError.exit_status
    return 0


def _one_of(option: str, value: str, kind: Any) -> Any:
    """The value, which must be one of a ``Literal``'s."""
    if value not in get_args(kind):
        raise UsageError(f"{option} must be one of {', '.join(get_args(kind))}, got {value}")
    return value
