"""The MONAI workflow that evaluates a config expression.

MONAI hands expressions neither the workflow nor its parser, so they are looked up on the call stack.
"""

from __future__ import annotations

import copy
import inspect
import sys
from pathlib import Path
from typing import Any

from monai.bundle import ConfigWorkflow

__all__ = ["by_name", "current_workflow", "executed_config", "is_command", "root"]


def current_workflow() -> ConfigWorkflow | None:
    """The workflow whose expression is being evaluated; None where a config is parsed without one."""
    frame = inspect.currentframe()
    while frame is not None:
        candidate = frame.f_locals.get("self")
        if isinstance(candidate, ConfigWorkflow):
            return candidate
        frame = frame.f_back
    return None


def root() -> str:
    """Folder of the bundle: the one above its ``configs``.

    Without a workflow it is the first on Python's search path that holds a bundle, where MONAI Deploy's operator puts
    it before it reads the configs; failing that, the working directory.
    """
    workflow = current_workflow()
    if workflow is not None:
        return str(Path(workflow.config_root_path).resolve().parent)
    return next((folder for folder in sys.path if _is_bundle(Path(folder))), "") or "."


def _is_bundle(folder: Path) -> bool:
    return all((folder / "configs" / name).is_file() for name in ("inference.json", "metadata.json"))


def by_name(handler: Any) -> Any:
    """``handler`` itself.

    MONAI's ``check_properties`` wants components for a trainer's handlers, and stumbles over a plain reference.
    """
    return handler


def executed_config() -> dict[str, Any]:
    """The config as it is run, with overlays, overrides and tracking settings in place."""
    workflow = current_workflow()
    if workflow is None:
        return {}
    return {key: value for key, value in copy.deepcopy(workflow.parser.get()).items() if key != "_meta_"}


def is_command() -> bool:
    """Whether this process is ``python -m monai.bundle`` rather than a client that loads a bundle."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name == "monai.bundle.__main__"
