"""What is predicted, and by what: a volume, and bundles with weights and exports."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.inference.floor import slice_flops
from data_prep.phantom.acquisition import plan
from data_prep.phantom.scanner import Scanner
from medseg.deploy.bundle_config import bundle_slices, read_bundle
from medseg.deploy.export import export_bundle
from medseg.errors import UsageError

__all__ = ["Network", "draw_volume", "load_volume", "make_networks"]

_WINDOW_HU = (-160.0, 240.0)


@dataclass(frozen=True)
class Network:
    """A network that is measured.

    Attributes:
        name: Its bundle's.
        bundle: Copy of the bundle with weights and exports.
        trained: Whether the weights are a training's; else they were drawn.
        slice_flops: Multiplications and additions that a slice takes.
    """

    name: str
    bundle: Path
    trained: bool
    slice_flops: int


def make_networks(
    bundles: Sequence[Path], root: Path, size_px: tuple[int, int], formats: Sequence[str], say: Callable[[str], None]
) -> list[Network]:
    """Copy bundles, give weights to those that have none, and export them.

    Args:
        bundles: Folders.
        root: Where copies are made.
        size_px: Sides of a slice.
        formats: Exports that tasks need.
        say: Told what is being done.
    """
    networks = []
    for source in bundles:
        bundle = root / source.name
        shutil.copytree(source, bundle, ignore=shutil.ignore_patterns("docs"))
        weights = bundle / "models" / "model.pt"
        trained = weights.is_file()
        network: torch.nn.Module = read_bundle(bundle).get_parsed_content("network_def")
        if not trained:
            torch.save(network.state_dict(), weights)
        if formats:
            say(f"exporting {bundle.name}")
            export_bundle(bundle, formats)
        networks.append(Network(bundle.name, bundle, trained, slice_flops(network, size_px)))
    return networks


def load_volume(bundle: Path, scans: Path, slices: int) -> NDArray[np.float32]:
    """Slices of scans as a bundle's network sees them, ``(1, 1, x, y, slices)``.

    Raises:
        UsageError: If there are too few, or they differ in size.
    """
    images = bundle_slices(bundle, scans, a_scan=slices)
    if len({image.shape for image in images}) != 1 or len(images) < slices:
        raise UsageError(f"{scans}: scans must have {slices} slices of one size, got {len(images)}")
    chosen = np.linspace(0, len(images) - 1, slices).round().astype(int)
    return np.stack([images[index].numpy() for index in chosen], axis=-1)


def draw_volume(slices: int, size_px: int) -> NDArray[np.float32]:
    """Slices of the phantom's CT in a liver's window, ``(1, 1, x, y, slices)``."""
    body, scan = plan(1, slices=slices, size_px=size_px, seed=0, identity="benchmark")
    scanner = Scanner(body, scan)
    planes = [scanner.image(plane) for plane in scan.planes[:slices]]
    low, high = _WINDOW_HU
    volume = 2 * (np.stack(planes, axis=-1).clip(low, high) - low) / (high - low) - 1
    return volume[None, None].astype(np.float32)
