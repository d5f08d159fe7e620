"""Comparison of networks by their scores on the same cases, in the same folds and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import pandas as pd

from medseg.errors import UsageError
from medseg.statistics.cells import arrange
from medseg.statistics.check import check_complete, check_scores
from medseg.statistics.correct import correct
from medseg.statistics.evidence import Evidence
from medseg.statistics.measure import Settings, measure_network, measure_pair
from medseg.statistics.verdict import judge
from medseg.statistics.wording import Words, overall_sentence, pair_sentence

__all__ = ["compare_networks"]


def compare_networks(
    scores: pd.DataFrame,
    metric: str = "dice",
    *,
    higher_is_better: bool = True,
    names: Mapping[str, str] | None = None,
    unit: str = "patient",
    case: str = "image",
    margin: float | None = 0.01,
    allow_missing: bool = False,
    leaky: bool = False,
    seed: int = 0,
    confidence: float = 0.95,
) -> Evidence:
    """Compare every two networks, and say what the figures bear out.

    Units (column ``group``) weigh the same, within a unit its cases, within a case its trainings. From six units on,
    intervals resample units and are about new ones; below, they resample stretches of neighbouring cases within units
    and are about these units alone. Where folds have several seeds, trainings are resampled as well, and the claims
    are about architectures; else about the trained networks at hand.

    Args:
        scores: A row a score, with the columns architecture, fold, seed, group, case and ``metric``. Case names, sorted
            as people count, are in natural order within a group. An empty (NaN) score is a missing one.
        metric: Column to compare.
        higher_is_better: Direction of the metric.
        names: What to call architectures in sentences; those without a name go by their own.
        unit: What a group is, in the singular.
        case: What a case is, in the singular.
        margin: Differences up to this one are of no account, in the unit of the metric; None makes no statement.
        allow_missing: Whether pairs are compared over the cases that both have scored, and what lacks is told, instead
            of an error.
        leaky: Whether networks were trained on other cases of the units that they are scored on. Nothing is then said
            of new units, however many there are, and each sentence says so.
        seed: Of the resampling; the same scores and seed give the same evidence.
        confidence: Of all intervals; claims need corrected p values below its complement.

    Raises:
        UsageError: If the scores cannot be compared, settings are out of range, or cases are missing.
    """
    if not 0.5 <= confidence < 1:
        raise UsageError(f"confidence must be at least 0.5 and below 1, got {confidence}")
    if margin is not None and margin <= 0:
        raise UsageError(f"margin must be above 0, got {margin}; None makes no statement of equivalence")
    check_scores(scores, metric)
    cells = arrange(scores, metric)
    missing = cells.missing
    if not allow_missing:
        check_complete(missing)
    names = {name: name for name in cells.architectures} | dict(names or {})
    settings = Settings(metric, higher_is_better, margin, confidence, seed, leaky)
    words = Words(metric, higher_is_better, margin, confidence, unit, case, leaky)
    networks = [measure_network(cells, row, names, settings) for row in range(len(cells.architectures))]
    pairs = correct([measure_pair(cells, *rows, names, settings) for rows in combinations(range(len(networks)), 2)])
    judged = [judge(pair, higher_is_better=higher_is_better, confidence=confidence) for pair in pairs]
    told = [replace(pair, sentence=pair_sentence(pair, words)) for pair in judged]
    return Evidence(
        metric=metric,
        higher_is_better=higher_is_better,
        confidence=confidence,
        margin=margin,
        unit=unit,
        case=case,
        estimand=words.estimand,
        networks=tuple(networks),
        pairs=tuple(told),
        missing=missing,
        sentence=overall_sentence(networks, told, words),
    )
