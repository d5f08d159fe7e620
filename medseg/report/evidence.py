"""The statistics of a study's scores, each worked out once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from medseg.report.gather import StudyScores
from medseg.report.measures import Measure
from medseg.statistics import Evidence, NetworkEvidence, compare_networks

__all__ = ["Level", "StudyEvidence"]

# Over cases; over slices with foreground in the truth; over all slices.
Level = Literal["cases", "foreground slices", "slices"]

_COLUMNS = ["architecture", "fold", "seed", "group", "case"]
_MARGIN = 0.01


@dataclass
class StudyEvidence:
    """Evidence by measure.

    Attributes:
        study: The scores.
        unit: What a group is called, ``patient`` or ``block``.
    """

    study: StudyScores
    unit: str
    _networks: dict[tuple[str, str, str, str], NetworkEvidence | None] = field(default_factory=dict)
    _pairs: dict[str, Evidence | None] = field(default_factory=dict)

    def network(
        self, network: str, measure: Measure, which: str = "last", level: Level = "cases"
    ) -> NetworkEvidence | None:
        """A network's scores by themselves; None where none of its cases has the measure.

        Args:
            network: Its name.
            measure: One that cases, or slices, have.
            which: ``last`` or ``best`` epoch.
            level: What is counted; of images, which are cases of one slice, all levels are the same.
        """
        level = level if self.study.volumes else "cases"
        key = (network, measure.column, which, level)
        if key not in self._networks:
            table = self._table(which, level)
            found = self._compare(table[table.architecture == network], measure, level)
            self._networks[key] = None if found is None else found.networks[0]
        return self._networks[key]

    def pairs(self, measure: Measure) -> Evidence | None:
        """All networks beside each other, over cases of the last epoch; None where no case has the measure."""
        if measure.column not in self._pairs:
            self._pairs[measure.column] = self._compare(self.study.cases, measure, "cases")
        return self._pairs[measure.column]

    def common(self, measure: Measure) -> Evidence | None:
        """As :meth:`pairs`, over what all networks have scored in a fold and seed; None where that is nothing."""
        cases = self.study.cases.dropna(subset=[measure.column])
        scored_by = cases.groupby(_COLUMNS[1:])["architecture"].transform("nunique")
        every = cases[scored_by == cases.architecture.nunique()]
        if len(every) == len(self.study.cases):
            return self.pairs(measure)
        return self._compare(every, measure, "cases")

    def _table(self, which: str, level: Level) -> pd.DataFrame:
        study = self.study
        if level == "cases":
            return study.cases if which == "last" else study.cases_best
        table = study.images if which == "last" else study.images_best
        if level == "foreground slices":
            table = table[table.true_positive_px + table.false_negative_px > 0]
        # Names that people would count on in the order of the slices.
        return table.assign(case=table.case + " slice " + table.slice.astype(str))

    def _compare(self, table: pd.DataFrame, measure: Measure, level: Level) -> Evidence | None:
        scores = table[[*_COLUMNS, measure.column]].dropna()
        if scores.empty:
            return None
        return compare_networks(
            scores,
            measure.column,
            higher_is_better=measure.higher_is_better is not False,
            unit=self.unit,
            case=self.study.case_noun if level == "cases" else "slice",
            margin=_MARGIN if measure.higher_is_better and not measure.unit else None,
            allow_missing=True,
            leaky=bool(self.study.results[0].facts.get("leaky")),
        )
