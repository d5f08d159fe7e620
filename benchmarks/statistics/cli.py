"""``python -m benchmarks.statistics``: simulates, prints Markdown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context

from benchmarks.statistics.coverage import cover
from benchmarks.statistics.designs import BLOCKS, EFFECT, ONE_SEED, SEEDS, TRIALS, Trial
from benchmarks.statistics.report import coverage_table, verdict_table
from benchmarks.statistics.simulate import Design
from benchmarks.statistics.verdicts import Verdicts, count_verdicts

__all__ = ["main"]

_COVERAGE: Mapping[str, tuple[str, str, Mapping[str, Design]]] = {
    "one-seed": ("One training a fold: the difference of these trained networks", "trained", ONE_SEED),
    "seeds": ("Several trainings a fold: the difference of the architectures", "architectures", SEEDS),
    "blocks": ("Within blocks", "architectures", BLOCKS),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulations.

    Returns:
        Exit status: 0; 2 wrong usage.
    """
    settings = _parser().parse_args(argv)
    for option in ("repetitions", "comparisons", "workers"):
        if getattr(settings, option) < 1:
            print(f"error: --{option} must be at least 1, got {getattr(settings, option)}", file=sys.stderr)
            return 2
    with ProcessPoolExecutor(settings.workers, get_context("spawn")) as pool:
        for name, (title, target, designs) in _COVERAGE.items():
            if name in settings.tables:
                found = pool.map(cover, designs.values(), repeat(settings.repetitions), _seeds(settings.seed))
                print(coverage_table(title, target, dict(zip(designs, found, strict=False))), end="\n\n", flush=True)
        if "verdicts" in settings.tables:
            print(_verdicts(settings, pool), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    names = [*_COVERAGE, "verdicts"]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics", description=__doc__, allow_abbrev=False)
    parser.add_argument("--repetitions", type=int, default=2000, help="intervals a row (default: %(default)s)")
    parser.add_argument("--comparisons", type=int, default=500, help="comparisons a row (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first row (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--tables", nargs="+", choices=names, default=names, help="make only these")
    return parser


def _verdicts(settings: argparse.Namespace, pool: Executor) -> str:
    found = pool.map(_judge, TRIALS.values(), repeat(settings.comparisons), _seeds(settings.seed))
    return verdict_table(f"Verdicts; one network better by {EFFECT:g}, or none", dict(zip(TRIALS, found, strict=False)))


def _judge(trial: Trial, comparisons: int, seed: int) -> tuple[Verdicts, Verdicts]:
    equal = count_verdicts(trial.design, trial.networks, 0.0, comparisons, seed)
    return equal, count_verdicts(trial.design, trial.networks, EFFECT, comparisons, seed)


def _seeds(first: int) -> range:
    """A seed a row, so that no row depends on another."""
    return range(first, first + 1000)
