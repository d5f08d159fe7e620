"""What a training is, for its folder, its weights and the tracker."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from medseg.bundle.training_set import training_set
from medseg.manifest import read_manifest

__all__ = ["run_facts"]


def run_facts(
    settings: dict[str, Any], dataset_dir: str, network: torch.nn.Module, device: torch.device
) -> dict[str, Any]:
    """Settings, data, code and machine of a training, as JSON types.

    Args:
        settings: The bundle's flat settings; ``fold`` must be one of them.
        dataset_dir: Prepared data set.
        network: Its parameters are counted.
        device: Where it runs.
    """
    manifest = read_manifest(dataset_dir)
    fold = manifest.fold(settings["fold"])
    return {
        **{name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()},
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "dataset": manifest.name,
        "fingerprint": manifest.fingerprint,
        "modality": manifest.modality,
        "foreground": manifest.foreground,
        "orientation": manifest.orientation,
        "plane": manifest.plane,
        "spacing_mm": None if manifest.spacing_mm is None else list(manifest.spacing_mm),
        "picture_window_hu": None if manifest.window_hu is None else list(manifest.window_hu),
        "picture_levels": None if manifest.picture_levels is None else list(manifest.picture_levels),
        "split": manifest.split.method,
        "split_seed": manifest.split.seed,
        "split_sha256": manifest.split_sha256,
        "leaky": manifest.split.leaky,
        "train_cases": len(fold.train),
        "val_cases": len(fold.val),
        "training_set": training_set(manifest, fold),
        "train_cases_sha256": [manifest.case(name).sha256 for name in fold.train],
        "device": str(device),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "git_commit": _git_commit(),
        **{f"{name}_version": _version(name) for name in ("medseg", "monai", "torch", "pytorch-ignite")},
    }


def _git_commit() -> str | None:
    """Commit of the checkout that medseg is imported from, ``-dirty`` appended where files differ; None outside one."""
    folder = Path(__file__).parent
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--match="],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
