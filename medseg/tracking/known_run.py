"""Which run of an MLflow store a training was begun as."""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from medseg.runs import RunFolder

__all__ = ["known_run"]


def known_run(client: MlflowClient, folder: RunFolder) -> Run | None:
    """The MLflow run of the training in ``folder``; None where it has none, in another store, or where it was deleted.

    Args:
        client: The store.
        folder: The training's folder, which names its run.
    """
    try:
        run = client.get_run(folder.mlflow_run_id.read_text(encoding="utf-8").strip())
    except (OSError, MlflowException):
        return None
    return run if run.info.lifecycle_stage == "active" else None
