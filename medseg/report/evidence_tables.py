"""Tables of differences between networks."""

from __future__ import annotations

from typing import Any

import pandas as pd

from medseg.report.evidence import StudyEvidence
from medseg.report.gather import StudyScores
from medseg.report.measures import Measure
from medseg.report.numerals import MISSING, between, fixed, p_value
from medseg.report.tables import Table
from medseg.statistics import Evidence, PairEvidence

__all__ = ["differences_table", "pair_title", "pairs_table"]


def pair_title(pair: PairEvidence) -> str:
    """``unet − fcn8s``."""
    return f"{pair.a} \N{MINUS SIGN} {pair.b}"


def pairs_table(evidence: Evidence, measure: Measure) -> Table:
    """Every two networks: difference, interval, tests, chance to win, spread over seeds beside that over cases."""
    lines = [_line(pair) for pair in evidence.pairs]
    return Table(
        name="pairs",
        caption=f"Differences in {measure.title} between every two networks",
        columns=(
            "First \N{MINUS SIGN} second", "Difference", "95 % interval", "Interval is about", "Wilcoxon p", "Holm p",
            f"First better on a new {evidence.case}", "SD over seeds", "SD over cases", "n",
            f"{evidence.unit}s".capitalize(),
        ),
        rows=tuple(_cells(pair, measure.decimals) for pair in evidence.pairs),
        data=pd.DataFrame(lines),
        note=_note(evidence, measure),
    )  # fmt: skip


def _line(pair: PairEvidence) -> dict[str, Any]:
    interval, beats = pair.interval, pair.a_beats_b_interval
    return {
        "first": pair.a,
        "second": pair.b,
        "difference": pair.difference,
        "ci95_low": None if interval is None else interval.low,
        "ci95_high": None if interval is None else interval.high,
        "scope": pair.scope,
        "about": pair.about,
        "p_interval": pair.p_interval,
        "p_interval_holm": pair.p_interval_holm,
        "p_wilcoxon": pair.p_wilcoxon,
        "p_holm": pair.p_holm,
        "first_beats_second": pair.a_beats_b,
        "first_beats_second_ci95_low": None if beats is None else beats.low,
        "first_beats_second_ci95_high": None if beats is None else beats.high,
        "seed_sd": pair.seed_sd,
        "case_sd": pair.case_sd,
        "unit_sd": pair.unit_sd,
        "cases": pair.cases,
        "units": pair.units,
        "seeds": pair.seeds,
        "folds": pair.folds,
        "left_out": pair.left_out,
        "better": pair.better,
        "verdict": pair.sentence,
    }


def _cells(pair: PairEvidence, decimals: int) -> tuple[str, ...]:
    beats = f"{100 * pair.a_beats_b:.0f} %"
    if pair.a_beats_b_interval is not None:
        beats += f" ({100 * pair.a_beats_b_interval.low:.0f} to {100 * pair.a_beats_b_interval.high:.0f})"
    return (
        pair_title(pair), fixed(pair.difference, decimals), interval_text(pair, decimals),
        f"{pair.scope}, {pair.about}",
        p_value(pair.p_wilcoxon), p_value(pair.p_holm), beats, fixed(pair.seed_sd, decimals),
        fixed(pair.case_sd, decimals), f"{pair.cases:,}", f"{pair.units:,}",
    )  # fmt: skip


def interval_text(pair: PairEvidence, decimals: int) -> str:
    """The interval of the difference."""
    return MISSING if pair.interval is None else between(pair.interval.low, pair.interval.high, decimals)


def _note(evidence: Evidence, measure: Measure) -> str:
    left_out = [f"{pair_title(pair)}: {pair.left_out}" for pair in evidence.pairs if pair.left_out]
    lost = f" (scores left out: {'; '.join(left_out)})" if left_out else ""
    note = (
        f"{measure.title}: {measure.direction}. Only over {evidence.case}s that both have scored in the same fold and"
        f" seed{lost}. New units: what is to be expected of other {evidence.unit}s; within-block: of these alone, and"
        " Wilcoxon's p is then a description. SD: of the difference, over seeds of a fold and over cases."
    )
    if any(pair.seed_sd is None for pair in evidence.pairs):
        note += " With one seed the spread over seeds is not known, and nothing is said of training anew."
    return note


def differences_table(study: StudyScores, evidence: StudyEvidence) -> Table:
    """Differences with intervals in every measure that has a direction."""
    directed = [(found, evidence.pairs(found)) for found in study.measures if found.higher_is_better is not None]
    compared = [(found, own) for found, own in directed if own is not None]
    titles = list(dict.fromkeys(pair_title(pair) for _, own in compared for pair in own.pairs))
    rows, lines = [], []
    for found, own in compared:
        pairs = {pair_title(pair): pair for pair in own.pairs}
        rows.append((found.heading, found.better, *(_difference(pairs.get(title), found.decimals) for title in titles)))
        lines += [{"measure": found.column, **_line(pair)} for pair in own.pairs]
    return Table(
        name="differences",
        caption="Differences in every score",
        columns=("Score", "Better", *titles),
        rows=tuple(rows),
        data=pd.DataFrame(lines),
        note=(
            "Mean difference, first less second (95 % interval). Many intervals stand here, none corrected for their"
            " number: the verdict rests on one score alone."
        ),
        leading=2,
    )


def _difference(pair: PairEvidence | None, decimals: int) -> str:
    return MISSING if pair is None else f"{fixed(pair.difference, decimals)} ({interval_text(pair, decimals)})"
