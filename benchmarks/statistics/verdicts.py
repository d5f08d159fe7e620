"""Verdicts: how often a comparison claims a difference, rightly or wrongly, over all its pairs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.statistics.simulate import Design, draw_scores
from medseg.statistics import Evidence, PairEvidence, compare_networks

__all__ = ["Verdicts", "count_verdicts"]


@dataclass(frozen=True)
class Verdicts:
    """Shares of comparisons.

    Attributes:
        wrong: With a claim about equal networks, or the wrong way round.
        right: Of pairs of the better network and another one: with the right claim. None if all are equal.
        uncorrected: With an interval that excludes 0, or Wilcoxon's p below 0.05, for any pair of equal networks.
        wilcoxon: With Holm's p of Wilcoxon's test below 0.05 for any pair of equal networks.
        repetitions: Number of comparisons.
    """

    wrong: float
    right: float | None
    uncorrected: float
    wilcoxon: float
    repetitions: int


def count_verdicts(design: Design, networks: int, effect: float, repetitions: int, seed: int) -> Verdicts:
    """Compare networks of which the first is better by ``effect`` and the others are equal."""
    rng = np.random.default_rng(seed)
    effects = [effect] + [0.0] * (networks - 1)
    found = [_compare(design, effects, rng) for _ in range(repetitions)]
    better = "network 1" if effect else None
    equal = [[pair for pair in evidence.pairs if better is None or better != pair.a] for evidence in found]
    unequal = [pair for evidence in found for pair in evidence.pairs if better is not None and better == pair.a]
    return Verdicts(
        wrong=_share([any(pair.better not in (None, better) for pair in evidence.pairs) for evidence in found]),
        right=_share([pair.better == better for pair in unequal]) if unequal else None,
        uncorrected=_share([any(_uncorrected(pair) for pair in pairs) for pairs in equal]),
        wilcoxon=_share([any(pair.p_holm < 0.05 for pair in pairs) for pairs in equal]),
        repetitions=repetitions,
    )


def _compare(design: Design, effects: Sequence[float], rng: np.random.Generator) -> Evidence:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return compare_networks(draw_scores(design, effects, rng))


def _uncorrected(pair: PairEvidence) -> bool:
    return pair.p_wilcoxon < 0.05 or (pair.interval is not None and pair.interval.excludes(0))


def _share(found: Sequence[bool]) -> float:
    return float(np.mean(found))
