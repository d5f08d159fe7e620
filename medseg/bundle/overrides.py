"""Find overrides that no config knows: MONAI takes ``--max_epoch 3`` silently and trains 32 epochs."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monai.bundle.utils import DEFAULT_MLFLOW_SETTINGS

__all__ = ["booleans", "unknown_ids"]

_RESERVED = {"_meta_", "imports", "initialize", "run", "finalize", *DEFAULT_MLFLOW_SETTINGS["configs"]}


def unknown_ids(config: dict[str, Any], configs_dir: Path) -> dict[str, str | None]:
    """Ids in ``config`` that neither the bundle's config files define nor anything refers to.

    Args:
        config: Merged config of a workflow, overrides in place.
        configs_dir: The bundle's ``configs``.

    Returns:
        Each unknown id with the known one that looks most like it, if any does.
    """
    known: set[str] = set()
    for file in configs_dir.glob("*.json"):
        if file.name != "metadata.json":
            known |= {key.removeprefix("+") for key in _ids(json.loads(file.read_text(encoding="utf-8")))}
    text = json.dumps({key: value for key, value in config.items() if key != "_meta_"}, default=str)
    referenced = {name.replace("#", "::") for name in re.findall(r"@([\w:#]+)", text)}
    unknown = [name for name in _ids(config) if name not in known | referenced and name.split("::")[0] not in _RESERVED]
    return {name: next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)), None) for name in unknown}


def booleans(config: dict[str, Any]) -> dict[str, bool]:
    """Top-level ids whose values are the texts ``true`` or ``false``, as a command line gives them.

    Args:
        config: Merged config of a workflow, overrides in place.
    """
    words = {"true": True, "false": False}
    return {
        key: words[value.lower()] for key, value in config.items() if isinstance(value, str) and value.lower() in words
    }


def _ids(config: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Ids of a config down to its components; what is inside one is checked when it is made."""
    for key, value in config.items():
        yield prefix + key
        if isinstance(value, dict) and "_target_" not in value and key != "_meta_":
            yield from _ids(value, f"{prefix}{key}::")
