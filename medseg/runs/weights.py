"""Weights and what they were trained on; the rule that a training case is never scored.

``model.pt`` is a plain state dict; ``model.json`` beside it carries the run, fold, data fingerprint, hashes of the
training cases, and the settings that prediction needs: window, image size, threshold, orientation, foreground.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch

from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import atomic_path, write_json
from medseg.io.hashes import file_sha256
from medseg.manifest import read_manifest
from medseg.once import warn_once
from medseg.runs.folder import RunFolder

__all__ = [
    "check_unseen",
    "check_weights",
    "find_weights",
    "install_weights",
    "load_weights",
    "save_weights",
    "trained_ct",
    "trained_window",
    "trained_window_hu",
    "trained_with",
    "weights_facts",
]


log = logging.getLogger(__name__)


def find_weights(bundle_root: str, run: str | None = None, which: str = "last") -> Path:
    """The weights of a run, or the bundle's installed ones.

    Args:
        bundle_root: Bundle folder.
        run: Folder of a training, or None.
        which: ``last`` or ``best`` epoch of the run.

    Returns:
        Path of a state dict, whether it exists or not; without ``run`` it is ``models/model.pt``.

    Raises:
        UsageError: If ``run`` is no training's folder, or ``which`` is neither ``last`` nor ``best``.
    """
    if run is None:
        return Path(bundle_root) / "models" / "model.pt"
    if which not in ("last", "best"):
        raise UsageError(f"which must be 'last' or 'best', got {which!r}")
    path = RunFolder(Path(run)).weights(which)
    if not path.is_file():
        raise UsageError(
            f"{run}: run must be the folder of a finished training, but it has no weights/{which}/model.pt"
        )
    return path


def weights_facts(weights: Path | str) -> dict[str, Any]:
    """All that is known of weights: the content of the ``.json`` beside them, empty where there is none.

    Raises:
        MedsegError: If the file is damaged.
    """
    facts = Path(weights).with_suffix(".json")
    if not facts.is_file():
        return {}
    try:
        known = json.loads(facts.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MedsegError(f"{facts}: must be JSON, got {error}; train the bundle again") from error
    except OSError as error:
        raise MedsegError(f"{facts}: must be readable, got {error.strerror or error}") from error
    if not isinstance(known, dict):
        raise MedsegError(f"{facts}: must be JSON, got a {type(known).__name__} and no object; train the bundle again")
    return known


def trained_with(weights: Path | str, setting: str, default: Any) -> Any:
    """A setting that the weights were trained with, or ``default`` where nothing is known of them."""
    return weights_facts(weights).get(setting, default)


def trained_ct(weights: Path | str) -> str | None:
    """``CT`` where the weights were trained on scans in HU, by which files that do not say count as CT; else None."""
    return "CT" if trained_with(weights, "modality", None) == "CT" else None


def trained_window(weights: Path | str) -> tuple[float, float]:
    """The window that the weights were trained with; 0 to 255, with a warning, where nothing is known of them."""
    facts = weights_facts(weights)
    if "window" in facts:
        low, high = facts["window"]
        return float(low), float(high)
    if Path(weights).is_file():
        warn_once(log, f"{Path(weights).with_suffix('.json')}: does not exist, so a window of 0 to 255 is assumed")
    return 0.0, 255.0


def trained_window_hu(
    weights: Path | str, window: Sequence[float], picture_window_hu: Sequence[float] | None = None
) -> tuple[float, float] | str:
    """The HU of a window of the training images.

    Args:
        weights: State dict with its ``.json`` beside it.
        window: Values of the training images.
        picture_window_hu: HU that became the least and the greatest grey value of the training's pictures, where a
            person says so.

    Returns:
        ``window`` itself for weights that were trained on HU, or of which nothing is known. For weights of pictures the
        HU that the window's grey values were, if the data set or a person says, and ``unknown`` otherwise.

    Raises:
        UsageError: If a person says what pictures were, but the weights were trained on HU.
    """
    low, high = (float(end) for end in window)
    modality = trained_with(weights, "modality", None)
    if modality == "CT" and picture_window_hu is not None:
        raise UsageError(
            "--window-hu must go with weights of windowed pictures, got weights that were trained on CT in HU, whose"
            " window is known; leave it out"
        )
    if picture_window_hu is None:
        if modality in (None, "CT"):
            return low, high
        picture_window_hu = trained_with(weights, "picture_window_hu", None)
    if picture_window_hu is None:
        return "unknown"
    least, most = trained_with(weights, "picture_levels", None) or (0, 255)
    hu_per_level = (picture_window_hu[1] - picture_window_hu[0]) / (most - least)
    return picture_window_hu[0] + (low - least) * hu_per_level, picture_window_hu[0] + (high - least) * hu_per_level


def load_weights(weights: Path | str, network: torch.nn.Module) -> None:
    """Fill ``network`` with a state dict, in place.

    Raises:
        UsageError: If the file does not exist.
        MedsegError: If it is no state dict, or another network's.
    """
    path = Path(weights)
    if not path.is_file():
        raise UsageError(f"{path}: weights must exist; train the bundle first, or name a training with --run")
    check_weights(path)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # unpickling a damaged file raises nearly anything
        # torch names the network on the first line, and what does not fit, perhaps at length, on the others.
        reason = shorten(" ".join(str(error).split()), 160, placeholder=" ...") or type(error).__name__
        raise MedsegError(f"{path}: must be this network's state dict, got {reason}") from error


def check_weights(weights: Path) -> None:
    """Refuse weights that are not those of which the ``.json`` beside them tells.

    Raises:
        MedsegError: If it names others.
    """
    told = weights_facts(weights).get("weights_sha256")
    if told is not None and told != file_sha256(weights):
        raise MedsegError(
            f"{weights}: must be the weights that {weights.with_suffix('.json').name} tells of, got others; copy both"
            " files from the training, or train again"
        )


def check_unseen(weights: Path | str, dataset_dir: str, fold: int, *, allow_seen: bool) -> bool:
    """Refuse to score cases that the weights were trained on; cases are known by their pixels.

    Args:
        weights: State dict with its ``.json`` beside it.
        dataset_dir: Prepared data set.
        fold: Fold whose validation cases are to be scored.
        allow_seen: Go on all the same; the result must then be marked.

    Returns:
        Whether any of the cases was seen in training.

    Raises:
        UsageError: If one was seen and ``allow_seen`` is off, or nothing is known of the weights.
    """
    facts = Path(weights).with_suffix(".json")
    if not facts.is_file():
        if allow_seen:
            return True
        raise UsageError(
            f"{facts}: must say which cases the weights were trained on, but it does not exist;"
            " --allow_seen true scores all the same and marks the result"
        )
    trained_on = set(json.loads(facts.read_text(encoding="utf-8"))["train_cases_sha256"])
    manifest = read_manifest(dataset_dir)
    seen = [name for name in manifest.fold(fold).val if manifest.case(name).sha256 in trained_on]
    if seen and not allow_seen:
        raise UsageError(
            f"{weights}: was trained on {len(seen)} of {len(manifest.fold(fold).val)} validation cases of fold {fold}"
            f" ({seen[0]}, ...); score fold {trained_with(weights, 'fold', '?')}, or --allow_seen true marks the result"
        )
    return bool(seen)


def install_weights(run: RunFolder, bundle_root: str, which: str = "last") -> Path:
    """Copy a run's weights and their ``.json`` into the bundle's ``models``, each atomically."""
    source = find_weights(bundle_root, str(run.root), which)
    target = find_weights(bundle_root)
    for suffix in (".pt", ".json"):
        with atomic_path(target.with_suffix(suffix)) as partial:
            shutil.copyfile(source.with_suffix(suffix), partial)
    return target


def save_weights(run: RunFolder, which: str, state: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
    """Write a run's weights and what they were trained on, each atomically.

    Args:
        run: The run.
        which: ``last`` or ``best``.
        state: The network's state dict.
        facts: Content of the ``.json``.
    """
    path = run.weights(which)
    with atomic_path(path) as partial:
        torch.save({name: value.detach().cpu() for name, value in state.items()}, partial)
    write_json(path.with_suffix(".json"), {**facts, "weights_sha256": file_sha256(path)})
