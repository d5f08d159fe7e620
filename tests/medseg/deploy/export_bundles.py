"""Bundles with weights that were drawn, not trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from torch import nn

from medseg.deploy.bundle_config import read_bundle
from tests.commands import ROOT
from tests.factories import edit_json


def make_bundle(folder: Path, name: str = "unet", *, tiny: bool = True, seed: int = 0) -> Path:
    """Copy a bundle and put weights into it.

    Args:
        folder: Where the copy is made, called ``name``.
        name: Bundle.
        tiny: Whether its U-Net is made narrow, which makes tests fast.
        seed: Seed of the weights.
    """
    bundle = folder / name
    shutil.copytree(ROOT / "bundles" / name, bundle, ignore=shutil.ignore_patterns("model*", "exports.json"))
    (bundle / "models").mkdir(exist_ok=True)
    if tiny:
        edit_json(bundle / "configs" / "inference.json", lambda config: config["network_def"].update(widths=[4, 8, 16]))
    put_weights(bundle, seed)
    return bundle


def put_weights(bundle: Path, seed: int) -> None:
    """Install other weights, as a training does; batch norm does not do nothing, as it does at first."""
    torch.manual_seed(seed)
    network: nn.Module = read_bundle(bundle).get_parsed_content("network_def")
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.8, 1.5)
            nn.init.uniform_(layer.weight, 0.8, 1.2)
            nn.init.normal_(layer.bias, std=0.1)
    torch.save(network.state_dict(), bundle / "models" / "model.pt")
    facts = {"window": [0, 255], "threshold": 0.4, "image_size": None, "orientation": None}
    (bundle / "models" / "model.json").write_text(json.dumps(facts))


def files_of(bundle: Path) -> set[str]:
    """What lies in ``models``, hidden files included, but the read-me."""
    return {path.name for path in (bundle / "models").iterdir()} - {"README.md"}
