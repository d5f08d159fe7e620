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
_USUAL = {
    "network": "$@network_def.to(@device, memory_format=torch.channels_last)",
    "steps_per_epoch": "$@epoch_length or len(@train::dataloader)",
    "validate::dataset::data": "$medseg.data.slice_items(@dataset_dir, fold=@fold, section='val')",
}
"""What medseg's bundles say; counts where a config says otherwise, so that hashes of results stay what they were."""
_OF_ALL = {
    "_meta_", "imports", "bundle_root", "dataset_dir", "runs_dir", "run_name", "resume", "install", "run_dir",
    "settings", "facts", "scores", "recorder", "train", "validate", "initialize", "run",
}  # fmt: skip
"""Ids of each bundle that decide nothing, or whose parts are counted; any others are a bundle's own, and count."""
_SHOWN_ONLY = {"ignite.handlers.ProgressBar", "medseg.bundle.by_name"}
"""Handlers that look on."""
_OF_THE_MACHINE = {"amp", "num_workers", "pin_memory", "device", "train_handlers"}
_OF_THE_RUN = {"bundle_name", "seed", "fold"}


def read_config(bundle: Path, overrides: Mapping[str, Any]) -> ConfigParser:
    """A bundle's ``train.json`` with overrides in place, as ``python -m monai.bundle run`` sees it, unevaluated.

    Raises:
        UsageError: If the bundle has none, or one that is damaged or lists no settings, or ids of the overrides are
            unknown to it or replace its list of settings.
    """
    path = bundle / "configs" / "train.json"
    if not path.is_file():
        raise UsageError(f"{bundle}: a bundle of a study must have configs/train.json, but it has none")
    parser = ConfigParser()
    try:
        parser.read_config(str(path))
    except ValueError as error:
        raise UsageError(f"{path}: must be JSON, got {error}") from error
    if "settings" not in parser:
        raise UsageError(
            f"{bundle}: a bundle of a study must list its settings as medseg's do, but its train.json has none; start"
            " from a copy: medseg bundles copy"
        )
    unknown = [name for name in overrides if name not in parser]
    if unknown:
        raise UsageError(f"settings must be ids of {path.parent.parent.name}'s train.json, got {unknown[0]}")
    parser.update(dict(overrides))
    if not isinstance(parser.get("settings"), dict):
        raise UsageError(f"settings must leave settings as {path.parent.parent.name}'s train.json has them")
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
    content |= {name: parser.get(name) for name, usual in _USUAL.items() if parser.get(name) != usual}
    content |= {f"own {name}": _decisive(parser.get(name)) for name in _own_ids(parser)}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _own_ids(parser: ConfigParser) -> set[str]:
    """Top-level ids to which expressions may refer and that medseg's bundles do not have."""
    counted = {*_COMPONENTS, *_USUAL, *parser.get("settings"), "val_interval"}
    return set(parser.get()) - counted - _OF_ALL - _OF_THE_MACHINE - _OF_THE_RUN


def _decisive(value: Any) -> Any:
    """``value`` without what only looks on or belongs to a machine."""
    if isinstance(value, dict):
        return {name: _decisive(item) for name, item in value.items() if name not in _OF_THE_MACHINE}
    if isinstance(value, (list, tuple)):
        shown = [item for item in value if not (isinstance(item, dict) and item.get("_target_") in _SHOWN_ONLY)]
        return [_decisive(item) for item in shown]
    return value
