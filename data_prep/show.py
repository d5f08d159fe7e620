"""Tables and lines that a person reads at the terminal."""

from __future__ import annotations

import re
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, track
from rich.table import Table
from rich.text import Text

from data_prep.conclude import Conclusion
from data_prep.options import Track
from medseg.manifest import Case, Fold, Intensity, Manifest, Split

__all__ = ["ProgressBar", "one_line", "show_errors", "show_found", "show_manifest", "show_next", "show_warnings"]

_BREAK = re.compile(r"\s*[\n\r\v\f\x85\u2028\u2029]\s*")

T = TypeVar("T")


class ProgressBar(Track):
    """A bar on stderr that disappears when done."""

    def __call__(self, items: Iterable[T], description: str) -> Iterable[T]:
        """Give the items one by one."""
        return track(items, description, console=Console(stderr=True), transient=True)

    @contextmanager
    def cases(self, total: int, description: str) -> Iterator[Callable[[int], None]]:
        """Show how many cases are done, and slices a second."""
        counts = TextColumn("{task.completed:.0f} of {task.total:.0f} cases, {task.fields[speed]:.0f} slices/s")
        columns = (TextColumn("{task.description}"), BarColumn(), counts, TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task(description, total=total, speed=0.0)
            started, slices = time.monotonic(), 0

            def advance(done: int) -> None:
                nonlocal slices
                slices += done
                progress.update(bar, advance=1, speed=slices / max(time.monotonic() - started, 1e-3))

            yield advance


def one_line(text: object) -> str:
    """A text on one line: of breaks a space is left, and what a terminal would obey, not show, is written out.

    Names of files may hold both.
    """
    flat = _BREAK.sub(" ", str(text).strip())
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in flat
    )


def show_manifest(console: Console, manifest: Manifest) -> None:
    """Print a prepared data set's summary."""
    table = _table(f"{manifest.name}: {manifest.modality}, foreground {manifest.foreground}")
    _add_facts(table, manifest.cases, manifest.intensity)
    table.add_row("layout", manifest.layout)
    volumes = any(case.spacing_mm is not None for case in manifest.cases)
    table.add_row("orientation", "RAS+" if volumes else manifest.orientation or "none (x = column, y = row)")
    _add_split(table, manifest.split, manifest.folds)
    table.add_row("fingerprint", manifest.fingerprint[:16])
    console.print(table)


def show_found(console: Console, found: Conclusion, raw: Path) -> None:
    """Print what a raw folder holds, as far as it could be read."""
    table = _table(one_line(raw))
    table.add_row("layout", found.plan.layout)
    table.add_row("found", f"{len(found.plan.tasks)} cases, {len(found.cases)} readable")
    if found.cases and found.intensity:
        _add_facts(table, found.cases, found.intensity)
    values = [str(value) for value in sorted({value for facts in found.facts for value in facts.label_values})]
    table.add_row("label values", ", ".join(values[:10]) + (", ..." if len(values) > 10 else ""))
    table.add_row("groups", "known" if found.plan.groups_known else "not known")
    if found.split:
        _add_split(table, found.split, found.folds)
    console.print(table)


def show_warnings(console: Console, found: Conclusion) -> None:
    """Print every warning."""
    for warning in found.warnings.for_terminal():
        _line(console, f"warning: {one_line(warning)}", "yellow")


def show_errors(console: Console, errors: Iterable[object]) -> None:
    """Print every error."""
    for error in errors:
        _line(console, f"error: {one_line(error)}", "red")


def show_next(console: Console, out: Path) -> None:
    """Print the command that comes next."""
    config = "bundles/unet/configs/train.json"
    _line(console, "next: python -m monai.bundle run"
          f" --config_file {config} --dataset_dir {shlex.quote(str(out))} --tracking mlflow.yaml", "bold")  # fmt: skip


def _table(title: str) -> Table:
    table = Table(title=Text(title, style="bold"), title_justify="left", show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    return table


def _add_facts(table: Table, cases: Iterable[Case], intensity: Intensity) -> None:
    cases = list(cases)
    volumes = any(case.spacing_mm is not None for case in cases)
    sizes = Counter(case.shape if volumes else case.shape[:2] for case in cases)
    pixels = sum(prod(case.shape) for case in cases if case.foreground_px is not None)
    foreground = sum(case.foreground_px or 0 for case in cases)
    empty = sum(case.foreground_px == 0 for case in cases)
    unlabelled = sum(case.foreground_px is None for case in cases)
    shown = ", ".join(f"{' x '.join(map(str, size))} ({count})" for size, count in sizes.most_common(4))
    table.add_row("cases", str(len(cases)))
    table.add_row("groups", str(len({case.group for case in cases})))
    axes = "size (x, y, z)" if volumes else "size (x, y)"
    table.add_row(axes, shown + (f", {len(sizes) - 4} other sizes" if len(sizes) > 4 else ""))
    if volumes:
        table.add_row("spacing in mm", _spacings(cases))
    table.add_row(
        "intensity",
        f"{intensity.dtype}, {intensity.min:g} to {intensity.max:g}, mean {intensity.mean:.1f}, sd {intensity.std:.1f},"
        f" 0.5 to 99.5 %: {intensity.percentile_0_5:g} to {intensity.percentile_99_5:g}",
    )
    without = f", {unlabelled} without label" if unlabelled else ""
    table.add_row("foreground", f"{foreground / max(pixels, 1):.1%} of pixels; {empty} images without any{without}")


def _spacings(cases: Iterable[Case]) -> str:
    """Smallest to largest along each axis."""
    along = zip(*(case.spacing_mm for case in cases if case.spacing_mm is not None), strict=True)
    ranges = [(min(sizes), max(sizes)) for sizes in along]
    return " x ".join(f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}" for low, high in ranges)


def _add_split(table: Table, split: Split, folds: Iterable[Fold]) -> None:
    mark = " LEAKY: patients may stand on both sides" if split.leaky else ""
    table.add_row("split", Text(f"{split.method}, {split.folds} folds, seed {split.seed}{mark}", "red" if mark else ""))
    counts = ", ".join(f"{index}: {len(fold.train)} + {len(fold.val)}" for index, fold in enumerate(folds))
    table.add_row("folds (train + val)", counts)


def _line(console: Console, text: str, style: str) -> None:
    console.print(Text(text, style=style), soft_wrap=True)
