"""Scores of whole cases: a scan's slices stacked, a picture as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medseg.metrics.calibration import CalibrationBins, calibration_error
from medseg.metrics.overlap import overlap
from medseg.metrics.surface import surface_scores

__all__ = ["COUNTS", "case_table", "volume_table"]

COUNTS = ("true_positive_px", "false_positive_px", "false_negative_px", "true_negative_px")
"""Columns of a slice's counts, in the order in which :func:`~medseg.metrics.overlap.overlap` takes them."""

_MM3_PER_ML = 1000


def case_table(slices: pd.DataFrame) -> pd.DataFrame:
    """What follows from slices' scores alone, a row a case.

    Args:
        slices: As :func:`~medseg.metrics.scores.score_table` gives it.

    Returns:
        ``group``, ``case``, ``slices`` (their number), overlap from the summed counts, and ``cross_entropy`` over all
        pixels.
    """
    return pd.DataFrame([_row(str(case), rows) for case, rows in slices.groupby("case")])


def volume_table(
    slices: pd.DataFrame,
    *,
    calibration: Mapping[str, CalibrationBins],
    prediction: Callable[[str], NDArray[np.bool_]],
    truth: Callable[[str], NDArray[np.bool_]],
    spacing_mm: Callable[[str], tuple[float, float, float] | None],
    tolerance: float,
) -> pd.DataFrame:
    """All scores of each case; of the masks only one case's are held at a time.

    Args:
        slices: As :func:`~medseg.metrics.scores.score_table` gives it.
        calibration: Bins of each case.
        prediction: A case's predicted mask, ``(x, y, z)``, by its name.
        truth: Its truth, of the same shape.
        spacing_mm: Its spacing; None for a picture, which is measured in pixels.
        tolerance: Of surface Dice, in mm or px.

    Returns:
        The columns of :func:`case_table`, ``calibration_error``, and those of surfaces and sizes: ``hd95_mm``,
        ``assd_mm``, ``surface_dice``, ``surface_tolerance_mm``, ``truth_ml``, ``prediction_ml``, ``volume_error_ml``,
        ``volume_error_relative``; of pictures ``_px`` for ``_mm``, ``_px2`` for ``_ml`` and ``area`` for ``volume``.
        What is not defined, such as the distance to an empty mask, is NaN.
    """
    table = case_table(slices)
    table["calibration_error"] = [calibration_error(calibration[case]) for case in table["case"]]
    measured = [
        _measure(prediction(case), truth(case), spacing_mm=spacing_mm(case), tolerance=tolerance)
        for case in table["case"]
    ]
    return pd.concat([table, pd.DataFrame(measured, index=table.index)], axis=1)


def _row(case: str, rows: pd.DataFrame) -> dict[str, Any]:
    counts = rows[list(COUNTS)]
    pixels = counts.sum(axis=1)
    return {
        "group": rows["group"].iloc[0],
        "case": case,
        "slices": len(rows),
        **overlap(*(int(count) for count in counts.sum())),
        "cross_entropy": float((rows["cross_entropy"] * pixels).sum(skipna=False) / pixels.sum()),
    }


def _measure(
    prediction: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    *,
    spacing_mm: tuple[float, float, float] | None,
    tolerance: float,
) -> dict[str, float]:
    """Surfaces and sizes of one case, by column."""
    unit, size, what = ("px", "px2", "area") if spacing_mm is None else ("mm", "ml", "volume")
    per_voxel = 1.0 if spacing_mm is None else math.prod(spacing_mm) / _MM3_PER_ML
    surface = surface_scores(prediction, truth, spacing=spacing_mm or (1.0, 1.0, 1.0), tolerance=tolerance)
    predicted_voxels, true_voxels = int(prediction.sum()), int(truth.sum())
    more = predicted_voxels - true_voxels
    return {
        f"hd95_{unit}": surface.hd95,
        f"assd_{unit}": surface.assd,
        "surface_dice": surface.surface_dice,
        f"surface_tolerance_{unit}": tolerance,
        f"truth_{size}": true_voxels * per_voxel,
        f"prediction_{size}": predicted_voxels * per_voxel,
        f"{what}_error_{size}": more * per_voxel,
        f"{what}_error_relative": more / true_voxels if true_voxels else math.nan,
    }
