"""``python -m benchmarks.splits FIRST SECOND``: two studies, the same but for the split, as a Markdown table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.splits.beside import splits_table
from medseg.errors import MedsegError, UsageError
from medseg.report.gather import gather
from medseg.report.tables import to_markdown

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table.

    Returns:
        Exit status: 0; 1 damaged results; 2 wrong usage, as are studies that may not stand beside each other.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.splits", description=__doc__, allow_abbrev=False)
    parser.add_argument("first", type=Path, help="folder of a study, say with a random split")
    parser.add_argument("second", type=Path, help="folder of a study with the same data, networks and settings")
    parser.add_argument("--metric", default="dice", help="column of volumes_last.csv (default: %(default)s)")
    settings = parser.parse_args(argv)
    try:
        table = splits_table(gather(settings.first), gather(settings.second), settings.metric)
    except MedsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    print(to_markdown(table), end="")
    return 0
