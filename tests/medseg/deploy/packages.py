"""Bundles that can be packed: with weights that were drawn, and what is known of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.factories import edit_json
from tests.medseg.deploy.export_bundles import make_bundle

FACTS: dict[str, Any] = {
    "bundle_name": "unet",
    "dataset": "discs",
    "fingerprint": "f00d",
    "fold": 2,
    "train_cases": 4,
    "modality": "CT",
    "foreground": "disc",
    "window": [-100.0, 300.0],
    "threshold": 0.53,  # of these drawn weights, some pixels are foreground and some are not
    "image_size": None,
    "orientation": None,
    "leaky": False,
    "which": "last",
    "epoch": 7,
    "max_epochs": 7,
    "medseg_version": "0.1.0",
    "git_commit": None,
}


def make_known_bundle(folder: Path, **facts: Any) -> Path:
    """A narrow U-Net, ``folder/unet``, with weights and a ``model.json`` that says what they learnt from."""
    bundle = make_bundle(folder)
    (bundle / "models" / "model.json").write_text(json.dumps({**FACTS, **facts}))
    edit_json(bundle / "configs" / "train.json", lambda config: config["network_def"].update(widths=[4, 8, 16]))
    return bundle
