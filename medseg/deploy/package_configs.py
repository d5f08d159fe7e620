"""A bundle's configs as they go into a package: they find the code that lies beside them, and name what was learnt."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from medseg.deploy.trained import check_no_paths
from medseg.errors import MedsegError

__all__ = ["REQUIRED", "packaged_configs"]

REQUIRED = (
    "fire",
    "highdicom",
    "nibabel",
    "pillow",
    "pydicom",
    "pyjpegls",
    "pylibjpeg-openjpeg",
    "python-gdcm",
    "pytorch-ignite",
    "scikit-image",
    "scipy",
    "tqdm",
)
"""Distributions that prediction imports beside those that every MONAI bundle names: monai, torch and numpy."""

_IMPORTS = ["$import sys", "$import inspect", "$import monai"]

# MONAI puts a bundle's folder on the search path only when it runs a workflow, after `initialize`, which needs medseg.
# So the first of its expressions does, where the imports have failed, and lets the parser import again. MONAI gives
# expressions neither the workflow nor the config's place, but it is on the call stack.
_FIND_CODE = (
    "$None if 'medseg' in sys.modules else [(sys.path.append(str(workflow.config_root_path.resolve().parent)),"
    " workflow.parser.parse(reset=True)) for workflow in [next(level.frame.f_locals['self'] for level in"
    " inspect.stack() if isinstance(level.frame.f_locals.get('self'), monai.bundle.ConfigWorkflow))]]"
)


def packaged_configs(bundle: Path, facts: dict[str, Any]) -> dict[str, bytes]:
    """Files of a bundle's ``configs``.

    Args:
        bundle: Its folder.
        facts: What its weights were trained with.

    Returns:
        Content by path below the bundle's folder.

    Raises:
        MedsegError: If a config is not JSON, or holds a path of this machine.
    """
    files = {}
    for path in sorted((bundle / "configs").iterdir()):
        if path.suffix == ".json":
            content = _read(path)
            check_no_paths(path, content)
            changed = _metadata(content, facts) if path.name == "metadata.json" else _finding_code(content)
            files[f"configs/{path.name}"] = (json.dumps(changed, indent=4, ensure_ascii=False) + "\n").encode()
        elif path.name == "logging.conf":
            files[f"configs/{path.name}"] = path.read_bytes()
    return files


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MedsegError(f"{path}: must be JSON, got {error}") from error
    if not isinstance(content, dict):
        raise MedsegError(f"{path}: must be a JSON object, got {type(content).__name__}")
    return content


def _finding_code(config: dict[str, Any]) -> dict[str, Any]:
    """The config with an ``initialize`` that puts the bundle's folder on the search path if need be."""
    changed = dict(config)
    if "imports" in config:
        changed["imports"] = [*_IMPORTS, *(entry for entry in config["imports"] if entry not in _IMPORTS)]
    if "initialize" in config:
        changed["initialize"] = [_FIND_CODE, *config["initialize"]]
    return changed


def _metadata(metadata: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """Metadata with what was learnt: clients make their table of labels of ``channel_def``."""
    changed: dict[str, Any] = json.loads(json.dumps(metadata))
    changed["network_data_format"]["inputs"]["image"]["modality"] = facts["modality"]
    channels = {"0": "background", "1": facts["foreground"]}
    changed["network_data_format"]["outputs"]["pred"]["channel_def"] = channels
    changed["required_packages_version"] = {name: installed for name in REQUIRED if (installed := _version(name))}
    changed["data_source"] = facts["dataset"]
    return changed


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
