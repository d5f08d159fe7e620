"""``python -m benchmarks.intake``: measures, prints Markdown, writes JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.intake.machine import this_machine
from benchmarks.intake.material import borrow, draw
from benchmarks.intake.report import Report
from benchmarks.intake.rounds import FAILED, measure
from benchmarks.intake.tasks import TASKS
from medseg.errors import MedsegError, UsageError

__all__ = ["main"]

_LEAST = {"repeats": 1, "slices": 8, "size": 32, "cases": 1}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark.

    Returns:
        Exit status: 0 measured, also where a bound is missed; 1 a task failed or tools disagree; 2 wrong usage.
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
    failed = any(samples.missing == FAILED for samples in report.measured)
    return 1 if failed or report.disagreements else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intake", description=__doc__, allow_abbrev=False)
    parser.add_argument("--repeats", type=int, default=7, help="counted rounds (default: %(default)s)")
    parser.add_argument("--slices", type=int, default=200, help="slices a series (default: %(default)s)")
    parser.add_argument("--size", type=int, default=512, help="columns and rows (default: %(default)s)")
    parser.add_argument("--cases", type=int, default=4, help="series prepared together (default: %(default)s)")
    parser.add_argument("--series", type=Path, help="folder of a DICOM series of your own, instead of drawing one")
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), help="measure only these")
    parser.add_argument("--json", type=Path, default=Path("build/intake.json"), help="default: %(default)s")
    return parser


def _run(settings: argparse.Namespace) -> Report:
    for option, least in _LEAST.items():
        if getattr(settings, option) < least:
            raise UsageError(f"--{option} must be at least {least}, got {getattr(settings, option)}")
    tasks = [task for key, task in TASKS.items() if settings.tasks is None or key in settings.tasks]
    with tempfile.TemporaryDirectory(prefix="intake-") as folder:
        root = Path(folder)
        if settings.series is not None:
            material = borrow(root, settings.series)
        else:
            material = draw(root, slices=settings.slices, size_px=settings.size, cases=settings.cases, say=_say)
        measured = measure(tasks, material, settings.repeats, say=_say)
    return Report(this_machine(), material, settings.repeats, tuple(measured))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
