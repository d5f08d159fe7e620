"""What ``make demo`` was asked for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medseg.errors import UsageError

__all__ = ["Settings", "parse"]


@dataclass(frozen=True)
class Settings:
    """Options of the demo.

    Attributes:
        data: Raw folder of the user's own; None makes a phantom.
        prepare: Options for ``data_prep prepare``.
        phantom: Patients, slices a patient (give or take two), and width and height in pixels of the phantom.
        epochs: Epochs of each network.
        steps: Most steps an epoch.
        image_size: Side in pixels to which images are resized for the networks; None takes them as they are.
        install: Whether weights go to bundles that have none yet.
        folder: Where data, scores, table and picture go.
    """

    data: Path | None
    prepare: tuple[str, ...]
    phantom: tuple[int, int, int]
    epochs: int
    steps: int
    image_size: int | None
    install: bool
    folder: Path


def parse(argv: Sequence[str] | None) -> Settings:
    """Read arguments; None reads the process's own.

    Raises:
        UsageError: If an option is unknown or ``--data`` is no folder.
    """
    parser = argparse.ArgumentParser(
        prog="make demo DEMO_ARGS=...",
        description="Four networks from raw scans to a comparison.",
        epilog="With --data, any other option goes to: python -m data_prep prepare.",
        allow_abbrev=False,
    )
    parser.add_argument("--data", type=Path, help="raw folder of your own scans or images; make demo DATA=folder")
    parser.add_argument("--epochs", type=int, default=8, help="epochs of each network (default 8)")
    parser.add_argument("--steps", type=int, default=60, help="most steps an epoch (default 60)")
    parser.add_argument("--image-size", type=int, metavar="PX", help="side to which images are resized for training")
    parser.add_argument("--phantom", type=int, nargs=3, default=(8, 8, 96), metavar=("PATIENTS", "SLICES", "PX"),
                        help="size of the phantom (default 8 8 96)")  # fmt: skip
    parser.add_argument("--no-install", dest="install", action="store_false", help="leave bundles/*/models as it is")
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="for data and results (default .demo)")
    options, others = parser.parse_known_args(argv)
    if others and options.data is None:
        raise UsageError(
            f"options must be known (see --help), got {' '.join(others)}; those of prepare need DATA=folder"
        )
    if options.data is not None:
        options.data = options.data.expanduser()
        if not options.data.is_dir():
            kind = "a file" if options.data.exists() else "nothing there"
            raise UsageError(f"{options.data}: DATA must be a folder of raw scans or images, got {kind}")
    return Settings(**{**vars(options), "prepare": tuple(others), "phantom": tuple(options.phantom)})
