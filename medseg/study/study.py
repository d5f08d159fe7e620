"""A study from its plan to its results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile

from rich.console import Console

from medseg.errors import UsageError
from medseg.io.processes import usable_cores
from medseg.manifest import Manifest, read_manifest
from medseg.runs import Status
from medseg.study.cluster import check_cluster, train_on_cluster
from medseg.study.cost import measure_costs
from medseg.study.folders import StudyFolder, WorkFolder
from medseg.study.kept import tidy_finished
from medseg.study.local import train_here
from medseg.study.page import StudyPage
from medseg.study.parent_run import open_parent
from medseg.study.part import ALL, Part
from medseg.study.plan import StudyPlan, keep_plan, plan_file
from medseg.study.planned import PlannedRun, planned_runs
from medseg.study.progress import StudyProgress
from medseg.study.signals import Signals
from medseg.study.training import Outcome, Setting, is_done

__all__ = ["How", "Study", "check_writable", "open_study", "run_study", "setting_of", "warn_of_threads"]


@dataclass(frozen=True)
class Study:
    """A plan on its data.

    Attributes:
        runs: All its trainings.
        asked: Those that this call is about.
    """

    plan: StudyPlan
    folder: StudyFolder
    work: WorkFolder
    manifest: Manifest
    runs: tuple[PlannedRun, ...]
    asked: tuple[PlannedRun, ...]

    def done(self) -> list[PlannedRun]:
        """Trainings with a result.

        Raises:
            MedsegError: If a result is damaged, or of other data or settings.
        """
        return [run for run in self.runs if is_done(run, self.folder)]

    def left(self, done: Sequence[PlannedRun]) -> list[PlannedRun]:
        """What this call has to train, all but ``done``."""
        return [run for run in self.asked if run not in done]

    def count(self, done: Sequence[PlannedRun]) -> str:
        """Number of trainings, of those that are left, and of those that this call has to train, for people."""
        left, now = len(self.runs) - len(done), len(self.left(done))
        of_them = "" if now == left else f", {now} of them now"
        return f"study {self.plan.name}: {len(self.runs)} trainings, {left} left{of_them}"


@dataclass(frozen=True)
class How:
    """How a study is run.

    Attributes:
        jobs: Trainings at a time on this machine.
        dask: Address of a cluster's scheduler, which takes the place of this machine.
        keep_weights: Whether finished trainings keep their weights.
        tracking_uri: MLflow store; None tracks nothing.
        costs: Whether to measure the networks' costs that are not known yet.
        pictures: Whether the report in the store shows images of the data.
    """

    jobs: int = 1
    dask: str | None = None
    keep_weights: bool = False
    tracking_uri: str | None = None
    costs: bool = True
    pictures: bool = True


def open_study(
    path: Path, plan: StudyPlan, data: Path | None = None, work: Path | None = None, part: Part = ALL
) -> Study:
    """A plan on its data.

    Args:
        path: The study's folder, or its ``study.yaml``.
        plan: Its plan.
        data: Prepared data set; the plan's where it is None.
        work: Folder for trainings, weights and logs; ``runs/studies/<name>`` where it is None.
        part: What is asked for now.

    Raises:
        UsageError: If there are no data, the plan's folds or bundles do not exist, or the part is none of the study.
    """
    root = plan_file(path).resolve().parent
    if data is None and plan.data is None:
        raise UsageError(f"{path}: a study needs its prepared data set; give it with --data")
    manifest = read_manifest((root / str(plan.data) if data is None else data).resolve())
    work = Path("runs", "studies", plan.name) if work is None else work
    runs = tuple(planned_runs(plan, manifest, root))
    return Study(plan, StudyFolder(root), WorkFolder(work.resolve()), manifest, runs, part.of(runs))


def check_writable(study: Study) -> None:
    """Check that results and work have a place before there is work to lose.

    Raises:
        UsageError: If a folder cannot be written.
    """
    for folder in (study.folder.root, study.work.root):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise UsageError(f"{folder}: must be a folder that can be written, got {error.strerror}") from error


def setting_of(study: Study, how: How) -> Setting:
    """What the trainings of one call share."""
    jobs = 1 if how.dask else how.jobs
    share = None if how.dask else max(usable_cores() // jobs, 1)
    return Setting(
        name=study.plan.name,
        study=study.folder,
        work=study.work,
        data=study.manifest.root,
        threads=study.plan.threads or share,
        jobs=jobs,
        keep_weights=how.keep_weights,
        tracking_uri=how.tracking_uri,
    )


def warn_of_threads(setting: Setting, how: How, console: Console) -> None:
    """Say so where trainings wait for each other's cores."""
    if how.dask is None and setting.jobs * (setting.threads or 1) > (cores := usable_cores()):
        console.print(f"warning: --jobs {setting.jobs}, threads a training: {setting.threads}, but cores: {cores}")


def run_study(study: Study, how: How, console: Console) -> list[Outcome]:
    """Train what is left; costs that are not known yet are measured before, with nothing else of the study at work.

    A plan that stands in no file yet is written once store and cluster are known to be there.

    Raises:
        Interrupted: If this process was told to end; what was finished stays.
        MedsegError: If a result is damaged.
        UsageError: If the store or cluster cannot be reached.
    """
    with Signals() as signals:
        return _run(study, how, console, signals)


def _run(study: Study, how: How, console: Console, signals: Signals) -> list[Outcome]:
    if how.dask is not None:
        check_cluster(how.dask)
    done = study.done()
    left = study.left(done)
    setting = setting_of(study, how)
    tidy_finished(done, study.work, keep_weights=how.keep_weights)
    console.print(study.count(done))
    warn_of_threads(setting, how, console)

    def say(text: str) -> None:
        signals.check()  # between two networks whose costs are measured, too
        console.print(text, soft_wrap=True, markup=False)

    page = _open_page(study, how, say)
    setting = replace(setting, parent_run=None if page is None else page.parent.run_id)
    status: Status = "KILLED"  # where it is interrupted
    try:
        keep_plan(study.folder.root, study.plan)
        if page is not None:
            page.update()
        if how.costs:
            measure_costs(study.runs, study.asked, setting, say)
        outcomes = _train(left, setting, how, console, page, signals)
        if page is not None:
            page.conclude()
        signals.check()
        status = "FAILED" if any(outcome.state == "failed" for outcome in outcomes) else "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        if page is not None:
            page.close(status)
    return outcomes


def _train(
    left: Sequence[PlannedRun],
    setting: Setting,
    how: How,
    console: Console,
    page: StudyPage | None,
    signals: Signals,
) -> list[Outcome]:
    with StudyProgress(left, console) as progress:
        watcher = progress if page is None else page.watching(progress)
        if how.dask is not None:
            return train_on_cluster(left, setting, watcher, how.dask)
        return train_here(left, setting, watcher, signals)


def _open_page(study: Study, how: How, say: Callable[[str], None]) -> StudyPage | None:
    if how.tracking_uri is None:
        return None
    parent = open_parent(how.tracking_uri, study.plan, study.manifest, study.work)
    return StudyPage(parent, study.plan, study.manifest, study.runs, study.folder, study.work, say, how.pictures)
