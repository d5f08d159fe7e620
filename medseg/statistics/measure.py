"""Figures of one network and of one pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon
from statsmodels.stats.proportion import proportion_confint

from medseg.errors import UsageError
from medseg.statistics.cells import Cells
from medseg.statistics.evidence import About, Interval, NetworkEvidence, PairEvidence, Scope
from medseg.statistics.interval import interval_and_p
from medseg.statistics.metric_names import bounds
from medseg.statistics.resample import sources_of, variance
from medseg.statistics.sample import Sample, condense

__all__ = ["LEAST_UNITS", "Settings", "measure_network", "measure_pair"]

# Below, resampling units tells nothing of new ones: Wilcoxon's test of five cannot get below 0.0625.
LEAST_UNITS = 6
# Equal scores may differ by rounding.
_DECIMALS = 12


@dataclass(frozen=True)
class Settings:
    """What to compare, and how: see :func:`~medseg.statistics.compare.compare_networks`."""

    metric: str
    higher_is_better: bool
    margin: float | None
    confidence: float
    seed: int
    leaky: bool = False


def measure_network(cells: Cells, row: int, names: Mapping[str, str], settings: Settings) -> NetworkEvidence:
    """Mean, interval and spreads of the network in this row."""
    sample = condense(cells.values[row], cells)
    interval, _ = _interval_and_p(sample, settings)
    if interval is not None:
        least, largest = bounds(settings.metric)
        interval = Interval(max(interval.low, least), min(interval.high, largest))
    return NetworkEvidence(
        architecture=cells.architectures[row],
        name=names[cells.architectures[row]],
        mean=sample.mean,
        mean_of_cases=float(sample.all_cases.mean()),
        interval=interval,
        about=_about(sample),
        cases=len(sample.all_cases),
        units=len(sample.units),
        seeds=sample.seeds,
        folds=sample.folds,
        runs=len(sample.runs.shares),
        seed_sd=sample.runs.sd,
        case_sd=sample.case_sd,
        unit_sd=sample.unit_sd,
    )


def measure_pair(cells: Cells, a: int, b: int, names: Mapping[str, str], settings: Settings) -> PairEvidence:
    """Differences of the networks in rows ``a`` and ``b``, without correction for other pairs and without verdict.

    Raises:
        UsageError: If they have no cell in common.
    """
    name_a, name_b = cells.architectures[a], cells.architectures[b]
    differences = np.round(cells.values[a] - cells.values[b], _DECIMALS)
    if not np.isfinite(differences).any():
        raise UsageError(
            f"{name_a} and {name_b} must have scored a case in the same fold and seed, got none; leave one of them out"
        )
    sample = condense(differences, cells)
    interval, p_interval = _interval_and_p(sample, settings)
    p_wilcoxon = _p_wilcoxon(sample.all_cases if _scope(sample, settings) == "within-block" else sample.units)
    beats, beats_interval = _wins(differences if settings.higher_is_better else -differences, cells, settings)
    margin = settings.margin
    return PairEvidence(
        a=name_a,
        b=name_b,
        name_a=names[name_a],
        name_b=names[name_b],
        difference=sample.mean,
        equal=not np.any(differences[np.isfinite(differences)]),
        interval=interval,
        p_interval=p_interval,
        p_interval_holm=p_interval,
        p_wilcoxon=p_wilcoxon,
        p_holm=p_wilcoxon,
        a_beats_b=beats,
        a_beats_b_interval=beats_interval,
        scope=_scope(sample, settings),
        about=_about(sample),
        cases=len(sample.all_cases),
        units=len(sample.units),
        seeds=sample.seeds,
        folds=sample.folds,
        left_out=int((np.isnan(cells.values[a]) != np.isnan(cells.values[b])).sum()),
        seed_sd=sample.runs.sd,
        case_sd=sample.case_sd,
        unit_sd=sample.unit_sd,
        better=None,
        lacking=(),
        within_margin=interval is not None and margin is not None and interval.lies_within(margin),
        sentence="",
    )


def _scope(sample: Sample, settings: Settings) -> Scope:
    """Nothing is known of new units where few were scored, or all of them were trained on."""
    return "within-block" if settings.leaky or len(sample.units) < LEAST_UNITS else "new units"


def _about(sample: Sample) -> About:
    return "architectures" if sample.runs.degrees else "these trained networks"


def _interval_and_p(sample: Sample, settings: Settings) -> tuple[Interval | None, float]:
    sources = sources_of(sample, within=_scope(sample, settings) == "within-block")
    # A generator of its own, so that a pair's figures do not depend on what else is compared.
    rng = np.random.default_rng(settings.seed)
    return interval_and_p(sample.mean, sources, confidence=settings.confidence, rng=rng)


def _p_wilcoxon(differences: NDArray[np.float64]) -> float:
    """Zeros are left out before, since SciPy has no exact distribution with them."""
    nonzero = differences[differences != 0]
    return float(wilcoxon(nonzero).pvalue) if len(nonzero) else 1.0


def _wins(differences: NDArray[np.float64], cells: Cells, settings: Settings) -> tuple[float, Interval | None]:
    """Probability of a positive difference, ties half, with Wilson's interval.

    Its n is the number of independent cases that would have the variance found by resampling, at most that of units or
    stretches (Korn and Graubard 1998), since six wins of six would otherwise have an interval without width.
    """
    wins = condense(np.where(np.isnan(differences), np.nan, (np.sign(differences) + 1) / 2), cells)
    within = _scope(wins, settings) == "within-block"
    sources = sources_of(wins, within=within)
    share = wins.mean
    if not sources:
        return share, None
    most = sum(source.degrees + 1 for source in sources[: len(wins.cases) if within else 1])
    spread = variance(sources)
    number = min(max(share * (1 - share) / spread, 1.0), most) if spread > 0 else most
    low, high = proportion_confint(share * number, number, alpha=1 - settings.confidence, method="wilson")
    return share, Interval(float(low), float(high))
