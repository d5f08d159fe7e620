"""Open an MLflow store, creating it under a lock.

Four processes that open a new SQLite store at once crash in its migration, so the first one creates it alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import DatasetInput
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from medseg.errors import UsageError
from medseg.tracking.presentation import EXPERIMENT_NOTE

__all__ = ["SQLITE", "default_uri", "experiment_id", "few_retries", "log_dataset", "open_store", "without_password"]

SQLITE = "sqlite:///"
# A bar for each small file would bury what a command has to say.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# Printed with the password, if there is one.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")


def default_uri() -> str:
    """``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the working directory, where ``mlflow ui`` looks by itself."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{Path.cwd() / 'mlflow.db'}"


def open_store(uri: str) -> MlflowClient:
    """Client of the store at ``uri``, which exists afterwards.

    Raises:
        UsageError: If the store cannot be opened.
    """
    try:
        if not uri.startswith(SQLITE):
            client = MlflowClient(tracking_uri=uri)
            with few_retries():
                client.search_experiments(max_results=1)
            return client
        # Options of SQLite's driver may follow, as in ?timeout=60.
        database = Path(uri.removeprefix(SQLITE).partition("?")[0])
        database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{database}.lock"):
            if not database.is_file() or database.stat().st_size == 0:
                _create(database)
            client = MlflowClient(tracking_uri=uri)
            client.search_experiments(max_results=1)
        return client
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{without_password(uri)}: tracking_uri needs {error.name}; for PostgreSQL install it with:"
            " pip install 'medseg[postgres]'"
        ) from error
    except (MlflowException, SQLAlchemyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{without_password(uri)}: tracking_uri must be an MLflow store that opens, got {without_password(reason)}"
        ) from error


def _create(database: Path) -> None:
    """Make a new store, whole or not at all: one that was killed halfway through its tables never opens again."""
    for left in database.parent.glob(f".{database.name}.*.new*"):
        left.unlink()
    # Another name each time, since MLflow takes a store that it has opened once for one that is there.
    partial = database.with_name(f".{database.name}.{uuid4().hex}.new")
    MlflowClient(tracking_uri=f"{SQLITE}{partial}").search_experiments(max_results=1)
    partial.replace(database)


def without_password(text: str) -> str:
    """``text`` with ``***`` for the passwords in addresses, as it may be shown and logged."""
    # A password may hold a slash, which SQLAlchemy takes as it is.
    text = re.sub(r"(://[^/:@\s]*):[^@\s]*@", r"\1:***@", text)
    return re.sub(r"([?&]password=)[^&\s]*", r"\1***", text)


@contextmanager
def few_retries() -> Iterator[None]:
    """MLflow asks a server that is not there for minutes: right in the middle of a training, but not around it."""
    few = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "15"}
    before = {name: os.environ.get(name) for name in few}
    os.environ.update({name: value for name, value in few.items() if before[name] is None})
    try:
        yield
    finally:
        for name in (name for name in few if before[name] is None):
            del os.environ[name]


def experiment_id(client: MlflowClient, name: str, uri: str) -> str:
    """Id of the experiment called ``name``, created if need be.

    With SQLite, artifacts go to ``mlruns`` beside the database.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    location = None
    if uri.startswith(SQLITE):
        location = (Path(uri.removeprefix(SQLITE)).resolve().parent / "mlruns" / name).as_uri()
    try:
        note = {"mlflow.note.content": EXPERIMENT_NOTE}
        return str(client.create_experiment(name, artifact_location=location, tags=note))
    except MlflowException:  # another process was faster
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            raise
        return str(experiment.experiment_id)


def log_dataset(client: MlflowClient, run_id: str, data: DatasetInput) -> None:
    """Name the data on a run.

    Of several runs that name the same new data at once MLflow's store takes the first and fails the others, which find
    the data there when they ask again.
    """
    try:
        client.log_inputs(run_id, [data])
    except MlflowException:
        client.log_inputs(run_id, [data])
