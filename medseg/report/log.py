"""A report among the artifacts of a study's MLflow run."""

from __future__ import annotations

import json
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from medseg.errors import UsageError
from medseg.study.folders import WorkFolder
from medseg.tracking import open_store
from medseg.tracking.store import without_password

__all__ = ["log_report", "log_to_study", "study_run"]

_FOLDER = "report"


def log_report(client: MlflowClient, run_id: str, report_dir: Path) -> None:
    """Log a report's page, figures and tables as artifacts below ``report/``, where MLflow's pages show them.

    Figures and tables of a former report that this one lacks, such as pictures of the data, are deleted there.

    Args:
        client: Of the store that holds the run.
        run_id: The study's parent run.
        report_dir: As :func:`medseg.report.write_report` filled it.
    """
    client.log_artifacts(run_id, str(report_dir), _FOLDER)
    artifacts = get_artifact_repository(client.get_run(run_id).info.artifact_uri, tracking_uri=client.tracking_uri)
    for folder in ("figures", "tables"):
        for item in client.list_artifacts(run_id, f"{_FOLDER}/{folder}"):
            if not (report_dir / folder / Path(item.path).name).exists():
                artifacts.delete_artifacts(item.path)


def study_run(work: WorkFolder) -> str:
    """Id of the run that a study's working folder remembers.

    Raises:
        UsageError: If none is remembered.
    """
    try:
        return str(json.loads(work.mlflow_parent.read_text(encoding="utf-8"))["run_id"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{work.root}: work must be the folder of a study that was tracked, but it remembers no MLflow run;"
            " leave out --tracking-uri, or name it with --work"
        ) from error


def log_to_study(uri: str, work: WorkFolder, report_dir: Path) -> str:
    """Log a report to the run that the study's working folder remembers.

    Returns:
        The run's id.

    Raises:
        UsageError: If none is remembered, or the store does not hold it.
    """
    run_id = study_run(work)
    client = open_store(uri)
    try:
        log_report(client, run_id, report_dir)
    except MlflowException as error:
        raise UsageError(
            f"tracking-uri must be the store of the study's run {run_id}, got {without_password(uri)}, where it cannot"
            f" be logged: {str(error).splitlines()[0]}"
        ) from error
    return run_id
