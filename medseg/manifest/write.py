"""A prepared data set's description to its three files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medseg.io.atomic import atomic_path, write_json
from medseg.manifest.schema import FORMAT_VERSION, Manifest, SliceRow

__all__ = ["described", "write_manifest"]


def write_manifest(root: Path, manifest: Manifest, slices: Sequence[SliceRow]) -> None:
    """Write ``slices.csv``, ``splits_final.json`` and last ``dataset.json``, each atomically.

    A folder without ``dataset.json`` is therefore not finished.
    """
    with atomic_path(root / "slices.csv") as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["case", "slice", "foreground_px"])
        writer.writerows(
            [row.case, row.slice, "" if row.foreground_px is None else row.foreground_px] for row in slices
        )
    write_json(root / "splits_final.json", [{"train": list(f.train), "val": list(f.val)} for f in manifest.folds])
    write_json(root / "dataset.json", described(manifest))


def described(manifest: Manifest) -> dict[str, Any]:
    """Content of ``dataset.json``."""
    labelled = [case for case in manifest.cases if case.foreground_px is not None]
    return {
        "name": manifest.name,
        "channel_names": {"0": manifest.modality},
        "labels": {"background": 0, manifest.foreground: 1},
        "numTraining": len(labelled),
        "file_ending": ".nii",
        "training": [{"image": f"./{case.image}", "label": f"./{case.label}"} for case in labelled],
        "test": [f"./{case.image}" for case in manifest.cases if case.foreground_px is None],
        "medseg": {
            "format_version": FORMAT_VERSION,
            "layout": manifest.layout,
            "orientation": manifest.orientation,
            "plane": manifest.plane,
            "spacing_mm": None if manifest.spacing_mm is None else list(manifest.spacing_mm),
            "window_hu": None if manifest.window_hu is None else list(manifest.window_hu),
            "fingerprint": manifest.fingerprint,
            "split": {**asdict(manifest.split), "leaky": manifest.split.leaky},
            "intensity": asdict(manifest.intensity),
            "cases": [asdict(case) for case in manifest.cases],
        },
    }
