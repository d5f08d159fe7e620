"""A study's finished trainings as tables that may stand beside each other, and what is missing from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd

from medseg.errors import MedsegError, UsageError
from medseg.metrics.volumes import COUNTS
from medseg.report.measures import Measure, measures_in
from medseg.report.numerals import counted
from medseg.study.plan import StudyPlan, plan_file, read_plan
from medseg.study.results import Result, check_comparable, missing_cases, read_results

__all__ = ["StudyScores", "gather"]

_CASE_COLUMNS = ("group", "case", "slices", "dice", "iou")
_BIN_COLUMNS = ("bin_low", "bin_high", "pixels", "mean_probability", "foreground_share")
# Ids of train.json that a training's facts hold as the plan gives them.
_PLAIN = ("max_epochs", "epoch_length", "batch_size", "learning_rate", "dropout", "image_size", "flip_probability",
          "rotate90_probability")  # fmt: skip
_IMAGE_COLUMNS = ("group", "case", "slice", "dice", "iou", *COUNTS)


@dataclass(frozen=True)
class StudyScores:
    """What a report is made of.

    Attributes:
        name: The study's.
        results: Finished trainings, by network, fold and seed.
        missing_runs: Trainings of the study that are not finished, in words.
        set_aside: Finished trainings that are none of the plan's, in words.
        missing_cases: By network, cases that others have been scored on and it has not.
        cases: Last epochs' scores, a case of a training a row: ``architecture``, ``fold``, ``seed``, then the
            columns of ``volumes_last.csv``.
        cases_best: The same of the best epochs.
        images: Last epochs' scores, a slice of a training a row.
        images_best: The same of the best epochs.
    """

    name: str
    results: tuple[Result, ...]
    missing_runs: tuple[str, ...]
    set_aside: tuple[str, ...]
    missing_cases: dict[str, list[str]]
    cases: pd.DataFrame
    cases_best: pd.DataFrame
    images: pd.DataFrame
    images_best: pd.DataFrame

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks, in the order to show."""
        return tuple(dict.fromkeys(result.bundle for result in self.results))

    @property
    def volumes(self) -> bool:
        """Whether cases are volumes of several slices; else each is an image."""
        return bool((self.cases.slices > 1).any())

    @property
    def case_noun(self) -> str:
        """What a case is called."""
        return "volume" if self.volumes else "image"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Scores that all cases have a column for."""
        return measures_in(self.cases.columns)

    @property
    def folds(self) -> tuple[int, ...]:
        """Folds of which there is a training."""
        return tuple(sorted({result.fold for result in self.results}))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of which there is a training."""
        return tuple(sorted({result.seed for result in self.results}))

    def of(self, network: str) -> tuple[Result, ...]:
        """A network's trainings."""
        return tuple(result for result in self.results if result.bundle == network)


def gather(study: Path) -> StudyScores:
    """Read a study's results and check that they may be compared.

    Args:
        study: The study's folder.

    Raises:
        UsageError: If the folder is no study's, has no finished training, or holds trainings that may not stand in one
            table, or the plan has other data.
        MedsegError: If a file is damaged.
    """
    if not (study / "results").is_dir() and not plan_file(study).is_file():
        raise UsageError(
            f"{study}: study must be a folder with study.yaml and results/, but it has neither;"
            " make one with: medseg study run"
        )
    plan = read_plan(study) if plan_file(study).is_file() else None
    found = read_results(study)
    set_aside = {} if plan is None else _set_aside(plan, found, study)
    results = [result for result in found if result.key not in set_aside]
    if not results and set_aside:
        raise UsageError(
            f"{study}: study must have a finished training of its plan in results/, got none, but"
            f" {'; '.join(set_aside.values())}; go on with: medseg study run"
        )
    if not results:
        raise UsageError(
            f"{study}: study must have a finished training in results/, got none; go on with: medseg study run"
        )
    check_comparable(results)
    for result in results:
        _check(result.history(), result.folder / "history.csv", ("epoch",))
        _check(result.calibration(), result.folder / "calibration_last.csv", _BIN_COLUMNS)
    return StudyScores(
        name=study.resolve().name if plan is None else plan.name,
        results=tuple(results),
        missing_runs=tuple(_missing_runs(plan, results)),
        set_aside=tuple(set_aside.values()),
        missing_cases=missing_cases(results),
        cases=_table(results, "volumes", "last", _CASE_COLUMNS),
        cases_best=_table(results, "volumes", "best", _CASE_COLUMNS),
        images=_table(results, "scores", "last", _IMAGE_COLUMNS),
        images_best=_table(results, "scores", "best", _IMAGE_COLUMNS),
    )


def _set_aside(plan: StudyPlan, results: Sequence[Result], study: Path) -> dict[str, str]:
    """By key, the trainings that are none of the plan's, and why."""
    bundles = {Path(bundle).name: bundle for bundle in plan.bundles}
    reasons = {}
    for result in results:
        if plan.fingerprint is not None and not str(result.facts["fingerprint"]).startswith(plan.fingerprint):
            raise UsageError(
                f"{study}: results must be of the data with fingerprint {plan.fingerprint}, got"
                f" {str(result.facts['fingerprint'])[:12]} ({result.key}); keep other data in a study of their own"
            )
        for name, value, planned in (
            ("bundle", result.bundle, tuple(bundles)),
            ("fold", result.fold, plan.folds),
            ("seed", result.seed, plan.seeds),
        ):
            if planned is not None and value not in planned:
                reasons[result.key] = f"{_title(result)} (the plan has no such {name})"
        if result.key not in reasons:
            for name, value in plan.overrides(bundles[result.bundle]).items():
                if name in _PLAIN and value is not None and result.facts.get(name, value) != value:
                    reasons[result.key] = f"{_title(result)} ({name} {result.facts[name]}, in the plan {value})"
    return reasons


def _title(result: Result) -> str:
    return f"{result.bundle}, fold {result.fold}, seed {result.seed}"


def _table(results: Sequence[Result], kind: str, which: str, needed: Sequence[str]) -> pd.DataFrame:
    """All trainings' tables below each other."""
    tables = []
    for result in results:
        table = result.volumes(which) if kind == "volumes" else result.images(which)
        _check(table, result.folder / f"{kind}_{which}.csv", needed)
        table.insert(0, "architecture", result.bundle)
        table.insert(1, "fold", result.fold)
        table.insert(2, "seed", result.seed)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _check(table: pd.DataFrame, path: Path, needed: Sequence[str]) -> None:
    missing = [column for column in needed if column not in table]
    if missing or table.empty:
        found = f"no column {missing[0]}" if missing else "no row"
        raise MedsegError(
            f"{path}: must hold what a training recorded, got {found}; delete its folder to train it again"
        )


def _missing_runs(plan: StudyPlan | None, results: Sequence[Result]) -> Iterator[str]:
    """What the plan names and is not finished; without a plan, what one network has and another lacks."""
    done = {(result.bundle, result.fold, result.seed) for result in results}
    networks, folds, seeds = (tuple(sorted(set(values))) for values in zip(*done, strict=True))
    if plan is not None:
        networks = tuple(Path(bundle).name for bundle in plan.bundles)
        folds = folds if plan.folds is None else plan.folds
        seeds = plan.seeds
    for network, fold, seed in product(networks, folds, seeds):
        if (network, fold, seed) not in done:
            yield f"{network}, fold {fold}, seed {seed}"
    if plan is not None and plan.folds is None and (unseen := _unseen_cases(results)):
        yield f"the folds of {counted(unseen, 'other case')}"


def _unseen_cases(results: Sequence[Result]) -> int:
    """Cases of the data that no training has scored, since their folds are still to come."""
    facts = results[0].facts
    scored = {case for result in results for case in result.volumes().case}
    return int(facts["train_cases"]) + int(facts["val_cases"]) - len(scored)
