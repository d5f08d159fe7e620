"""Holm's correction for comparing several pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from statsmodels.stats.multitest import multipletests

from medseg.statistics.evidence import PairEvidence

__all__ = ["correct"]


def correct(pairs: Sequence[PairEvidence]) -> list[PairEvidence]:
    """The pairs with both their p values corrected over all of them."""
    if not pairs:
        return []
    wilcoxon = _holm([pair.p_wilcoxon for pair in pairs])
    interval = _holm([pair.p_interval for pair in pairs])
    return [
        replace(pair, p_holm=p_holm, p_interval_holm=p_interval_holm)
        for pair, p_holm, p_interval_holm in zip(pairs, wilcoxon, interval, strict=True)
    ]


def _holm(p_values: list[float]) -> list[float]:
    return [float(p) for p in multipletests(p_values, method="holm")[1]]
