"""One training of a study, from its claim to its installed result."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medseg.errors import MedsegError
from medseg.io.atomic import write_text
from medseg.runs import RunFolder
from medseg.study.child import Claim, start_process
from medseg.study.folders import StudyFolder, WorkFolder
from medseg.study.kept import copy_file, keep_best, tidy
from medseg.study.last_words import last_words
from medseg.study.planned import PlannedRun
from medseg.study.results import install_result, read_result
from medseg.tracking.known_run import known_run
from medseg.tracking.look import SETTINGS
from medseg.tracking.store import few_retries, open_store

__all__ = ["Attempt", "Outcome", "Setting", "epochs_done", "is_done", "train"]

_POLL_S = 0.5
_KEEP_FREED_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_ARENA_MAX": "1"}
"""What a step frees is kept for the next one: else glibc hands each large tensor back to the system, and all its pages
are faulted in and zeroed anew (``mallopt(3)``). One arena, since the backward pass has a thread of its own. Other C
libraries take no notice."""


@dataclass(frozen=True)
class Setting:
    """What all trainings of one call share.

    Attributes:
        name: The study's.
        study: Where results go.
        work: Where trainings go.
        data: Prepared data set.
        threads: CPU threads a training; None leaves them to the worker of a cluster, which has its own number.
        jobs: Trainings at a time.
        keep_weights: Whether a finished training keeps its weights.
        tracking_uri: MLflow store; None tracks nothing.
        parent_run: Id of the study's run there.
    """

    name: str
    study: StudyFolder
    work: WorkFolder
    data: Path
    threads: int | None
    jobs: int = 1
    keep_weights: bool = False
    tracking_uri: str | None = None
    parent_run: str | None = None

    @property
    def tracking(self) -> dict[str, Any]:
        """Options of a training that put it into MLflow."""
        if self.tracking_uri is None:
            return {}
        return {"tracking": SETTINGS, "parent_run": self.parent_run, "log_weights": False}

    def environment(self, gpu: str | None) -> dict[str, str]:
        """Variables of a training's process; those of the allocator stay what the user has set.

        Args:
            gpu: Value of ``CUDA_VISIBLE_DEVICES``; None leaves it as it is.
        """
        variables = {"TQDM_DISABLE": "1"}
        if self.threads is not None:
            variables |= {"OMP_NUM_THREADS": str(self.threads), "MKL_NUM_THREADS": str(self.threads)}
        variables |= {name: os.environ.get(name, value) for name, value in _KEEP_FREED_MEMORY.items()}
        if gpu is not None:
            variables["CUDA_VISIBLE_DEVICES"] = gpu
        if self.tracking_uri is not None:  # no option, since it may hold a password
            variables["MLFLOW_TRACKING_URI"] = self.tracking_uri
        return variables


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        state: ``done``; ``failed``; ``stopped`` on request; ``elsewhere`` while another process is at it.
        reason: Why it failed, in a line; of what is done, who did it if not this attempt.
    """

    run: PlannedRun
    state: Literal["done", "failed", "stopped", "elsewhere"]
    reason: str = ""


def is_done(run: PlannedRun, study: StudyFolder) -> bool:
    """Whether a result of this training is there.

    Raises:
        MedsegError: If one of its name is of other data, folds or settings, or damaged.
    """
    result = read_result(study.root, run.key)
    if result is None:
        return False
    for name in ("config_sha256", "fingerprint", "split_sha256"):
        if result.facts[name] != getattr(run, name):
            raise MedsegError(
                f"{result.folder}: a result of this study must have {name} {getattr(run, name)[:12]}, got"
                f" {str(result.facts[name])[:12]}; keep other data and settings in a study of their own"
            )
    return True


def train(run: PlannedRun, setting: Setting, gpu: str | None = None) -> Outcome:
    """Train and wait for it, as a worker of a cluster does."""
    attempt = Attempt(run, setting, gpu)
    while (outcome := attempt.poll()) is None:
        time.sleep(_POLL_S)
    if outcome.state == "elsewhere":  # asked for again at once, it would be so many times a second
        time.sleep(_POLL_S)
    return outcome


class Attempt:
    """A training at work; :meth:`poll` until it gives an outcome.

    It goes on with what an earlier attempt left, and trains nothing that is finished or that another process is at.

    Args:
        run: What to train.
        setting: How.
        gpu: Value of ``CUDA_VISIBLE_DEVICES``; None leaves it as it is.
    """

    def __init__(self, run: PlannedRun, setting: Setting, gpu: str | None = None) -> None:
        self.run = run
        self.setting = setting
        self.folder = setting.work.run(run.bundle_name, run.dataset, run.key)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._claim: Claim | None = None
        self._outcome = self._begin(gpu)
        if self._outcome is not None:
            self._release()

    def poll(self) -> Outcome | None:
        """How it ended; None while it is at work."""
        if self._outcome is None and self._process is not None and self._process.poll() is not None:
            self._outcome = self._end(self._process.returncode)
            self._release()
        return self._outcome

    def stop(self, *, at_once: bool = False) -> None:
        """Ask it to end; it goes on later from its last complete epoch.

        Args:
            at_once: End it without asking, as one that does not answer.
        """
        # Once, since a second signal would break off its clean-up; SIGTERM, since it ends an interpreter that is still
        # importing without a traceback.
        if not self._stopped and self._process is not None and self._process.poll() is None:
            self._process.terminate()
        self._stopped = True
        if at_once and self._process is not None and self._process.poll() is None:
            self._process.kill()

    @property
    def epochs_done(self) -> int:
        """Complete epochs."""
        return epochs_done(self.folder)

    def _begin(self, gpu: str | None) -> Outcome | None:
        """Start the process, unless there is nothing left for it to do."""
        try:
            self._claim = Claim.take(self.setting.work.lock(self.run.key))
            if self._claim is None:
                return Outcome(self.run, "elsewhere")
            if is_done(self.run, self.setting.study):
                if self.folder.checkpoint.parent.is_dir():  # else it was tidied as the other call was asked to
                    tidy(self.folder, keep_weights=self.setting.keep_weights)
                return Outcome(self.run, "done", "by another process")
            self.setting.work.failure(self.run.key).unlink(missing_ok=True)
            if _is_finished(self.run, self.folder) and self._is_tracked():
                return self._install()
            self._process = self._start(gpu)
        except Exception as error:  # whatever it is, the other trainings go on
            return self._fail(error)
        return None

    def _start(self, gpu: str | None) -> subprocess.Popen[bytes]:
        resume = self.folder.root if self.folder.checkpoint.is_file() else None
        if resume is None:  # killed before its first epoch was complete
            shutil.rmtree(self.folder.root, ignore_errors=True)
        setting = self.setting
        command = self.run.command(setting.data, setting.work.runs, resume=resume, tracking=setting.tracking)
        log, environment = setting.work.log(self.run.key), setting.environment(gpu)
        assert self._claim is not None
        return start_process(command, log=log, extra_env=environment, claim=self._claim)

    def _is_tracked(self) -> bool:
        """Whether MLflow was told all of a finished training; else it goes on from its checkpoint to tell it."""
        if self.setting.tracking_uri is None or not self.folder.checkpoint.is_file():
            return True
        with few_retries():
            known = known_run(open_store(self.setting.tracking_uri), self.folder)
        return known is not None and known.info.status == "FINISHED"

    def _end(self, status: int) -> Outcome:
        try:
            if status == 0:
                return self._install()
            if self._stopped:
                return Outcome(self.run, "stopped")
            raise MedsegError(last_words(self.setting.work.log(self.run.key), status))
        except Exception as error:  # whatever it is, the other trainings go on
            return self._fail(error)

    def _install(self) -> Outcome:
        """Keep what is asked of a finished training; killed in between, all of it is done again."""
        setting, run = self.setting, self.run
        copy_file(self.folder.masks("last"), setting.work.masks(run.key))
        keep_best(run, self.folder, setting.work)
        extra = {"study": setting.name, "config_sha256": run.config_sha256, "jobs": setting.jobs}
        if not is_done(run, setting.study):  # another call with a working folder of its own may have been faster
            install_result(setting.study.root, run.key, self.folder, extra)
        tidy(self.folder, keep_weights=setting.keep_weights)
        return Outcome(run, "done")

    def _fail(self, error: Exception) -> Outcome:
        known = isinstance(error, (MedsegError, OSError))
        reason = " ".join((str(error) if known else f"{type(error).__name__}: {error}").split())
        with suppress(OSError):  # the disk may be full
            write_text(self.setting.work.failure(self.run.key), f"{reason}\n")
        return Outcome(self.run, "failed", reason)

    def _release(self) -> None:
        if self._claim is not None:
            self._claim.release()


def epochs_done(folder: RunFolder) -> int:
    """Complete epochs of a training."""
    try:
        return max(len(folder.history.read_text(encoding="utf-8").splitlines()) - 1, 0)
    except OSError:
        return 0


def _is_finished(run: PlannedRun, folder: RunFolder) -> bool:
    """Whether the training ended before its result was installed.

    Raises:
        MedsegError: If it was on other data or folds.
    """
    # Weights are deleted after that: a result that was deleted since is asked for anew.
    if not (folder.facts.is_file() and folder.weights("last").is_file()):
        return False
    facts = folder.read_facts()
    if facts.get("status") != "FINISHED":
        return False
    for name in ("fingerprint", "split_sha256"):
        if facts.get(name) != getattr(run, name):
            raise MedsegError(
                f"{folder.root}: a training of this study must have {name} {getattr(run, name)[:12]}, got"
                f" {str(facts.get(name))[:12]}; give a study of other data another folder with --work"
            )
    return True
