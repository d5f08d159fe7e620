"""Render the four bundles from ``bundles/template``: ``python bundles/render.py`` writes, ``--check`` compares.

The bundles differ in what stands in :data:`BUNDLES` and in nothing else.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE / "template"

_UNET = {"_target_": "medseg.networks.UNet", "in_channels": 1, "out_channels": 1, "dropout": "@dropout"}

BUNDLES: dict[str, dict[str, Any]] = {
    "unet": {
        "title": "U-Net",
        "description": "Classical U-Net without batch norm, 7,759,521 parameters",
        "paper": "U-Net",
        "parameters": "7,759,521",
        "multiple": 16,
        "inference_batch_size": 1,
        "learning_rate": 0.001,
        "dropout": 0.0,
        "network_def": {**_UNET, "skip_from": 2, "concat_bottom": False, "batch_norm": False},
    },
    "unet_early_skip": {
        "title": "U-Net with early skip connections",
        "description": "U-Net whose skip connections leave each block after its first convolution,"
        " with batch norm, 7,765,409 parameters",
        "paper": "Ours2, improved skip connection only",
        "parameters": "7,765,409",
        "multiple": 16,
        "inference_batch_size": 1,
        "learning_rate": 0.001,
        "dropout": 0.1,
        "network_def": {**_UNET, "skip_from": 1, "concat_bottom": False, "batch_norm": True},
    },
    "unet_early_skip_concat": {
        "title": "U-Net with early skip connections and concatenated bottom block",
        "description": "U-Net with early skip connections and batch norm whose bottom block hands both convolutions'"
        " results to the decoder, 8,289,697 parameters",
        "paper": "Ours1, improved skip connection and concatenation in the fifth block",
        "parameters": "8,289,697",
        "multiple": 16,
        "inference_batch_size": 1,
        "learning_rate": 0.001,
        "dropout": 0.1,
        "network_def": {**_UNET, "skip_from": 1, "concat_bottom": True, "batch_norm": True},
    },
    "fcn8s": {
        "title": "FCN-8s",
        "description": "FCN-8s on VGG16 with convolutionalised fc6 and fc7, 134,264,547 parameters",
        "paper": "FCN-8s",
        "parameters": "134,264,547",
        "multiple": 32,
        "inference_batch_size": 4,
        "learning_rate": 0.0003,
        "dropout": 0.5,
        "network_def": {
            "_target_": "medseg.networks.FCN8s",
            "in_channels": 1,
            "out_channels": 1,
            "dropout": "@dropout",
            "vgg16_weights": None,
        },
    },
}


def render(name: str) -> dict[str, str]:
    """Files of one bundle: path below its folder, and text."""
    values = {"name": name, **BUNDLES[name]}
    files = {}
    for source in sorted(TEMPLATE.rglob("*")):
        if source.is_file():
            text = source.read_text(encoding="utf-8")
            files[str(source.relative_to(TEMPLATE))] = _fill(text, values, as_json=source.suffix == ".json")
    files["LICENSE"] = (HERE.parent / "LICENSE").read_text(encoding="utf-8")
    return files


def main() -> int:
    """Write all bundles, or with ``--check`` name the files that differ and return 1."""
    differing = []
    for name in BUNDLES:
        for path, text in render(name).items():
            target = HERE / name / path
            if target.is_file() and target.read_text(encoding="utf-8") == text:
                continue
            differing.append(target.relative_to(HERE.parent))
            if "--check" not in sys.argv[1:]:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
    for path in differing:
        print(f"{'differs' if '--check' in sys.argv[1:] else 'wrote'}: {path}")
    return 1 if differing and "--check" in sys.argv[1:] else 0


def _fill(text: str, values: dict[str, Any], *, as_json: bool) -> str:
    """Replace ``<key>``; in JSON a string that is nothing but ``"<key>"`` becomes the value itself."""
    if as_json:
        for key, value in values.items():
            if not isinstance(value, str):
                block = json.dumps(value, indent=4).replace("\n", "\n    ")
                text = text.replace(f'"<{key}>"', block)
    return re.sub("<(" + "|".join(values) + ")>", lambda match: str(values[match[1]]), text)


if __name__ == "__main__":
    raise SystemExit(main())
