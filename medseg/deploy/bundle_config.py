"""What a bundle's own ``inference.json`` says of its network and of how scans come to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from monai.bundle import ConfigParser
from torch import Tensor, nn

from medseg.bundle.one_line import known_cause
from medseg.errors import UsageError
from medseg.runs import find_weights, load_weights

__all__ = ["SLICES_A_SCAN", "bundle_network", "bundle_slices", "read_bundle"]

SLICES_A_SCAN = 8


def bundle_network(bundle_root: Path) -> nn.Module:
    """The bundle's ``network_def`` with its installed weights, on the CPU, for evaluation.

    Raises:
        UsageError: If the folder is no bundle, or has no weights.
        MedsegError: If the weights are another network's.
    """
    network: nn.Module = read_bundle(bundle_root).get_parsed_content("network_def")
    load_weights(find_weights(str(bundle_root)), network)
    return network.eval()


def bundle_slices(bundle_root: Path, scans: Path, *, a_scan: int = SLICES_A_SCAN) -> list[Tensor]:
    """Slices of scans as the bundle's network sees them, after the bundle's own preprocessing.

    Args:
        bundle_root: Bundle.
        scans: What ``inference.json`` takes as ``dataset_dir``.
        a_scan: Slices taken of each scan, evenly spaced; all of one that has fewer.

    Returns:
        Each ``(1, 1, x, y)`` float32.

    Raises:
        UsageError: If ``scans`` holds none.
        MedsegError: If a scan is broken.
    """
    parser = read_bundle(bundle_root)
    parser["dataset_dir"] = str(scans)
    try:
        return _slices(parser, a_scan)
    except Exception as error:  # MONAI wraps what a reader raises
        known = known_cause(error)
        if known is None:
            raise
        raise known from error


def _slices(parser: ConfigParser, a_scan: int) -> list[Tensor]:
    slices: list[Tensor] = []
    for item in parser.get_parsed_content("dataset"):
        volume = torch.as_tensor(np.asarray(item["image"]), dtype=torch.float32)  # (1, x, y, z)
        count = min(a_scan, volume.shape[3])
        chosen = np.linspace(0, volume.shape[3] - 1, count).round().astype(int)
        slices += [volume[None, ..., int(index)].contiguous() for index in chosen]
    return slices


def read_bundle(bundle_root: Path) -> ConfigParser:
    """The bundle's ``inference.json``, of which components may be taken.

    Raises:
        UsageError: If there is none.
    """
    config = bundle_root / "configs" / "inference.json"
    if not config.is_file():
        raise UsageError(f"{bundle_root}: must be a bundle's folder, but it has no configs/inference.json")
    parser = ConfigParser()
    parser.read_config(str(config))
    parser["bundle_root"] = str(bundle_root)
    return parser
