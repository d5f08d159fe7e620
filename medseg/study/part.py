"""The part of a study that one call is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medseg.errors import UsageError
from medseg.study.plan import StudyPlan
from medseg.study.planned import PlannedRun

__all__ = ["ALL", "Part"]


@dataclass(frozen=True)
class Part:
    """Some of a study's trainings; what is empty leaves all of them.

    Attributes:
        bundles: As the plan names them.
        folds: Indices into ``splits_final.json``.
        seeds: Of the plan's.
    """

    bundles: tuple[str, ...] = ()
    folds: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()

    def of(self, plan: StudyPlan, runs: Sequence[PlannedRun]) -> tuple[PlannedRun, ...]:
        """Its trainings, in their order.

        Args:
            plan: The study.
            runs: All its trainings.

        Raises:
            UsageError: If it asks for what is no part of the study.
        """
        known_folds = sorted({run.fold for run in runs})
        _check("--bundle", self.bundles, plan.bundles)
        _check("--fold", self.folds, known_folds)
        _check("--seed", self.seeds, plan.seeds)
        names = [Path(bundle).name for bundle in self.bundles or plan.bundles]
        folds, seeds = self.folds or known_folds, self.seeds or plan.seeds
        return tuple(run for run in runs if run.bundle_name in names and run.fold in folds and run.seed in seeds)


ALL = Part()


def _check(flag: str, asked: Sequence[object], known: Sequence[object]) -> None:
    strange = next((value for value in asked if value not in known), None)
    if strange is not None:
        raise UsageError(
            f"{flag} must be of the study's {', '.join(map(str, known))}, got {strange}; change study.yaml, or give"
            " another folder"
        )
