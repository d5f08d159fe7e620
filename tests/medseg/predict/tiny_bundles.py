"""Bundles of networks whose predictions are known, and scans that are gone through in a moment."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.bundles import known_networks
from tests.commands import ROOT
from tests.factories import edit_json
from tests.medseg.io.volume_files import AFFINE_MM, save_nifti

GREY = {"window": [0, 255], "modality": "microscopy", "threshold": 0.5, "foreground": "cell nucleus"}
"""Facts of a training on pictures."""

CT = {"window": [-160, 240], "modality": "CT", "threshold": 0.5, "foreground": "liver"}
"""Facts of a training on CT; the middle of the window is 40 HU."""


def tiny_bundle(
    folder: Path, name: str = "tiny", *, network: str = "Threshold", gain: float = 1000.0, facts: dict[str, Any] = GREY
) -> Path:
    """A bundle with weights.

    Args:
        folder: Where it is made, called ``name``.
        name: What it calls itself.
        network: One of :mod:`tests.bundles.known_networks`.
        gain: Its only parameter.
        facts: What it was trained with.
    """
    bundle = folder / name
    shutil.copytree(ROOT / "bundles" / "unet" / "configs", bundle / "configs")
    target = f"tests.bundles.known_networks.{network}"
    known = {"bundle_name": name, "network_def": {"_target_": target}}
    edit_json(bundle / "configs" / "inference.json", lambda config: config.update(known))
    (bundle / "models").mkdir()
    state = getattr(known_networks, network)().state_dict()
    torch.save({**state, "gain": torch.tensor(gain)}, bundle / "models" / "model.pt")
    (bundle / "models" / "model.json").write_text(json.dumps(facts))
    return bundle


def write_png(path: Path, size: tuple[int, int] = (7, 5), seed: int = 0) -> NDArray[np.uint8]:
    """Random PNG; ``(x, y)``."""
    pixels = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels.T)).save(path)
    return pixels


def write_nifti(path: Path, shape: tuple[int, ...] = (7, 5, 3), seed: int = 0) -> NDArray[np.uint8]:
    """Random NIfTI of grey values; ``(x, y, z)``."""
    return place_nifti(path, np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def place_nifti(path: Path, voxels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Write grey values ``(x, y, z)`` whose columns run to the left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_nifti(path, voxels, affine_mm=AFFINE_MM)
    return voxels


class Shown:
    """Progress that is remembered."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.totals: list[int] = []
        self.done = 0

    @contextmanager
    def scan(self, name: str) -> Iterator[Callable[[int], Callable[[int], None]]]:
        """Note a scan."""
        self.names.append(name)

        def total(slices: int) -> Callable[[int], None]:
            self.totals.append(slices)
            return self._advance

        yield total

    def _advance(self, slices: int) -> None:
        self.done += slices
