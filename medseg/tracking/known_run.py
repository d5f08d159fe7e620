"""Which run of an MLflow store a training was begun as."""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from medseg.runs import RunFolder

__all__ = ["known_run"]

_NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""Other errors, such as a locked database, say nothing of the run."""


def known_run(client: MlflowClient, folder: RunFolder) -> Run | None:
    """The MLflow run of the training in ``folder``; None where it has none, in another store, or where it was deleted.

    Args:
        client: The store.
        folder: The training's folder, which names its run.

    Raises:
        MlflowException: If the store does not answer.
    """
    if not folder.mlflow_run_id.is_file():
        return None
    try:
        run = client.get_run(folder.mlflow_run_id.read_text(encoding="utf-8").strip())
    except MlflowException as error:
        if error.error_code in _NOT_THERE:
            return None
        raise
    return run if run.info.lifecycle_stage == "active" else None
