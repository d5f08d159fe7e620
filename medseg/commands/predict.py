"""``medseg predict``: trained bundles on scans."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from medseg.commands import predict_options as options
from medseg.errors import MedsegError, UsageError

if TYPE_CHECKING:
    from medseg.predict.predict import Outcome

__all__ = ["predict_command"]


def predict_command(
    scans: options.Scans,
    bundle: options.Bundles,
    output: options.Output = Path("predictions"),
    to: options.Formats = None,
    run: options.Run = None,
    series: options.Series = "all",
    modality: options.Modality = None,
    tta: options.Tta = False,
    threshold: options.Threshold = None,
    largest: options.Largest = None,
    fill_holes: options.FillHoles = False,
    min_size: options.MinSize = None,
    probabilities: options.Probabilities = False,
    window_hu: options.WindowHu = None,
    orientation: options.Orientation = None,
    tilt: options.Tilt = "refuse",
    irregular: options.Irregular = "refuse",
    duplicates: options.Duplicates = "refuse",
    assume_hu: options.AssumeHu = False,
    trust_affine: options.TrustAffine = None,
    nonfinite: options.Nonfinite = None,
    terms: options.Terms = None,
    engine: options.Engine = "torch",
    batch_size: options.BatchSize = None,
    device: options.Device = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Segment scans with a trained bundle, on the scans' own grids."""
    _check_run(run, bundle, engine)
    given = {
        "batch_size": _at_least("--batch-size", batch_size, 1),
        "device": _device(device),
        "fill_holes": fill_holes or None,
        "keep_components": _at_least("--largest", largest, 1),
        "min_size_voxels": _at_least("--min-size", min_size, 1),
        "modality": modality,
        "orientation": orientation,
        "probabilities": probabilities or None,
        "terms": None if terms is None else str(terms),
        "threshold": _share("--threshold", threshold),
        "tta": tta or None,
        "picture_window_hu": _window(window_hu),
        "reader::assume_hu": assume_hu or None,
        "reader::duplicates": duplicates,
        "reader::irregular": irregular,
        "reader::nonfinite": nonfinite,
        "reader::tilt": tilt,
        "reader::trust_affine": trust_affine,
        "engine": engine,
        "output_dir": str(output),
    }
    overrides = {name: value for name, value in given.items() if value is not None}
    _predict(scans, bundle, run, overrides, output, to, series, overwrite=overwrite)


def _check_run(run: Path | None, bundles: Sequence[str], engine: str) -> None:
    if run is not None and len(bundles) > 1:
        raise UsageError(f"--run must go with one --bundle, got {len(bundles)}")
    if run is not None and engine != "torch":
        raise UsageError(f"--run must go with --engine torch, as exports are of installed weights, got {engine}")


def _predict(
    paths: Sequence[Path],
    bundles: Sequence[str],
    run: Path | None,
    overrides: Mapping[str, Any],
    output: Path,
    to: str | None,
    series: str,
    *,
    overwrite: bool,
) -> None:
    """Load, find, predict and show; each before the next one's work."""
    try:
        from medseg.deploy.find_bundle import find_bundle
        from medseg.predict import check_output, find_scans, parse_formats
        from medseg.predict.load_bundle import load_bundle
        from medseg.predict.predict import check_agreement, predict_scans
    except ModuleNotFoundError as error:
        raise UsageError(f"predict needs {error.name}; install it with: pip install 'medseg[train]'") from error
    formats = parse_formats(to)
    check_output(output, paths)
    loaded = [load_bundle(find_bundle(name), overrides, run) for name in bundles]
    check_agreement(loaded)
    _check_terms(formats, loaded[0].settings["foreground"], overrides.get("terms"))
    found = find_scans(paths, series=series, modality=loaded[0].modality)
    check_output(output, [scan.files[0] for scan in found.scans])
    err = Console(stderr=True, highlight=False)
    for text in found.aside:
        err.print(escape(text), soft_wrap=True)
    outcomes: list[Outcome] = []
    with _bar(err) as bar:
        for outcome in predict_scans(found.scans, loaded, output, progress=bar, formats=formats, overwrite=overwrite):
            outcomes.append(outcome)
            if outcome.fault is not None:
                err.print(f"left out: {escape(str(outcome.fault))}", soft_wrap=True)
    _show(outcomes, output, Console(highlight=False))


def _show(outcomes: Sequence[Outcome], output: Path, console: Console) -> None:
    """Print what there is now.

    Raises:
        MedsegError: If a scan has no result.
    """
    done = [outcome for outcome in outcomes if outcome.row is not None]
    if done:
        table = Table("scan", "foreground", "slices", "components", "look at")
        for outcome in done:
            row = outcome.row or {}
            name = f"{outcome.name} (was there)" if outcome.skipped else outcome.name
            odd = "; ".join(str(text) for key in ("flags", "warnings") for text in row.get(key, ()))
            cells = (name, _size(row), str(row.get("slices_with_foreground", "")), str(row.get("components", "")), odd)
            table.add_row(*map(escape, cells))
        console.print(table)
    skipped, failed = sum(outcome.skipped for outcome in done), len(outcomes) - len(done)
    counts = f"{len(done) - skipped} predicted, {skipped} were there, {failed} left out"
    console.print(escape(f"{counts}; results in {output}"), soft_wrap=True)
    if failed:
        raise MedsegError(
            f"{failed} of {len(outcomes)} scans could not be predicted; mend them and run it again, which predicts only"
            " those"
        )


def _size(row: dict[str, Any]) -> str:
    for name, unit in (("volume_ml", "mL"), ("area_mm2", "mm2"), ("area_px2", "px2")):
        if row.get(name) is not None:
            return f"{row[name]:.1f} {unit}" if unit == "mL" else f"{row[name]:.0f} {unit}"
    return ""


class _Bar:
    """A bar on standard error for the scan that is predicted."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def scan(self, name: str) -> Iterator[Callable[[int], Callable[[int], None]]]:
        task = self._progress.add_task(escape(name), total=None)

        def begin(slices: int) -> Callable[[int], None]:
            self._progress.update(task, total=slices)
            return lambda done: self._progress.advance(task, done)

        try:
            yield begin
        finally:
            self._progress.remove_task(task)


@contextmanager
def _bar(console: Console) -> Iterator[_Bar]:
    """Show progress, with the pipeline's warnings above it."""
    counts = TextColumn("{task.completed:.0f} of {task.total} slices")
    columns = (TextColumn("{task.description}"), BarColumn(), counts, TimeRemainingColumn())
    handler = _Above(console)
    logger = logging.getLogger("medseg")
    logger.addHandler(handler)
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            yield _Bar(progress)
    finally:
        logger.removeHandler(handler)


class _Above(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(f"warning: {escape(record.getMessage())}", soft_wrap=True)


def _at_least(name: str, value: int | None, least: int) -> int | None:
    if value is not None and value < least:
        raise UsageError(f"{name} must be a whole number from {least}, got {value}")
    return value


def _share(name: str, value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise UsageError(f"{name} must be a number in [0, 1], got {value:g}")
    return value


def _check_terms(formats: Sequence[str] | None, foreground: str, terms: str | None) -> None:
    """Find out before work starts, not at the end of each scan, that DICOM has no term for what is segmented."""
    if "dicomseg" in (formats or ()):
        from medseg.io.results import segment_for  # takes a second to import

        segment_for(foreground, None if terms is None else Path(terms))


def _window(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not (low < high and isfinite(low) and isfinite(high)):
        raise UsageError(f"--window-hu must be two rising numbers of HU, such as -100,400, got {text!r}")
    return [low, high]


def _device(name: str | None) -> Any:
    if name is None:
        return None
    import torch

    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"--device must be one that is here, such as cpu, got {name!r}: {reason}") from error
    return device
