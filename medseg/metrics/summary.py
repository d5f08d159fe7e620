"""Summaries at the three levels that are always told apart.

Per image: mean over slices. Per volume: the slices of a case stacked. Pooled: all pixels together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from medseg.metrics.interval import mean_interval
from medseg.metrics.overlap import OVERLAP, overlap
from medseg.metrics.volumes import COUNTS, case_table

__all__ = ["summarise"]

_CERTAINTY = ("cross_entropy", "calibration_error")

_OF_SURFACES = (
    "hd95_mm",
    "hd95_px",
    "assd_mm",
    "assd_px",
    "surface_dice",
    "volume_error_ml",
    "area_error_px2",
    "volume_error_relative",
    "area_error_relative",
)
"""Columns of :func:`~medseg.metrics.volumes.volume_table` whose mean says something; undefined ones are left out."""


def summarise(slices: pd.DataFrame, volumes: pd.DataFrame | None = None) -> dict[str, Any]:
    """Summaries at image, volume and pooled level.

    Args:
        slices: As :func:`~medseg.metrics.scores.score_table` gives it.
        volumes: As :func:`~medseg.metrics.volumes.volume_table` gives it; None where surfaces are not measured.

    Returns:
        By level, scores with their number ``n``, as JSON types; the image level as mean, standard deviation and
        95 % bootstrap interval (:func:`~medseg.metrics.interval.mean_interval`) over all slices, and over those with
        foreground in the truth. Volume level is there only where a case has several slices. Of surfaces and sizes it
        holds the means over the cases of which they are known, whose number ``n`` is; of pictures the image level does.
        The tolerance of surface Dice stands beside the levels. None stands for what is not known: deviation and
        interval below two images, the mean of none, all three where a value is not finite, as the loss of a training
        that diverged.
    """
    cases = case_table(slices) if volumes is None else volumes
    foreground = slices[slices.true_positive_px + slices.false_negative_px > 0]
    image_level = _spreads(slices, (*OVERLAP, "loss", *_CERTAINTY))
    summary: dict[str, Any] = {
        "image_level": image_level,
        "image_level_with_foreground": _spreads(foreground, ("dice", "iou", "precision", "recall")),
        "pooled": overlap(*(int(count) for count in slices[list(COUNTS)].sum())) | {"n_slices": len(slices)},
    }
    if len(cases) < len(slices):
        summary["volume_level"] = _spreads(cases, (*OVERLAP, *_CERTAINTY)) | _known_spreads(cases)
    else:
        image_level |= _known_spreads(cases)
    tolerances = cases.filter(regex="^surface_tolerance_")
    return summary | {str(name): float(values.iloc[0]) for name, values in tolerances.items()}


def _spreads(table: pd.DataFrame, metrics: Iterable[str]) -> dict[str, dict[str, float | None]]:
    return {metric: _spread(table[metric]) for metric in metrics if metric in table}


def _known_spreads(cases: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    return {metric: _spread(cases[metric].dropna()) for metric in _OF_SURFACES if metric in cases}


def _spread(values: pd.Series) -> dict[str, float | None]:
    spread: dict[str, float | None] = {"mean": None, "std": None, "ci95_low": None, "ci95_high": None, "n": len(values)}
    if len(values) == 0 or not all(map(math.isfinite, values)):
        return spread
    interval = mean_interval(values.to_numpy())
    if interval is not None:
        spread |= {"std": float(values.std(ddof=1)), "ci95_low": interval[0], "ci95_high": interval[1]}
    return spread | {"mean": float(values.mean())}
