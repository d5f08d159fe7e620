"""Whether a scan's values lie where those of the training set lay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["odd_values"]

_MOST_OUTSIDE = 0.2  # of the training set 0.01 lie outside
_LEAST_SPREAD = 0.1
_MOST_SAMPLES = 1_000_000
_PERCENTILES = (0.5, 99.5)


def odd_values(voxels: NDArray[Any], facts: Mapping[str, Any], *, is_hu: bool) -> tuple[str, ...]:
    """A warning if values are on another scale than the training set's.

    Compared is what the network gets: HU are brought to the grey values of training pictures where their window is
    known, and what the training's ``window`` cuts off counts as lying at its end. A warning is given where more than
    20 % of the voxels lie outside the training set's 0.5th to 99.5th percentile, or where the scan's own percentiles
    span less than a tenth of that range. Of large scans a million evenly spaced voxels are taken.

    Args:
        voxels: ``(x, y, z)``.
        facts: What the weights were trained with; without ``training_set`` nothing is said, nor of HU after training
            on values whose HU are not known.
        is_hu: Whether voxels are Hounsfield units.
    """
    known = (facts.get("training_set") or {}).get("intensity")
    if known is None or (is_hu and facts.get("modality") != "CT" and facts.get("picture_window_hu") is None):
        return ()
    sample = voxels.ravel(order="K")[:: max(1, voxels.size // _MOST_SAMPLES)].astype(np.float64)
    sample = _as_grey(sample, facts) if is_hu else sample
    ends = facts.get("window") or (-np.inf, np.inf)
    low, high = (float(np.clip(known[name], *ends)) for name in ("percentile_0_5", "percentile_99_5"))
    seen = np.clip(sample, *ends)
    trained = f"trained on {known['percentile_0_5']:.4g} to {known['percentile_99_5']:.4g}"
    outside = float(np.mean((seen < low) | (seen > high)))
    if outside > _MOST_OUTSIDE:
        return (f"{outside:.0%} of the values lie outside those {trained}: check the scale and the modality",)
    first, last = (float(value) for value in np.percentile(seen, _PERCENTILES))
    if last - first < _LEAST_SPREAD * (high - low):
        return (f"values from {first:.4g} to {last:.4g}, {trained}: the scan is nearly uniform or on another scale",)
    return ()


def _as_grey(values_hu: NDArray[np.float64], facts: Mapping[str, Any]) -> NDArray[np.float64]:
    """HU as grey values of the training pictures; as they are where training was on HU."""
    window, levels = facts.get("picture_window_hu"), facts.get("picture_levels")
    if window is None or levels is None:
        return values_hu
    share = np.clip((values_hu - window[0]) / (window[1] - window[0]), 0, 1)
    grey: NDArray[np.float64] = levels[0] + share * (levels[1] - levels[0])
    return grey
