"""What makes two trainings the same: the hash of all in a config that decides what is learnt and how it is scored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from medseg.errors import UsageError

__all__ = ["config_sha256", "read_config"]

_COMPONENTS = (
    "network_def",
    "loss",
    "optimizer",
    "lr_scheduler",
    "train::preprocessing",
    "train::dataset",
    "train::dataloader",
    "train::inferer",
    "train::handlers",
    "train::trainer",
    "validate::preprocessing",
    "validate::inferer",
    "validate::postprocessing",
)
_SHOWN_ONLY = {"ignite.handlers.ProgressBar", "medseg.bundle.by_name"}
"""Handlers that look on."""
_OF_THE_MACHINE = {"amp", "num_workers", "pin_memory", "device", "train_handlers"}
_OF_THE_RUN = {"bundle_name", "seed", "fold"}


def read_config(bundle: Path, overrides: Mapping[str, Any]) -> ConfigParser:
    """A bundle's ``train.json`` with overrides in place, as ``python -m monai.bundle run`` sees it, unevaluated.

    Raises:
        UsageError: If the bundle has none or lists no settings, or ids of the overrides are unknown to it.
    """
    path = bundle / "configs" / "train.json"
    if not path.is_file():
        raise UsageError(f"{bundle}: a bundle of a study must have configs/train.json, but it has none")
    parser = ConfigParser()
    parser.read_config(str(path))
    if "settings" not in parser:
        raise UsageError(
            f"{bundle}: a bundle of a study must list its settings as medseg's do, but its train.json has none; start"
            " from a copy: medseg bundles copy"
        )
    unknown = [name for name in overrides if name not in parser]
    if unknown:
        raise UsageError(f"settings must be ids of {path.parent.parent.name}'s train.json, got {unknown[0]}")
    parser.update(dict(overrides))
    return parser


def config_sha256(parser: ConfigParser) -> str:
    """Hash over network, loss, optimiser, data handling and settings; not over seed, fold, data, device and paths.

    Expressions count as they are written: what they evaluate to follows from them and from the data, which are known by
    their own fingerprint.
    """
    content = {name: _decisive(parser.get(name)) for name in _COMPONENTS}
    settings = parser.get("settings")
    content["settings"] = _decisive(
        {name: parser.get(name, value) for name, value in settings.items() if name not in _OF_THE_RUN}
    )
    content["val_interval"] = parser.get("val_interval")  # the best epoch is one of those that were validated
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _decisive(value: Any) -> Any:
    """``value`` without what only looks on or belongs to a machine."""
    if isinstance(value, dict):
        return {name: _decisive(item) for name, item in value.items() if name not in _OF_THE_MACHINE}
    if isinstance(value, (list, tuple)):
        shown = [item for item in value if not (isinstance(item, dict) and item.get("_target_") in _SHOWN_ONLY)]
        return [_decisive(item) for item in shown]
    return value
