"""A prepared data set's description from its files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, get_args

from medseg.errors import MedsegError, UsageError
from medseg.io.orient import Plane
from medseg.manifest.schema import (
    FORMAT_VERSION,
    GREY_LEVELS,
    UNFINISHED,
    Case,
    Fold,
    Intensity,
    Manifest,
    SliceRow,
    Split,
)

__all__ = ["read_manifest", "read_slices"]


def read_manifest(dataset_dir: Path | str) -> Manifest:
    """Read a prepared data set's description.

    Raises:
        UsageError: If the folder does not exist or is not a prepared data set.
        MedsegError: If its files are damaged or of another format version.
    """
    root = Path(dataset_dir)
    path = root / "dataset.json"
    if not root.is_dir():
        raise UsageError(f"{root}: dataset_dir must be a prepared data set, but there is no such folder")
    if not path.is_file() and (root / UNFINISHED).is_file():
        raise UsageError(
            f"{root}: dataset_dir must be a prepared data set, but it has no dataset.json, since its preparation was"
            " stopped; run it again"
        )
    if not path.is_file():
        raise UsageError(
            f"{root}: dataset_dir must be a prepared data set, but it has no dataset.json;"
            f" prepare it with: python -m data_prep prepare {root} OUT"
        )
    content = _load(path)
    ours = content.get("medseg") if isinstance(content, dict) else None
    if not isinstance(ours, dict):
        raise UsageError(
            f"{path}: must have been written by data_prep, but it has no 'medseg' entry;"
            f" prepare it with: python -m data_prep prepare {root} OUT"
        )
    if ours.get("format_version") != FORMAT_VERSION:
        raise MedsegError(
            f"{path}: format_version must be {FORMAT_VERSION}, got {ours.get('format_version')}; prepare it again"
        )
    try:
        return _from_json(root, content, _load(root / "splits_final.json"))
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError) as error:
        raise MedsegError(
            f"{path}: must hold a prepared data set's entries, got {error!r}; prepare it again"
        ) from error


def read_slices(dataset_dir: Path | str) -> list[SliceRow]:
    """Read ``slices.csv``.

    Raises:
        MedsegError: If the file is missing or damaged.
    """
    path = Path(dataset_dir) / "slices.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                SliceRow(row["case"], int(row["slice"]), int(row["foreground_px"]) if row["foreground_px"] else None)
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise MedsegError(f"{path}: must list case, slice, foreground_px, got {error!r}; prepare it again") from error


def _from_json(root: Path, content: dict[str, Any], folds: list[dict[str, list[str]]]) -> Manifest:
    ours = content["medseg"]
    foreground = next(name for name, value in content["labels"].items() if value == 1)
    return Manifest(
        root=root,
        name=content["name"],
        modality=content["channel_names"]["0"],
        layout=ours["layout"],
        foreground=foreground,
        orientation=ours["orientation"],
        # Data sets of before these were recorded have none of them.
        plane=_plane(ours.get("plane", "axial")),
        spacing_mm=_three(ours.get("spacing_mm")),
        window_hu=_window(ours.get("window_hu"), ours["intensity"]["dtype"]),
        cases=tuple(_case_from_json(case) for case in ours["cases"]),
        intensity=Intensity(**ours["intensity"]),
        split=Split(**{key: ours["split"][key] for key in ("method", "seed", "folds")}),
        folds=tuple(Fold(tuple(fold["train"]), tuple(fold["val"])) for fold in folds),
    )


def _case_from_json(case: dict[str, Any]) -> Case:
    sizes = {key: tuple(case[key]) for key in ("shape", "spacing_mm") if case.get(key) is not None}
    return Case(**{**case, **sizes})


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MedsegError(f"{path}: must be readable JSON, got {error}; prepare the data set again") from error


def _plane(value: str) -> Plane:
    if value not in get_args(Plane):
        raise ValueError(f"plane {value!r}")
    plane: Plane = value  # type: ignore[assignment]  # one of them
    return plane


def _three(sizes: list[float] | None) -> tuple[float, float, float] | None:
    if sizes is None:
        return None
    x, y, z = (float(size) for size in sizes)
    return x, y, z


def _window(bounds: list[float] | None, dtype: str) -> tuple[float, float] | None:
    if bounds is None:
        return None
    low, high = (float(bound) for bound in bounds)
    if low >= high or dtype not in GREY_LEVELS:
        raise ValueError(f"window_hu {bounds} of {dtype}")
    return low, high
