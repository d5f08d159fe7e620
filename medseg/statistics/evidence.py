"""What a comparison of networks found: figures, and the sentences that they bear out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["About", "Evidence", "Interval", "Missing", "NetworkEvidence", "PairEvidence", "Scope"]

# "new units": the interval is about patients like these; "within-block": about these patients or blocks alone.
Scope = Literal["new units", "within-block"]
# One seed tells of the trained networks at hand; only several tell of what trains them.
About = Literal["architectures", "these trained networks"]


@dataclass(frozen=True)
class Interval:
    """Confidence interval, in the unit of the metric or as a probability."""

    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether ``value`` lies outside."""
        return not self.low <= value <= self.high

    def lies_within(self, margin: float) -> bool:
        """Whether the whole interval lies between ``-margin`` and ``margin``."""
        return -margin <= self.low and self.high <= margin


@dataclass(frozen=True)
class Missing:
    """Cases that others have scored in this fold and seed, and this network has not, or not as a number."""

    architecture: str
    fold: int
    seed: int
    cases: tuple[str, ...]


@dataclass(frozen=True)
class NetworkEvidence:
    """Scores of one network.

    Attributes:
        architecture: As in the scores.
        name: To be shown.
        mean: Mean over units of a unit's mean over its cases, of a case's mean over its trainings: the score that is
            expected of a new unit.
        mean_of_cases: Mean over cases, in which a unit with more cases weighs more: the paper's mean per image.
        interval: Of ``mean``; what it is about, the evidence's ``scope`` and this ``about`` say. None where too few
            were scored.
        about: Whether the interval holds for training anew with other seeds.
        cases: Number of cases.
        units: Number of units.
        seeds: Number of seeds.
        folds: Number of folds.
        runs: Number of trainings.
        seed_sd: Standard deviation, over the seeds of a fold, of trainings' means, pooled over folds. None with a
            single seed.
        case_sd: Standard deviation over cases, each a mean over trainings. None with a single case.
        unit_sd: Standard deviation over units. None with a single unit.
    """

    architecture: str
    name: str
    mean: float
    mean_of_cases: float
    interval: Interval | None
    about: About
    cases: int
    units: int
    seeds: int
    folds: int
    runs: int
    seed_sd: float | None
    case_sd: float | None
    unit_sd: float | None


@dataclass(frozen=True)
class PairEvidence:
    """Differences ``a`` - ``b`` over the cases that both have scored in the same folds and seeds.

    Attributes:
        a: First architecture, as in the scores.
        b: Second architecture.
        name_a: To be shown.
        name_b: To be shown.
        difference: Mean over units of a unit's mean difference, ``a`` - ``b``, in the unit of the metric.
        equal: Whether all scores of the two are equal.
        interval: Bootstrap interval of ``difference``. None where too few were scored.
        p_interval: Two-sided p value of no difference, from the same resampling as ``interval``: below 1 -
            confidence where the interval excludes 0. 1 without an interval.
        p_interval_holm: ``p_interval`` after Holm's correction over all pairs.
        p_wilcoxon: Wilcoxon's signed-rank test, two-sided, over units; over cases where ``scope`` is "within-block",
            and then no more than a description.
        p_holm: ``p_wilcoxon`` after Holm's correction over all pairs.
        a_beats_b: Probability that ``a`` scores better than ``b`` on a case of a new unit; ties count half.
        a_beats_b_interval: Its interval. None where too few were scored.
        scope: What the interval is about: new units, or these alone.
        about: Whether it holds for training anew with other seeds.
        cases: Number of common cases.
        units: Number of units they are from.
        seeds: Number of common seeds.
        folds: Number of common folds.
        left_out: Scores that one of the two has and the other lacks.
        seed_sd: Standard deviation, over the seeds of a fold, of trainings' mean differences, pooled over folds. None
            with a single seed.
        case_sd: Standard deviation of the difference over cases. None with a single case.
        unit_sd: Standard deviation of the difference over units. None with a single unit.
        better: ``a`` or ``b`` where the figures bear a claim out, within ``scope`` and ``about``; else None.
        lacking: What a claim lacks, in words; empty where there is one.
        within_margin: Whether the whole interval lies within the margin on both sides of 0.
        sentence: The verdict.
    """

    a: str
    b: str
    name_a: str
    name_b: str
    difference: float
    equal: bool
    interval: Interval | None
    p_interval: float
    p_interval_holm: float
    p_wilcoxon: float
    p_holm: float
    a_beats_b: float
    a_beats_b_interval: Interval | None
    scope: Scope
    about: About
    cases: int
    units: int
    seeds: int
    folds: int
    left_out: int
    seed_sd: float | None
    case_sd: float | None
    unit_sd: float | None
    better: str | None
    lacking: tuple[str, ...]
    within_margin: bool
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """Which network is better, and how sure that is.

    Attributes:
        metric: Column of the scores.
        higher_is_better: Direction of the metric.
        confidence: Of all intervals.
        margin: Differences up to this one are held to be of no account, in the unit of the metric; None where no such
            statement is made.
        unit: What is resampled, as "patient" or "block".
        case: What is scored, as "image" or "section".
        estimand: What the means estimate, in words.
        networks: In the order of their first rows in the scores.
        pairs: Every two of them, the earlier one first.
        missing: What networks lack that others have.
        sentence: The verdict over all networks.
    """

    metric: str
    higher_is_better: bool
    confidence: float
    margin: float | None
    unit: str
    case: str
    estimand: str
    networks: tuple[NetworkEvidence, ...]
    pairs: tuple[PairEvidence, ...]
    missing: tuple[Missing, ...]
    sentence: str

    def network(self, architecture: str) -> NetworkEvidence:
        """The network of this architecture."""
        return next(network for network in self.networks if network.architecture == architecture)

    def pair(self, first: str, second: str) -> PairEvidence:
        """The pair of these architectures, whichever of them is its ``a``."""
        return next(pair for pair in self.pairs if {pair.a, pair.b} == {first, second})
