"""Holm's correction for comparing several pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from medseg.statistics.evidence import PairEvidence

__all__ = ["correct", "holm"]


def correct(pairs: Sequence[PairEvidence]) -> list[PairEvidence]:
    """The pairs with both their p values corrected over all of them."""
    wilcoxon = holm([pair.p_wilcoxon for pair in pairs])
    interval = holm([pair.p_interval for pair in pairs])
    return [
        replace(pair, p_holm=p_holm, p_interval_holm=p_interval_holm)
        for pair, p_holm, p_interval_holm in zip(pairs, wilcoxon, interval, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's p values: the smallest times their number, the next one times one less, and none below the one before.

    statsmodels' ``multipletests`` gives the same, but collects garbage at each call: half a second beside torch and
    MLflow, and a report compares two dozen times.
    """
    order = np.argsort(p_values)
    raised = np.sort(p_values) * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1)
    return [float(p) for p in corrected]
