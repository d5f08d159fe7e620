"""Predictions by tiny bundles, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from medseg.predict import Scan, find_scans, parse_formats
from medseg.predict.load_bundle import Bundle, load_bundle
from medseg.predict.predict import Outcome, predict_scans
from tests.medseg.predict.tiny_bundles import Shown, tiny_bundle

MIDDLE = 127.5


def other(folder: Path, name: str = "other", **options: Any) -> Bundle:
    overrides = options.pop("overrides", {})
    return load_bundle(tiny_bundle(folder, name, **options), {**overrides, "output_dir": str(folder / "out")})


def predict(
    source: Path | Sequence[Scan], *bundles: Bundle, out: Path, to: str | None = None, **options: Any
) -> list[Outcome]:
    scans = find_scans([source]).scans if isinstance(source, Path) else source
    progress = options.pop("progress", Shown())
    return list(predict_scans(scans, bundles, out, progress=progress, formats=parse_formats(to), **options))


def mask_of(out: Path, name: str) -> NDArray[Any]:
    return np.asarray(nib.load(out / f"{name}_mask.nii.gz").dataobj)


def states(outcomes: Sequence[Outcome]) -> dict[str, str]:
    return {outcome.name: "fault" if outcome.fault else "skipped" if outcome.skipped else "new" for outcome in outcomes}


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
