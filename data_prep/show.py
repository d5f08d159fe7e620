"""Tables and lines that a person reads at the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from data_prep.options import Track
from data_prep.survey import Survey
from medseg.manifest import Case, Fold, Intensity, Manifest, Split

__all__ = ["ProgressBar", "show_manifest", "show_next", "show_problems", "show_survey"]

T = TypeVar("T")


class ProgressBar(Track):
    """A bar on stderr that disappears when done."""

    def __call__(self, items: Iterable[T], description: str) -> Iterable[T]:
        """Give the items one by one."""
        return track(items, description, console=Console(stderr=True), transient=True)


def show_manifest(console: Console, manifest: Manifest) -> None:
    """Print a prepared data set's summary."""
    table = _table(f"{manifest.name}: {manifest.modality}, foreground {manifest.foreground}")
    _add_facts(table, manifest.cases, manifest.intensity)
    table.add_row("layout", manifest.layout)
    table.add_row("orientation", manifest.orientation or "none (x = column, y = row)")
    _add_split(table, manifest.split, manifest.folds)
    table.add_row("fingerprint", manifest.fingerprint[:16])
    console.print(table)


def show_survey(console: Console, survey: Survey, raw: Path) -> None:
    """Print what a raw folder holds, as far as it could be read."""
    table = _table(str(raw))
    table.add_row("layout", survey.layout)
    table.add_row("found", f"{len(survey.sources)} images with labels, {len(survey.cases)} readable")
    if survey.cases and survey.intensity:
        _add_facts(table, survey.cases, survey.intensity)
    values = [str(value) for value in sorted(survey.mask_values)]
    table.add_row("mask values", ", ".join(values[:10]) + (", ..." if len(values) > 10 else ""))
    table.add_row("groups", "known" if survey.groups_known else "not known")
    if survey.split:
        _add_split(table, survey.split, survey.folds)
    console.print(table)


def show_problems(console: Console, survey: Survey) -> None:
    """Print every warning and every error."""
    for warning in survey.warnings.for_terminal():
        _line(console, f"warning: {warning}", "yellow")
    for error in survey.errors:
        _line(console, f"error: {error}", "red")


def show_next(console: Console, out: Path) -> None:
    """Print the command that comes next."""
    config = "bundles/unet/configs/train.json"
    _line(console, "next: python -m monai.bundle run"
          f" --config_file {config} --dataset_dir {out} --tracking mlflow.yaml", "bold")  # fmt: skip


def _table(title: str) -> Table:
    table = Table(title=Text(title, style="bold"), title_justify="left", show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    return table


def _add_facts(table: Table, cases: Iterable[Case], intensity: Intensity) -> None:
    cases = list(cases)
    sizes = Counter(case.shape[:2] for case in cases)
    pixels = sum(case.shape[0] * case.shape[1] * case.shape[2] for case in cases)
    foreground = sum(case.foreground_px or 0 for case in cases)
    empty = sum(not case.foreground_px for case in cases)
    shown = ", ".join(f"{width} x {height} ({count})" for (width, height), count in sizes.most_common(4))
    table.add_row("cases", str(len(cases)))
    table.add_row("groups", str(len({case.group for case in cases})))
    table.add_row("size (x, y)", shown + (f", {len(sizes) - 4} other sizes" if len(sizes) > 4 else ""))
    table.add_row(
        "intensity",
        f"{intensity.dtype}, {intensity.min:g} to {intensity.max:g}, mean {intensity.mean:.1f}, sd {intensity.std:.1f},"
        f" 0.5 to 99.5 %: {intensity.percentile_0_5:g} to {intensity.percentile_99_5:g}",
    )
    table.add_row("foreground", f"{foreground / pixels:.1%} of pixels; {empty} images without any")


def _add_split(table: Table, split: Split, folds: Iterable[Fold]) -> None:
    mark = " LEAKY: patients may stand on both sides" if split.leaky else ""
    table.add_row("split", Text(f"{split.method}, {split.folds} folds, seed {split.seed}{mark}", "red" if mark else ""))
    counts = ", ".join(f"{index}: {len(fold.train)} + {len(fold.val)}" for index, fold in enumerate(folds))
    table.add_row("folds (train + val)", counts)


def _line(console: Console, text: str, style: str) -> None:
    console.print(Text(text, style=style), soft_wrap=True)
