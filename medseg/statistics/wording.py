"""Sentences made from the figures, none of which says more than they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medseg.statistics.evidence import NetworkEvidence, PairEvidence
from medseg.statistics.metric_names import metric_name

__all__ = ["Words", "overall_sentence", "pair_sentence", "with_article"]

_SMALL = ("no", "one", "two", "three", "four", "five")
_NONE = "no evidence of a difference"
_LITTLE = "too little evidence of a difference"


@dataclass(frozen=True)
class Words:
    """What sentences are made with: see :func:`~medseg.statistics.compare.compare_networks`."""

    metric: str
    higher_is_better: bool
    margin: float | None
    confidence: float
    unit: str
    case: str
    leaky: bool = False

    @property
    def estimand(self) -> str:
        """What means and differences estimate."""
        unit, case = with_article(self.unit), with_article(self.case)
        return (
            f"mean over {self.unit}s of the mean {metric_name(self.metric)} over {unit}'s {self.case}s;"
            f" {self.unit}s weigh the same, and so do {self.case}s of {unit} and trainings of {case}"
        )

    @property
    def percent(self) -> str:
        """Confidence as a percentage."""
        return f"{100 * self.confidence:g}%"

    def better(self, winner: str, losers: str) -> str:
        """That one network is better than others."""
        if self.higher_is_better:
            return f"{winner} scores higher than {losers}"
        return f"{winner} has lower {metric_name(self.metric)} than {losers}"

    def counted(self, cases: int, units: int) -> str:
        """How much was scored: "30 sections of 1 block", "24 patients" with an image each."""
        if cases == units:
            return _number_of(units, self.unit)
        return f"{_number_of(cases, self.case)} of {_number_of(units, self.unit)}"

    def no_further(self, units: int) -> str:
        """How far a claim reaches that few units were seen for."""
        return f"{_spelt(units, self.unit)}, so no claim beyond {'it' if units == 1 else 'them'}"

    @property
    def leak(self) -> list[str]:
        """That scores are of units seen in training; empty where they are not."""
        return (
            [f"the split leaks: other {self.case}s of these {self.unit}s may have been trained on"]
            if self.leaky
            else []
        )


def pair_sentence(pair: PairEvidence, words: Words) -> str:
    """The verdict on one pair, without a full stop."""
    if pair.equal:
        counted = words.counted(pair.cases, pair.units)
        sentence = (
            f"{_NONE} between {pair.name_a} and {pair.name_b} (equal scores on all of {counted}{_left_out(pair)})"
        )
        return "; ".join([sentence, *words.leak])
    if pair.better is None:
        figures = _figures(pair, pair.difference, _ends(pair, 1), words)
        sentence = f"{_unsure([pair])} between {pair.name_a} and {pair.name_b} ({figures})"
        return "; ".join([sentence, *_lacking(pair, words), *_equivalence(pair, words), *words.leak])
    sign = 1 if pair.better == pair.a else -1
    winner, loser = (pair.name_a, pair.name_b)[::sign]
    figures = _figures(pair, sign * pair.difference, _ends(pair, sign), words)
    sentence = f"{words.better(winner, loser)}{_where([pair])} ({figures})"
    return "; ".join([sentence, *_limits([pair], words), *_equivalence(pair, words), *words.leak])


def overall_sentence(networks: Sequence[NetworkEvidence], pairs: Sequence[PairEvidence], words: Words) -> str:
    """The verdict over all networks, one sentence with a full stop."""
    if not pairs:
        return f"Only {networks[0].name} was scored, so there is nothing to compare it with."
    if len(pairs) == 1:
        text = pair_sentence(pairs[0], words)
        return f"{_capital(text) if text.startswith((_NONE, _LITTLE)) else text}."
    claims = [pair for pair in pairs if pair.better is not None]
    figures = f"{metric_name(words.metric)}, {_intervals(pairs, words)}, {_counted_all(pairs, words)}"
    if not claims:
        parts = [f"{_capital(_unsure(pairs))} between any two of {_listed([n.name for n in networks])} ({figures})"]
        all_within = all(pair.within_margin for pair in pairs)
        parts += _equivalence(pairs[0], words) if all_within else []
        return f"{'; '.join([*parts, *words.leak])}."
    parts = [words.better(winner, _listed(losers)) for winner, losers in _beaten(claims).items()]
    parts[-1] += f"{_where(claims)} ({figures})"
    if len(claims) < len(pairs):
        others = [pair for pair in pairs if pair.better is None]
        parts.append(f"{_unsure(others)} between {'the other two' if len(others) == 1 else 'other pairs'}")
    return f"{'; '.join([*parts, *_limits(claims, words), *words.leak])}."


def _unsure(pairs: Sequence[PairEvidence]) -> str:
    """What is said of pairs without a claim: some evidence is there where an interval holds no 0."""
    return _LITTLE if any(pair.interval is not None and pair.interval.excludes(0) for pair in pairs) else _NONE


def _figures(pair: PairEvidence, difference: float, ends: tuple[float, float] | None, words: Words) -> str:
    parts = [f"Δ{metric_name(words.metric)} {_figure(difference)}"]
    if ends is None:
        parts.append("no interval")
    else:
        parts.append(f"{words.percent} {_kind([pair])}interval {_figure(ends[0])} to {_figure(ends[1])}")
    if pair.better is not None and pair.scope == "new units":
        parts.append(f"Holm p {_p_value(max(pair.p_holm, pair.p_interval_holm))}")
    return ", ".join([*parts, words.counted(pair.cases, pair.units) + _left_out(pair)])


def _intervals(pairs: Sequence[PairEvidence], words: Words) -> str:
    if all(pair.interval is None for pair in pairs):
        return f"no intervals, for which {words.case}s or {words.unit}s are too few"
    return f"{words.percent} {_kind(pairs)}intervals"


def _ends(pair: PairEvidence, sign: int) -> tuple[float, float] | None:
    if pair.interval is None:
        return None
    return (pair.interval.low, pair.interval.high) if sign > 0 else (-pair.interval.high, -pair.interval.low)


def _lacking(pair: PairEvidence, words: Words) -> list[str]:
    """What a claim lacks, where it has something or cannot have it."""
    if pair.interval is None:
        return [f"too few {words.case}s or {words.unit}s for an interval"]
    partial = pair.interval.excludes(0) or len(pair.lacking) == 1
    return [f"a claim lacks {_listed(pair.lacking)}"] if partial else []


def _limits(pairs: Sequence[PairEvidence], words: Words) -> list[str]:
    limits = []
    if any(pair.scope == "within-block" for pair in pairs):
        limits.append(words.no_further(min(pair.units for pair in pairs)))
    single = [pair for pair in pairs if pair.about == "these trained networks"]
    if single:
        seeds = "one seed" if all(pair.seeds == 1 for pair in single) else "one seed a fold"
        limits.append(f"{seeds}, so this is about these trained networks, not their architectures")
    return limits


def _equivalence(pair: PairEvidence, words: Words) -> list[str]:
    return [f"differences beyond {words.margin:g} are excluded by this data"] if pair.within_margin else []


def _beaten(claims: Sequence[PairEvidence]) -> dict[str, list[str]]:
    """Whom each winner beats, those who beat most first."""
    beaten: dict[str, list[str]] = {}
    for pair in claims:
        winner, loser = (pair.name_a, pair.name_b) if pair.better == pair.a else (pair.name_b, pair.name_a)
        beaten.setdefault(winner, []).append(loser)
    return dict(sorted(beaten.items(), key=lambda item: -len(item[1])))


def _kind(pairs: Sequence[PairEvidence]) -> str:
    return "within-block " if any(pair.scope == "within-block" for pair in pairs) else ""


def _where(pairs: Sequence[PairEvidence]) -> str:
    return " on this data" if any(pair.scope == "within-block" for pair in pairs) else ""


def _left_out(pair: PairEvidence) -> str:
    return f", leaving out {_number_of(pair.left_out, 'score')} without a counterpart" if pair.left_out else ""


def _counted_all(pairs: Sequence[PairEvidence], words: Words) -> str:
    counts = {(pair.cases, pair.units) for pair in pairs}
    if len(counts) > 1:
        return f"over the {words.case}s that both of a pair have scored"
    return words.counted(*counts.pop())


def with_article(noun: str) -> str:
    """The noun after "a" or "an"."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _number_of(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _spelt(number: int, noun: str) -> str:
    return f"{_SMALL[number]} {noun}{'' if number == 1 else 's'}" if number < len(_SMALL) else _number_of(number, noun)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _figure(value: float) -> str:
    """Four decimals, two from 1 on; one digit where these would show 0, as an interval may end just beside it."""
    if 0 < abs(value) < 0.00005:
        return f"{value:.0e}"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.2f}"


def _p_value(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3g}"
