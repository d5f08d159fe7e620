"""A study from its plan to its results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from medseg.errors import UsageError
from medseg.manifest import Manifest, read_manifest
from medseg.runs import Status
from medseg.study.cluster import train_on_cluster
from medseg.study.cost import measure_costs
from medseg.study.folders import StudyFolder, WorkFolder
from medseg.study.local import Interrupted, train_here
from medseg.study.parent_run import ParentRun, open_parent
from medseg.study.plan import StudyPlan, plan_file
from medseg.study.planned import PlannedRun, planned_runs
from medseg.study.progress import StudyProgress
from medseg.study.training import Outcome, Setting, is_done

__all__ = ["How", "Study", "open_study", "run_study", "setting_of"]


@dataclass(frozen=True)
class Study:
    """A plan on its data.

    Attributes:
        runs: All its trainings.
    """

    plan: StudyPlan
    folder: StudyFolder
    work: WorkFolder
    manifest: Manifest
    runs: tuple[PlannedRun, ...]

    def left(self) -> list[PlannedRun]:
        """Trainings without a result.

        Raises:
            MedsegError: If a result is damaged, or of other data or settings.
        """
        return [run for run in self.runs if not is_done(run, self.folder)]


@dataclass(frozen=True)
class How:
    """How a study is run.

    Attributes:
        jobs: Trainings at a time on this machine.
        dask: Address of a cluster's scheduler, which takes the place of this machine.
        keep_weights: Whether finished trainings keep their weights.
        tracking_uri: MLflow store; None tracks nothing.
    """

    jobs: int = 1
    dask: str | None = None
    keep_weights: bool = False
    tracking_uri: str | None = None


def open_study(path: Path, plan: StudyPlan, data: Path | None = None, work: Path | None = None) -> Study:
    """A plan on its data.

    Args:
        path: The study's folder, or its ``study.yaml``.
        plan: Its plan.
        data: Prepared data set; the plan's where it is None.
        work: Folder for trainings, weights and logs; ``runs/studies/<name>`` where it is None.

    Raises:
        UsageError: If there are no data, or the plan's folds or bundles do not exist.
    """
    root = plan_file(path).resolve().parent
    if data is None and plan.data is None:
        raise UsageError(f"{path}: a study needs its prepared data set; give it with --data")
    manifest = read_manifest((root / str(plan.data) if data is None else data).resolve())
    work = Path("runs", "studies", plan.name) if work is None else work
    runs = tuple(planned_runs(plan, manifest))
    return Study(plan, StudyFolder(root), WorkFolder(work.resolve()), manifest, runs)


def setting_of(study: Study, how: How) -> Setting:
    """What the trainings of one call share."""
    jobs = 1 if how.dask else how.jobs
    return Setting(
        name=study.plan.name,
        study=study.folder,
        work=study.work,
        data=study.manifest.root,
        threads=study.plan.threads or max((os.cpu_count() or 1) // jobs, 1),
        jobs=jobs,
        keep_weights=how.keep_weights,
        tracking_uri=how.tracking_uri,
    )


def run_study(study: Study, how: How, console: Console) -> list[Outcome]:
    """Train what is left; costs are measured before, with nothing else at work.

    Raises:
        Interrupted: If this process was told to end; what was finished stays.
        MedsegError: If a network cannot be trained at all, or a result is damaged.
        UsageError: If the store or cluster cannot be reached.
    """
    left = study.left()
    setting = setting_of(study, how)
    if not left:
        console.print(f"study {study.plan.name}: all {len(study.runs)} trainings are done")
        return []
    console.print(f"study {study.plan.name}: {len(study.runs)} trainings, {len(left)} left")
    parent = None
    if how.tracking_uri is not None:
        parent = open_parent(how.tracking_uri, study.plan, study.manifest, study.work)
        setting = replace(setting, parent_run=parent.run_id)
    status: Status = "KILLED"
    try:
        console.print("measuring what the networks cost")
        measure_costs(left, setting)
        outcomes = _train(left, setting, how, console)
        status = "FAILED" if any(outcome.state == "failed" for outcome in outcomes) else "FINISHED"
    except Exception as error:
        status = "KILLED" if isinstance(error, Interrupted) else "FAILED"
        raise
    finally:
        _close(parent, status)
    return outcomes


def _train(left: Sequence[PlannedRun], setting: Setting, how: How, console: Console) -> list[Outcome]:
    with StudyProgress(left, console) as progress:
        if how.dask is not None:
            return train_on_cluster(left, setting, progress, how.dask)
        return train_here(left, setting, progress)


def _close(parent: ParentRun | None, status: Status) -> None:
    if parent is not None:
        parent.close(status)
