"""A study's own run in MLflow, below which its trainings are shown."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from medseg.io.atomic import write_json
from medseg.manifest import Manifest
from medseg.runs import Status
from medseg.study.folders import WorkFolder
from medseg.study.overview import Overview
from medseg.study.plan import StudyPlan
from medseg.tracking.presentation import study_dataset_input
from medseg.tracking.reaper import is_of_another_process, process_tags, reap_dead_runs
from medseg.tracking.store import experiment_id, log_dataset, open_store, without_password

__all__ = ["ParentRun", "open_parent"]


@dataclass(frozen=True)
class ParentRun:
    """The run of a study in an MLflow store.

    Attributes:
        uri: The store.
        client: Its client.
        run_id: The run's id.
        experiment: Id of its experiment, which is that of its trainings.
    """

    uri: str
    client: MlflowClient
    run_id: str
    experiment: str

    def close(self, status: Status) -> None:
        """End the run, unless another call is at the study, which ends it then."""
        if not is_of_another_process(self.client.get_run(self.run_id)):
            self.client.set_terminated(self.run_id, status)

    def tag(self, name: str) -> str | None:
        """A tag of the run; None where it has none of this name."""
        value: str | None = self.client.get_run(self.run_id).data.tags.get(name)
        return value

    def show(self, overview: Overview, plan: Path) -> None:
        """Bring description, metrics and tables up to date; metrics become curves over the finished trainings.

        Args:
            overview: What is finished.
            plan: The study's file.
        """
        now_ms = int(time.time() * 1000)
        metrics = {**overview.metrics, "trainings_done": float(overview.done)}
        self.client.log_batch(
            self.run_id,
            metrics=[Metric(name, value, now_ms, overview.done) for name, value in metrics.items()],
            tags=[RunTag(MLFLOW_RUN_NOTE, overview.note)],
        )
        for name, text in overview.tables.items():
            self.client.log_text(self.run_id, text, name)
        if plan.is_file():
            self.client.log_artifact(self.run_id, str(plan))


def open_parent(uri: str, plan: StudyPlan, manifest: Manifest, work: WorkFolder) -> ParentRun:
    """Go on in the study's run of an earlier call, or begin one; a call that is still at it keeps it.

    Runs of this machine whose process was killed are ended as KILLED before.

    Args:
        uri: MLflow store; made if need be.
        plan: The study.
        manifest: Its data.
        work: Remembers the run.

    Raises:
        UsageError: If the store cannot be opened.
    """
    client = open_store(uri)
    reap_dead_runs(client)
    experiment = experiment_id(client, manifest.name, uri)
    earlier = _earlier(client, uri, work)
    if earlier is not None and is_of_another_process(earlier):
        return ParentRun(uri, client, earlier.info.run_id, experiment)
    if earlier is not None:
        run_id = earlier.info.run_id
    else:
        run_id = client.create_run(experiment, run_name=plan.name, tags=process_tags()).info.run_id
        log_dataset(client, run_id, study_dataset_input(manifest))
        client.log_batch(run_id, params=[Param(name, str(value)) for name, value in _settings(plan, manifest).items()])
        # Last: killed before it, the next call makes a run that has all of them.
        write_json(work.mlflow_parent, {"store": without_password(uri), "run_id": run_id})
    tags = process_tags() | _tags(plan, manifest)
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])
    if earlier is not None:  # after its tags: with those of a dead process a training would reap it
        client.update_run(run_id, status="RUNNING")
    return ParentRun(uri, client, run_id, experiment)


def _earlier(client: MlflowClient, uri: str, work: WorkFolder) -> Run | None:
    """The run of an earlier call; None in another store, or where it was deleted."""
    try:
        known = json.loads(work.mlflow_parent.read_text(encoding="utf-8"))
        if known["store"] != without_password(uri):
            return None
        run = client.get_run(known["run_id"])
    except (OSError, ValueError, KeyError, MlflowException):
        return None
    return run if run.info.lifecycle_stage == "active" else None


def _tags(plan: StudyPlan, manifest: Manifest) -> dict[str, str]:
    return {
        "study": plan.name,
        "dataset": manifest.name,
        "fingerprint": manifest.fingerprint,
        "split": manifest.split.method,
        "leaky": str(manifest.split.leaky),
        "mlflow.source.name": f"study {plan.name}",
        "mlflow.source.type": "LOCAL",
    }


def _settings(plan: StudyPlan, manifest: Manifest) -> dict[str, Any]:
    folds = "all" if plan.folds is None else plan.folds
    settings = {"bundles": plan.bundles, "folds": folds, "seeds": plan.seeds, **plan.settings}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()} | {
        "cases": len(manifest.cases)
    }
