"""``medseg export``: a bundle's network in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from medseg.errors import UsageError

if TYPE_CHECKING:
    from medseg.deploy.agreement import Agreement
    from medseg.deploy.export import ExportResult

__all__ = ["export_command"]

_LATENCY_PX = 512


def export_command(
    bundle: Annotated[str, typer.Argument(help="Folder of a bundle with models/model.pt, or its name.")],
    to: Annotated[str, typer.Option("--to", help="Formats, joined by commas.")] = "torchscript,onnx,openvino",
    scans: Annotated[
        Path | None, typer.Option(help="Scans whose slices are compared with torch's as well as random images.")
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="Largest difference of logits that is let through.")] = 1e-4,
) -> None:
    """Write a bundle's network as TorchScript, ONNX or OpenVINO into its models, checked against torch."""
    try:
        from medseg.deploy.export import export_bundle
        from medseg.deploy.find_bundle import find_bundle
        from medseg.deploy.latency import latencies_ms
    except ModuleNotFoundError as error:
        raise UsageError(f"export needs {error.name}; install it with: pip install 'medseg[train,export]'") from error
    root = find_bundle(bundle)
    results = export_bundle(root, to, scans=scans, tolerance=tolerance)
    times_ms = latencies_ms(root, [result.format for result in results], size_px=_LATENCY_PX)
    console = Console(highlight=False)
    console.print(_table(results, times_ms))
    console.print(f"max abs difference is of logits, and at most {tolerance:g}", soft_wrap=True)
    for result in results:
        print(f"written: {result.path.resolve()}")


def _table(results: list[ExportResult], times_ms: dict[str, float]) -> Table:
    table = Table("engine", title="Exports beside torch", title_justify="left")
    headings = ("MB", "random images", "slices", "pixels that differ", f"ms a slice of {_LATENCY_PX} x {_LATENCY_PX}")
    for heading in headings:
        table.add_column(heading, justify="right")
    table.add_row("torch", "", "", "", "", f"{times_ms['torch']:.0f}")
    for result in results:
        table.add_row(
            result.format,
            f"{result.size_bytes / 1e6:.1f}",
            _difference(result.random),
            "" if result.slices is None else _difference(result.slices),
            _pixels(result.random if result.slices is None else result.slices),
            f"{times_ms[result.format]:.0f}",
        )
    return table


def _difference(found: Agreement) -> str:
    return f"{found.max_abs_difference:.1e} (n = {found.images})"


def _pixels(found: Agreement) -> str:
    return f"{found.differing_px:,} of {found.pixels:,}"
