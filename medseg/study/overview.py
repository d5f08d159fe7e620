"""What MLflow shows of a whole study: a description, a score a network, and all trainings' figures as tables."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from medseg.errors import MedsegError
from medseg.manifest import Manifest
from medseg.report.evidence import StudyEvidence
from medseg.report.gather import StudyScores, gather
from medseg.report.headline import gaps, unit_noun
from medseg.report.measures import measure
from medseg.report.numerals import counted
from medseg.study.cost import read_costs
from medseg.study.folders import StudyFolder
from medseg.study.plan import StudyPlan
from medseg.study.states import RunState
from medseg.tracking.look import trainings_page
from medseg.tracking.presentation import model_name

__all__ = ["Overview", "make_overview", "mean_over_units"]

_MOST_PAIRS = 10
"""MLflow takes 8,000 characters for a description."""
_COSTS = ("parameters", "multiply_adds", "infer_seconds", "train_step_seconds")


@dataclass(frozen=True)
class Overview:
    """The content of a study's MLflow run.

    Attributes:
        done: Finished trainings.
        note: Description, Markdown.
        metrics: By name, ``<score>.<network>``.
        tables: CSV by file name.
    """

    done: int
    note: str
    metrics: dict[str, float]
    tables: dict[str, str]


def make_overview(
    plan: StudyPlan, manifest: Manifest, folder: StudyFolder, states: Sequence[RunState], *, experiment: str
) -> Overview:
    """Sum up what is finished of a study.

    Args:
        plan: The study.
        manifest: Its data.
        folder: Where its results are.
        states: Of all its trainings.
        experiment: Id of the MLflow experiment, for links.
    """
    counts: Counter[str] = Counter(state.state for state in states)
    scores, said = None, "nothing to compare yet."
    if counts["done"]:
        try:
            scores = gather(folder.root)
            said = "\n".join(_found(scores))
        except MedsegError:  # names folders of this machine, which a store that others see must not hold
            said = "they cannot be put into one comparison; `medseg report` says why."
    parts = (
        f"{_progress(counts, manifest)} {said}",
        _about(plan, manifest, states),
        _where(plan, manifest, experiment),
    )
    note = "\n\n".join(parts)
    if scores is None:
        return Overview(counts["done"], note, {}, {})
    tables = {"trainings.csv": _trainings(scores), "cases.csv": scores.cases}
    texts = {name: table.to_csv(index=False) for name, table in tables.items()}
    return Overview(counts["done"], note, dict(_metrics(scores, folder)), texts)


def mean_over_units(cases: pd.DataFrame, column: str) -> float:
    """Mean over patients or blocks, of each one's mean over its cases, of each case's mean over trainings."""
    by_case = cases.groupby(["group", "case"])[column].mean()
    return float(by_case.groupby("group").mean().mean())


def _progress(counts: Counter[str], manifest: Manifest) -> str:
    """How far the study is; stands first, since MLflow shows the first lines alone."""
    others = "".join(f", {counts[name]} {name}" for name in ("failed", "left") if counts[name])
    leak = ""
    if manifest.split.leaky:
        leak = "**Leaky split: images of one patient or block may be on both sides, so all scores are too good.**\n\n"
    return f"{leak}**{counts['done']} of {counts.total()} trainings done{others}:**"


def _found(scores: StudyScores) -> Iterator[str]:
    """The report's verdict, and what lacks."""
    chosen = measure("dice")
    compared = StudyEvidence(scores, unit_noun(scores)).pairs(chosen)
    if compared is None or not compared.pairs:
        yield f"only {scores.networks[0]}, nothing to compare it with."
    else:
        yield compared.sentence
        if len(compared.pairs) > 1:
            yield from ("", *(f"- {pair.sentence}" for pair in compared.pairs[:_MOST_PAIRS]))
        if len(compared.pairs) > _MOST_PAIRS:
            yield f"- {len(compared.pairs) - _MOST_PAIRS} more pairs: see the report"
    yield from (f"\n{sentence}" for sentence in gaps(scores, chosen))


def _about(plan: StudyPlan, manifest: Manifest, states: Sequence[RunState]) -> str:
    """What is compared."""
    networks = ", ".join(f"`{name}`" for name in dict.fromkeys(state.run.bundle_name for state in states))
    folds, seeds = (len({getattr(state.run, name) for state in states}) for name in ("fold", "seed"))
    return (
        f"Study `{plan.name}` of {networks} on `{manifest.name}` ({manifest.modality}, {manifest.foreground}):"
        f" {counted(folds, 'fold')} of a {manifest.split.method} split, {counted(seeds, 'seed')}."
    )


def _where(plan: StudyPlan, manifest: Manifest, experiment: str) -> str:
    network = Path(plan.bundles[0]).name
    charts, runs = (trainings_page(experiment, plan.name, mode) for mode in ("CHART", "TABLE"))
    return (
        f"The trainings as [charts]({charts}) and as a [list]({runs}), in which to tick some and *Compare* them.\n\n"
        "Metrics such as `dice.unet` are means of the last epochs over all that is finished, each patient or block"
        " weighing the same; their steps are the numbers of finished trainings.\n\n"
        "Artifacts: `report/index.html` (at the study's end), `trainings.csv` (settings, cost and score of each"
        " training), `cases.csv` (scores of each case), `study.yaml`. The best model of each network is in the model"
        f" registry, such as `{model_name(manifest.name, network)}@best`."
    )


def _metrics(scores: StudyScores, folder: StudyFolder) -> Iterator[tuple[str, float]]:
    for network in scores.networks:
        name = re.sub(r"[^\w\-. ]", "_", network, flags=re.ASCII)  # what MLflow takes
        own = scores.cases[scores.cases.architecture == network]
        for found in scores.measures:
            if own[found.column].notna().any():
                yield f"{found.column}.{name}", mean_over_units(own, found.column)
        yield f"train_seconds.{name}", _mean_fact(scores, network, "seconds")
        trained = {result.facts["config_sha256"] for result in scores.of(network)}
        for cost in read_costs(folder.root):
            if (cost["bundle"], {cost["config_sha256"]}) != (network, trained):  # of settings that the study had before
                continue
            yield from ((f"{key}.{name}", float(cost[key])) for key in _COSTS if key in cost)


def _mean_fact(scores: StudyScores, network: str, fact: str) -> float:
    own = scores.of(network)
    return sum(float(result.facts[fact]) for result in own) / len(own)


def _trainings(scores: StudyScores) -> pd.DataFrame:
    """Facts of each training with its means over its fold's cases."""
    rows = []
    for result in scores.results:
        volumes = result.volumes()
        means = {f"mean_{column}": float(volumes[column].mean()) for column in ("dice", "iou")}
        rows.append({"key": result.key, **means, **_plain(result.facts)})
    return pd.DataFrame(rows)


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: json.dumps(value) if isinstance(value, (list, dict)) else value for name, value in facts.items()}
