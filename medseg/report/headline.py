"""What was compared, in facts on top of a report, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medseg.paper import PAPER_NETWORKS
from medseg.report.gather import StudyScores
from medseg.report.measures import Measure
from medseg.report.numerals import MISSING, counted

__all__ = ["Headline", "gaps", "headlines", "unit_noun"]

_MOST_NAMES = 12
_SPLITS = {
    "group": "groups stay whole",
    "contiguous": "neighbouring images stay together",
    "random": "images of one patient or block may stand on both sides, so all scores are too good",
}


@dataclass(frozen=True)
class Headline:
    """One fact.

    Attributes:
        title: What it is.
        value: The fact.
        note: What else is to be known of it; may be empty.
        badge: Mark before the value where scores can't be trusted for it; may be empty.
    """

    title: str
    value: str
    note: str = ""
    badge: str = ""


def unit_noun(study: StudyScores) -> str:
    """What a group of cases is called.

    ``patient`` where images show patients, but ``group`` where all stand in one and were split all the same, as where
    nobody said whose they are; else ``block``.
    """
    facts = study.results[0].facts
    placed = any(str(column).endswith("_mm") for column in study.cases)
    if not placed and facts.get("orientation") is None:
        return "block"
    return "group" if facts.get("split") != "group" and study.cases.group.nunique() == 1 else "patient"


def headlines(study: StudyScores) -> tuple[Headline, ...]:
    """All facts, in order."""
    facts = study.results[0].facts
    cases = study.cases.drop_duplicates("case")
    groups, slices = cases.group.nunique(), int(cases.slices.sum())
    many = f"{counted(slices, 'slice')} " if study.volumes else ""
    return (
        Headline(
            "Data set",
            str(facts["dataset"]),
            f"{facts.get('modality', MISSING)}, foreground {facts.get('foreground', MISSING)};"
            f" fingerprint {str(facts['fingerprint'])[:12]}",
        ),
        Headline("Scored", counted(len(cases), study.case_noun), f"{many}of {counted(groups, unit_noun(study))}"),
        _networks(study),
        _split(study, facts),
        Headline("Seeds", _listed(study.seeds), "of weights, order and augmentation"),
        Headline("Image size", _size(facts.get("image_size")), "pixels that the networks saw"),
        Headline("Epochs", _same(study, "max_epochs"), f"batch size {_same(study, 'batch_size')}"),
        _trainings(study),
    )


def _networks(study: StudyScores) -> Headline:
    known = [f"{name} is {PAPER_NETWORKS[name].name}" for name in study.networks if name in PAPER_NETWORKS]
    return Headline("Networks", ", ".join(study.networks), f"in the paper {', '.join(known)}" if known else "")


def _split(study: StudyScores, facts: dict[str, Any]) -> Headline:
    method = str(facts.get("split"))
    folds = "fold" if len(study.folds) == 1 else "folds"
    return Headline(
        "Split",
        f"{method}, {counted(len(study.folds), 'fold')}",
        f"{folds} {_listed(study.folds)}: {_SPLITS.get(method, method)}",
        badge="LEAKY" if facts.get("leaky") else "",
    )


def _trainings(study: StudyScores) -> Headline:
    done, missing = len(study.results), bool(study.missing_runs)
    note = "the study has more, named below" if missing else "all that the study has"
    return Headline("Trainings", f"{done:,}", note, badge="INCOMPLETE" if missing else "")


def _listed(numbers: Sequence[int]) -> str:
    """``0 to 4``, ``0, 2, 3``."""
    if len(numbers) > 2 and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers))


def _size(size: Any) -> str:
    return "as prepared" if size is None else " × ".join(map(str, size))


def _same(study: StudyScores, name: str) -> str:
    values = dict.fromkeys(str(result.facts.get(name, MISSING)) for result in study.results)
    return " or ".join(values)


def gaps(study: StudyScores, chosen: Measure) -> Iterator[str]:
    """What the study lacks, in sentences; of scores, the one that the verdict is about."""
    if study.missing_runs:
        yield f"Not finished: {_named(study.missing_runs)}."
    if study.set_aside:
        yield f"Left out, since study.yaml has another plan: {_named(study.set_aside)}."
    for network, cases in study.missing_cases.items():
        yield (
            f"{network} has not been scored on {counted(len(cases), study.case_noun)} that others have:"
            f" {_named(cases)}. Differences are over the common ones only."
        )
    for network in study.networks:
        unknown = study.cases[(study.cases.architecture == network) & study.cases[chosen.column].isna()]
        if not unknown.empty:
            cases = sorted(unknown.case.unique())
            them = "it" if len(cases) == 1 else "them"
            yield (
                f"{network} has no {chosen.title} on {counted(len(cases), study.case_noun)}, where truth or prediction"
                f" is empty: {_named(cases)}. Means and differences leave {them} out, whatever was missed there."
            )


def _named(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _MOST_NAMES
    return "; ".join(names[:_MOST_NAMES]) + (f"; and {more:,} more" if more > 0 else "")
