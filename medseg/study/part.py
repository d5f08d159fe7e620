"""The part of a study that one call is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medseg.errors import UsageError
from medseg.study.planned import PlannedRun

__all__ = ["ALL", "Part"]


@dataclass(frozen=True)
class Part:
    """Some of a study's trainings; what is empty leaves all of them.

    Attributes:
        bundles: Names as tables have them, or bundles' folders.
        folds: Indices into ``splits_final.json``.
        seeds: Of the plan's.
    """

    bundles: tuple[str, ...] = ()
    folds: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()

    def of(self, runs: Sequence[PlannedRun]) -> tuple[PlannedRun, ...]:
        """Its trainings, in their order.

        Args:
            runs: All trainings of the study.

        Raises:
            UsageError: If it asks for what is no part of the study.
        """
        names = set(_names(self.bundles, runs))
        _check("--fold", self.folds, [run.fold for run in runs])
        _check("--seed", self.seeds, [run.seed for run in runs])
        return tuple(
            run
            for run in runs
            if (not names or run.bundle_name in names)
            and (not self.folds or run.fold in self.folds)
            and (not self.seeds or run.seed in self.seeds)
        )


ALL = Part()


def _names(bundles: Sequence[str], runs: Sequence[PlannedRun]) -> Iterator[str]:
    known = [run.bundle_name for run in runs]
    # A variant is in the folder of the bundle that it varies, and is known by its name alone.
    by_folder = {run.bundle: run.bundle_name for run in runs if run.bundle.name == run.bundle_name}
    for bundle in bundles:
        name = bundle if bundle in known else by_folder.get(Path(bundle).expanduser().resolve(), bundle)
        _check("--bundle", [name], known)
        yield name


def _check(flag: str, asked: Sequence[object], known: Sequence[object]) -> None:
    strange = next((value for value in asked if value not in known), None)
    if strange is not None:
        raise UsageError(
            f"{flag} must be of the study's {', '.join(map(str, dict.fromkeys(known)))}, got {strange}; change"
            " study.yaml, or give another folder"
        )
