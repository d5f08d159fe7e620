"""Put a training into MLflow: one run each, never shared, ended as it ended."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from medseg.handlers.run_recorder import RunRecorder
from medseg.runs import Lifecycle, RunFolder, Status
from medseg.tracking.known_run import known_run
from medseg.tracking.look import how_to_look
from medseg.tracking.presentation import dataset_input, page_tags, run_name, run_note
from medseg.tracking.reaper import process_tags, reap_dead_runs
from medseg.tracking.side_by_side import log_means, log_pictures, log_score_sheet
from medseg.tracking.store import experiment_id, log_dataset, open_store, without_password

__all__ = ["RunTracker"]

logger = logging.getLogger(__name__)

_TAGS = ("bundle_name", "dataset", "fold", "seed", "split", "leaky", "device", "fingerprint", "git_commit")


class RunTracker:
    """Log a training's settings, curves, scores, pictures and weights to an MLflow run of its own.

    Attach after the recorder, whose files it logs. A resumed training goes on in its own run.

    Args:
        recorder: Recorder of the same training.
        tracking_uri: MLflow store.
        experiment_name: Experiment; made if need be.
        parent_run: Id of the MLflow run, a study's, below which this one is shown.
        log_weights: Whether the best weights are copied to the store.
    """

    def __init__(
        self,
        recorder: RunRecorder,
        tracking_uri: str,
        experiment_name: str,
        *,
        parent_run: str | None = None,
        log_weights: bool = True,
    ) -> None:
        self.recorder = recorder
        self.tracking_uri = tracking_uri
        self.experiment_name = experiment_name
        self.parent_run = parent_run
        self.log_weights = log_weights
        self.client: MlflowClient | None = None
        self.run_id = ""
        self._experiment_id = ""

    def attach(self, engine: Engine) -> None:
        """Wire start, epochs and end."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)
        # The recorder's end is told first, so its files are complete when they are logged.
        Lifecycle.of(engine).on_end(self._end)

    def __call__(self, _engine: Engine) -> None:
        """Log the epoch that ended."""
        self._log_epoch(self.recorder.history[-1])

    @property
    def _client(self) -> MlflowClient:
        assert self.client is not None
        return self.client

    def _start(self, _engine: Engine) -> None:
        self.client = open_store(self.tracking_uri)
        reap_dead_runs(self.client)
        facts, folder = self.recorder.facts, self.recorder.folder
        earlier = self._earlier_run()
        if earlier is None:
            self._create_run()
        else:
            self.run_id, self._experiment_id = earlier.info.run_id, earlier.info.experiment_id
        known = {} if earlier is None else earlier.data.params
        params = {
            name: str(value) for name, value in facts.items() if name not in ("train_cases_sha256", "training_set")
        }
        tags = {name: str(facts[name]) for name in _TAGS} | process_tags() | {"run_folder": folder.root.name}
        tags["architecture"] = tags["bundle_name"]
        if self.parent_run is not None:
            tags |= self._tags_of_study(self.parent_run)
        self.client.log_batch(
            self.run_id,
            # A parameter is written once; the code's version may be another when a training goes on.
            params=[Param(name, value) for name, value in params.items() if name not in known],
            tags=[RunTag(name, value) for name, value in (tags | page_tags(facts)).items()],
        )
        if earlier is not None:  # now that it has this process's tags: with those of the dead one it would be reaped
            self.client.update_run(self.run_id, status="RUNNING")
        self._log_missing_epochs()
        self.client.log_artifact(self.run_id, str(folder.config))

    def _log_missing_epochs(self) -> None:
        """Log epochs that a checkpoint holds and the run does not: killed in between, or begun in another store."""
        known = {metric.step for metric in self._client.get_metric_history(self.run_id, "seconds")}
        for row in self.recorder.history:
            if int(row["epoch"]) not in known:
                self._log_epoch(row)

    def _log_epoch(self, row: dict[str, float]) -> None:
        now_ms, step = int(time.time() * 1000), int(row["epoch"])
        metrics = [Metric(name, value, now_ms, step) for name, value in row.items() if name != "epoch"]
        self._client.log_batch(self.run_id, metrics=metrics)

    def _create_run(self) -> None:
        facts = self.recorder.facts
        self._experiment_id = experiment_id(self._client, self.experiment_name, self.tracking_uri)
        name = run_name(facts, None if self.parent_run else self.recorder.folder.root.name)
        # A run without its process's tags is never reaped: it has them from its first moment, whenever the kill comes.
        tags = process_tags() | {"mlflow.note.content": run_note(facts, weights=self.log_weights)}
        self.run_id = self._client.create_run(self._experiment_id, run_name=name, tags=tags).info.run_id
        log_dataset(self._client, self.run_id, dataset_input(facts))
        self.recorder.folder.mlflow_run_id.write_text(f"{self.run_id}\n", encoding="utf-8")

    def _tags_of_study(self, parent_run: str) -> dict[str, str]:
        study = self._client.get_run(parent_run).data.tags.get("study")
        return {MLFLOW_PARENT_RUN_ID: parent_run} | ({} if study is None else {"study": study})

    def _earlier_run(self) -> Run | None:
        """The run that a resumed training belongs to."""
        folder = self.recorder.folder
        if not self.recorder.resume or not folder.mlflow_run_id.is_file():
            return None
        if (run := known_run(self._client, folder)) is None:
            store = without_password(self.tracking_uri)
            logger.warning(
                "going on in a new MLflow run: the one that %s names is not in %s", folder.mlflow_run_id, store
            )
        return run

    def _end(self, status: Status) -> None:
        if not self.run_id:
            return
        try:
            self._log_best()
            self._log_files(self.recorder.folder)
            log_score_sheet(self._client, self.run_id, self.recorder.folder)
            if status == "FINISHED":
                log_pictures(self._client, self.run_id, self.recorder.folder)
        except Exception:
            status = "FAILED"  # as a run that lacks scores is
            raise
        finally:
            self._client.set_terminated(self.run_id, status)
        store, look = without_password(self.tracking_uri), how_to_look(self.tracking_uri, self._experiment_id)
        logger.info("MLflow run %s in %s; look at it with: %s", self.run_id, store, look)

    def _log_best(self) -> None:
        now_ms = int(time.time() * 1000)
        best = {f"best_{name}": value for name, value in self.recorder.best.items() if name.startswith("val_")}
        total: dict[str, Any] = {"total_seconds": sum(row["seconds"] for row in self.recorder.history)}
        if best:
            best["best_epoch"] = self.recorder.best["epoch"]
        self._client.log_batch(self.run_id, metrics=[Metric(k, v, now_ms, 0) for k, v in (best | total).items()])

    def _log_files(self, folder: RunFolder) -> None:
        for which in ("last", "best"):
            for file in (folder.scores(which), folder.volumes(which), folder.calibration(which), folder.summary(which)):
                self._log_file(file, None)
        log_means(self._client, self.run_id, folder)
        for file in (folder.history, folder.log, folder.facts):
            self._log_file(file, None)
        for picture in sorted(folder.overlays.glob("*.png")):
            self._log_file(picture, "overlays")
        if self.log_weights:
            for suffix in (".pt", ".json"):
                self._log_file(folder.weights("best").with_suffix(suffix), "best_weights")

    def _log_file(self, file: Path, artifact_path: str | None) -> None:
        if file.is_file():
            self._client.log_artifact(self.run_id, str(file), artifact_path)
