"""Scores of the cases that two studies have in common, network by network."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from medseg.errors import UsageError
from medseg.report.gather import StudyScores
from medseg.report.headline import unit_noun
from medseg.report.measures import Measure, measure
from medseg.report.numerals import between, fixed
from medseg.report.tables import Table
from medseg.statistics import PairEvidence, compare_networks
from medseg.study.results import Result

__all__ = ["splits_table"]

_ID = ["architecture", "seed", "case"]


def splits_table(first: StudyScores, second: StudyScores, metric: str = "dice") -> Table:
    """A row a network: its mean over the same cases under either split, the difference, and that of each group.

    Each case's scores are of networks that were not trained on it; under one of the splits they may have been trained
    on its neighbours. Groups (patients, blocks) weigh the same, as in :func:`medseg.statistics.compare_networks`.

    Args:
        first: Scores under one split.
        second: Scores under the other.
        metric: Column of ``volumes_last.csv``.

    Raises:
        UsageError: If data or settings differ, the splits do not, the groups are not the same, or nothing is in common.
    """
    _check_same_but_split(first, second)
    score, noun = measure(metric), unit_noun(second)
    common = _common(first, second, metric)
    groups = common.drop_duplicates("case").group.value_counts().sort_index()
    found = dict(_differences(common, first, second, score, noun))
    lines, rows = [], []
    for network, pair in found.items():
        means = common[common.architecture == network].groupby("group")[["first", "second"]].mean()
        by_group = (means["first"] - means["second"]).reindex(groups.index)
        low, high = (None, None) if pair.interval is None else (pair.interval.low, pair.interval.high)
        gains = {str(group): float(gain) for group, gain in by_group.items()}
        shown = {"first": means["first"].mean(), "second": means["second"].mean(), "difference": pair.difference}
        lines.append({"network": network, "cases": pair.cases, **shown, "ci95_low": low, "ci95_high": high, **gains})
        texts = [fixed(value, score.decimals) for value in (*shown.values(), *gains.values())]
        rows.append((network, str(pair.cases), *texts[:3], between(low, high, score.decimals), *texts[3:]))
    within = "within-block " if next(iter(found.values())).scope == "within-block" else ""
    return Table(
        name="splits",
        caption=f"{score.heading} of the same {first.case_noun}s under both splits",
        columns=(
            "Network", f"{first.case_noun.capitalize()}s", first.name, second.name, "Difference",
            f"95 % {within}interval",
            *(f"{group} (n {count})" for group, count in groups.items()),
        ),
        rows=tuple(rows),
        data=pd.DataFrame(lines),
        note=f"Last epochs, {first.case_noun}s that a network was scored on under both. Means over {noun}s, which weigh"
        " the same; on the right, the difference in each.",
    )  # fmt: skip


def _check_same_but_split(first: StudyScores, second: StudyScores) -> None:
    facts = first.results[0].facts, second.results[0].facts
    if facts[0]["fingerprint"] != facts[1]["fingerprint"]:
        raise UsageError(
            f"studies beside each other must be of the same data, got fingerprints {facts[0]['fingerprint'][:12]}"
            f" ({first.name}) and {facts[1]['fingerprint'][:12]} ({second.name}); prepare both from the same images"
        )
    if facts[0]["split_sha256"] == facts[1]["split_sha256"]:
        raise UsageError(
            f"studies beside each other must have two splits, got the same one in {first.name} and {second.name};"
            " trainings of one split are compared by: medseg report"
        )
    for network in set(first.networks) & set(second.networks):
        configs = [_config(study.of(network)) for study in (first, second)]
        if configs[0] != configs[1]:
            raise UsageError(
                f"trainings of {network} must have the same settings in both studies, got config_sha256"
                f" {configs[0][:8]} ({first.name}) and {configs[1][:8]} ({second.name}); plan both studies alike"
            )


def _config(results: tuple[Result, ...]) -> str:
    return str(results[0].facts["config_sha256"])


def _common(first: StudyScores, second: StudyScores, metric: str) -> pd.DataFrame:
    """A row a network, seed and case that both have scored; the columns ``first``, ``second`` and ``group``."""
    for study in (first, second):
        if metric not in study.cases:
            raise UsageError(f"metric must be a column of volumes_last.csv, got {metric!r}, which {study.name} lacks")
    columns = [*_ID, "group", metric]
    both = first.cases[columns].merge(second.cases[columns], on=_ID, suffixes=("_1", "_2")).dropna()
    if both.empty:
        raise UsageError(
            f"studies beside each other must have scored the same cases with the same networks and seeds, got none in"
            f" {first.name} and {second.name}; go on with: medseg study run"
        )
    other = both[both.group_1 != both.group_2]
    if not other.empty:
        case = other.iloc[0]
        raise UsageError(
            f"cases must be of the same group in both studies, got {case.case} in {case.group_1} ({first.name}) and"
            f" {case.group_2} ({second.name}); prepare both with the same --groups"
        )
    return both.rename(columns={f"{metric}_1": "first", f"{metric}_2": "second", "group_1": "group"})


def _differences(
    common: pd.DataFrame, first: StudyScores, second: StudyScores, score: Measure, noun: str
) -> Iterator[tuple[str, PairEvidence]]:
    """By network, the first split's scores less the second's."""
    for network in (name for name in first.networks if name in set(common.architecture)):
        own = common[common.architecture == network]
        # The two splits stand where compare_networks has two networks; a case is in another fold of either.
        sides = [own.assign(architecture=place, fold=0, **{score.column: own[place]}) for place in ("first", "second")]
        evidence = compare_networks(
            pd.concat(sides)[["architecture", "fold", "seed", "group", "case", score.column]],
            score.column,
            higher_is_better=score.higher_is_better is not False,
            names={"first": first.name, "second": second.name},
            unit=noun,
            case=first.case_noun,
            margin=None,
        )
        (pair,) = evidence.pairs
        yield network, pair
