"""Whether the figures of a pair bear out that one network is better."""

from __future__ import annotations

from dataclasses import replace

from medseg.statistics.evidence import PairEvidence

__all__ = ["judge"]


def judge(pair: PairEvidence, *, higher_is_better: bool, confidence: float) -> PairEvidence:
    """The pair with ``better`` and ``lacking``.

    A claim needs three things: an interval without 0; Wilcoxon's p below 1 - ``confidence`` after Holm's correction;
    and the interval's own p likewise. The last one is there since Wilcoxon's test knows nothing of trainings, whose
    chance moves all cases of a fold together, and the interval knows nothing of how many pairs were looked at.
    """
    lacking = _lacking(pair, round(1 - confidence, 12))
    better = None
    if not lacking:
        better = pair.a if (pair.difference > 0) == higher_is_better else pair.b
    return replace(pair, better=better, lacking=lacking)


def _lacking(pair: PairEvidence, level: float) -> tuple[str, ...]:
    if pair.interval is None:
        return (f"an interval, for which {'cases' if pair.scope == 'within-block' else 'units'} are too few",)
    lacking = []
    if not pair.interval.excludes(0):
        lacking.append("an interval without 0")
    if pair.p_holm >= level:
        lacking.append(f"a Holm p below {level:g} in Wilcoxon's test")
    if pair.interval.excludes(0) and pair.p_interval_holm >= level:
        lacking.append(f"a Holm p below {level:g} of the interval")
    return tuple(lacking)
