"""``python -m benchmarks.inference``: measures, prints Markdown, writes JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.inference.material import Network, draw_volume, load_volume, make_networks
from benchmarks.inference.report import Report
from benchmarks.inference.rounds import measure
from benchmarks.inference.tasks import TASKS, Task
from benchmarks.intake.machine import this_machine
from medseg.errors import MedsegError, UsageError

__all__ = ["main"]

_LEAST = {"repeats": 1, "slices": 1, "size": 32}
_BUNDLES = Path(__file__).resolve().parents[2] / "bundles"
_NAMES = ("unet", "unet_early_skip", "unet_early_skip_concat", "fcn8s")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark.

    Returns:
        Exit status: 0 measured; 1 a task failed; 2 wrong usage.
    """
    settings = _parser().parse_args(argv)
    try:
        report = _run(settings)
    except MedsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    print(report.to_markdown())
    settings.json.parent.mkdir(parents=True, exist_ok=True)
    settings.json.write_text(json.dumps(report.to_json(), indent=1) + "\n", encoding="utf-8")
    return 1 if any(samples.missing for samples in report.measured) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__, allow_abbrev=False)
    parser.add_argument("--repeats", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument("--slices", type=int, default=8, help="slices of the volume (default: %(default)s)")
    parser.add_argument("--size", type=int, default=512, help="columns and rows of drawn slices (default: %(default)s)")
    parser.add_argument("--scans", type=Path, help="scans of your own to take the slices of, instead of drawing them")
    parser.add_argument(
        "--bundle",
        type=Path,
        nargs="+",
        default=[_BUNDLES / name for name in _NAMES],
        help="bundles, with weights or without (default: the four)",
    )
    parser.add_argument("--full", default="unet_early_skip", help="bundle that has all tasks (default: %(default)s)")
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), help="measure only these")
    parser.add_argument("--json", type=Path, default=Path("build/inference.json"), help="default: %(default)s")
    return parser


def _run(settings: argparse.Namespace) -> Report:
    for option, least in _LEAST.items():
        if getattr(settings, option) < least:
            raise UsageError(f"--{option} must be at least {least}, got {getattr(settings, option)}")
    with tempfile.TemporaryDirectory(prefix="inference-") as folder:
        if settings.scans is None:
            volume = draw_volume(settings.slices, settings.size)
        else:
            volume = load_volume(settings.bundle[0], settings.scans, settings.slices)
        tasks = [task for task in TASKS.values() if settings.tasks is None or task.key in settings.tasks]
        formats = list(dict.fromkeys(task.engine for task in tasks if task.engine != "torch"))
        size_px = (volume.shape[2], volume.shape[3])
        networks = make_networks(settings.bundle, Path(folder), size_px, formats, _say)
        pairs = [(network, task) for network in networks for task in tasks if _wanted(network, task, settings.full)]
        measured = measure(pairs, volume, settings.repeats, say=_say)
    shape = (volume.shape[2], volume.shape[3], volume.shape[4])
    own = settings.scans is not None
    return Report(this_machine(), tuple(networks), shape, own, settings.repeats, tuple(measured))


def _wanted(network: Network, task: Task, full: str) -> bool:
    return task.core or network.name == full


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
