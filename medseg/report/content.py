"""All that a report says, whatever form it is written in."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medseg.errors import UsageError
from medseg.report.cost_table import cost_table
from medseg.report.curves import learning_curves
from medseg.report.drawing import Plot
from medseg.report.evidence import StudyEvidence
from medseg.report.evidence_tables import differences_table, pairs_table
from medseg.report.forest import forest
from medseg.report.gather import StudyScores
from medseg.report.headline import Headline, gaps, headlines, unit_noun
from medseg.report.measures import Measure, measure
from medseg.report.numerals import counted
from medseg.report.pareto import pareto_plots
from medseg.report.pictures import PictureRow, draw_cases, open_data
from medseg.report.reliability import pooled_calibration, reliability
from medseg.report.score_tables import paper_table, runs_table, scores_table
from medseg.report.settings_table import settings_table
from medseg.report.spread import case_spread
from medseg.report.tables import Table
from medseg.statistics import Evidence
from medseg.study.cost import read_costs
from medseg.study.folders import WorkFolder

__all__ = ["Report", "make_report"]


@dataclass(frozen=True)
class Report:
    """The content of a report.

    Attributes:
        study: Name of the study.
        measure: Score that the verdict is about.
        verdict: The answer, in a sentence.
        pair_verdicts: A sentence every two networks.
        headlines: What was compared.
        gaps: What is missing, in sentences.
        tables: By name.
        curves: Learning curves.
        spread: All cases' scores.
        forest: Differences; None of a single network.
        pareto: Score beside cost.
        reliability: Calibration.
        pictures: A row a case.
        picture_note: Why pictures are missing, and how to get them; may be empty.
        commands: With which study and report are made again.
    """

    study: str
    measure: Measure
    verdict: str
    pair_verdicts: tuple[str, ...]
    headlines: tuple[Headline, ...]
    gaps: tuple[str, ...]
    tables: Mapping[str, Table]
    curves: tuple[Plot, ...]
    spread: Plot
    forest: Plot | None
    pareto: tuple[Plot, ...]
    reliability: Plot
    pictures: tuple[PictureRow, ...]
    picture_note: str
    commands: tuple[str, ...]

    @property
    def plots(self) -> tuple[Plot, ...]:
        """All charts."""
        drawn = (self.forest, self.spread, *self.curves, *self.pareto, self.reliability)
        return tuple(plot for plot in drawn if plot is not None)


def make_report(
    study: StudyScores, folder: Path, *, metric: str, data: Path | None, work: WorkFolder, pictures: bool
) -> Report:
    """Work out and draw all of it.

    Args:
        study: The scores.
        folder: The study's folder, for its costs.
        metric: Column of the score that the verdict is about.
        data: Prepared data set for the pictures; None draws none.
        work: Where masks are.
        pictures: Whether to draw images of the data.

    Raises:
        UsageError: If the metric is none that the cases have with a direction, or the data are not the study's.
        MedsegError: If a file is damaged.
    """
    chosen = _metric(study, metric)
    evidence = StudyEvidence(study, unit_noun(study))
    compared = evidence.pairs(chosen)
    if compared is None:
        raise UsageError(f"metric must be one that cases have values of, got {metric!r}, of which there is none")
    costs = {str(cost["bundle"]): cost for cost in read_costs(folder) if _is_compared(cost, study)}
    rows, note = _pictures(study, data, work, pictures)
    bins = pooled_calibration(study.results)
    return Report(
        study=study.name,
        measure=chosen,
        verdict=compared.sentence,
        pair_verdicts=tuple(pair.sentence for pair in compared.pairs),
        headlines=headlines(study),
        gaps=tuple(gaps(study, chosen)),
        tables=_tables(study, evidence, compared, chosen, costs),
        curves=tuple(learning_curves(study.results)),
        spread=case_spread(study.cases, chosen, study.case_noun),
        forest=forest(compared, chosen) if compared.pairs else None,
        pareto=_pareto(study, evidence, compared, chosen, costs),
        reliability=reliability(bins),
        pictures=tuple(rows),
        picture_note=note,
        commands=_commands(folder, metric),
    )


def _is_compared(cost: Mapping[str, Any], study: StudyScores) -> bool:
    """Whether a cost is of a network as it was trained, not of settings that the study had before."""
    return any(
        (result.bundle, result.facts["config_sha256"]) == (cost["bundle"], cost["config_sha256"])
        for result in study.results
    )


def _metric(study: StudyScores, name: str) -> Measure:
    directed = [found.column for found in study.measures if found.higher_is_better is not None]
    if name not in directed:
        raise UsageError(f"metric must be one of {', '.join(directed)}, got {name!r}")
    return measure(name)


def _pareto(
    study: StudyScores,
    evidence: StudyEvidence,
    compared: Evidence,
    chosen: Measure,
    costs: Mapping[str, Mapping[str, Any]],
) -> tuple[Plot, ...]:
    """Score beside cost, over the same cases for all networks."""
    common = evidence.common(chosen)
    if common is None or not common.pairs:
        return ()
    cases = counted(common.networks[0].cases, study.case_noun)
    over = "" if common is compared else f" Over the {cases} that all have scored."
    return tuple(pareto_plots(common, chosen, _parameters(study), costs, over))


def _tables(
    study: StudyScores,
    evidence: StudyEvidence,
    compared: Evidence,
    chosen: Measure,
    costs: Mapping[str, Mapping[str, Any]],
) -> dict[str, Table]:
    tables = [
        paper_table(study, evidence),
        scores_table(study, evidence, "last"),
        scores_table(study, evidence, "best"),
        *([pairs_table(compared, chosen), differences_table(study, evidence)] if compared.pairs else []),
        cost_table(study, costs),
        settings_table(study),
        runs_table(study),
    ]
    return {table.name: table for table in tables if table is not None}


def _parameters(study: StudyScores) -> dict[str, Any]:
    return {result.bundle: result.facts.get("parameters") for result in study.results}


def _pictures(study: StudyScores, data: Path | None, work: WorkFolder, wanted: bool) -> tuple[list[PictureRow], str]:
    """Rows of pictures, and what to say where some are missing."""
    if not wanted:
        return [], "This report was made without images of the data (--no-pictures)."
    if data is None:
        return [], "Pictures of the cases need the prepared data set: medseg report STUDY --data PREPARED."
    rows, missing = draw_cases(study, open_data(data, study), work)
    note = "" if not missing else (
        f"No masks of {', '.join(missing)}: the study's working folder (--work) has them on the machine that trained."
    )  # fmt: skip
    return rows, note


def _commands(folder: Path, metric: str) -> tuple[str, ...]:
    # An absolute path is this machine's, which nobody else has.
    study = shlex.quote(folder.name if folder.is_absolute() else folder.as_posix())
    option = "" if metric == "dice" else f" --metric {metric}"
    return f"medseg study run {study} --data PREPARED", f"medseg report {study} --data PREPARED{option}"
