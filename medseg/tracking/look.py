"""How a person looks at a store."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import quote

from medseg.tracking.store import SQLITE, without_password

__all__ = ["SETTINGS", "how_to_look", "trainings_page"]

SETTINGS = Path(__file__).with_name("mlflow.yaml")
"""MONAI's tracking settings of all our trainings."""


def how_to_look(uri: str, experiment: str) -> str:
    """Command and address that show an experiment's runs with their curves.

    Args:
        uri: MLflow store.
        experiment: Id of the experiment.
    """
    # Without workflowType MLflow shows a new user its GenAI pages, where no training appears.
    page = f"#/experiments/{experiment}/runs?compareRunsMode=CHART&workflowType=machine_learning"
    if uri.startswith(("http://", "https://")):
        return f"{without_password(uri).rstrip('/')}/{page}"
    # `mlflow ui` knows no MLFLOW_TRACKING_URI; by itself it finds mlflow.db in the working directory.
    found = uri.startswith(SQLITE) and Path(uri.removeprefix(SQLITE)).resolve() == Path.cwd() / "mlflow.db"
    store = "" if found else f" --backend-store-uri {without_password(uri)}"
    return f"mlflow ui{store}, then http://127.0.0.1:5000/{page}"


def trainings_page(experiment: str, study: str, mode: Literal["CHART", "TABLE", "ARTIFACT"]) -> str:
    """The part of an address from ``#`` on that shows a study's trainings without the study's own run.

    MLflow draws in charts what stands in the list, where trainings are folded up below their study as long as it is
    sorted by time.

    Args:
        experiment: Id of the experiment.
        study: The study's name.
        mode: Charts, list, or table of artifacts.
    """
    wish = quote(f"tags.study = '{study}' AND tags.architecture != ''")
    order = quote("metrics.`val_dice`")
    return (
        f"#/experiments/{experiment}/runs?workflowType=machine_learning&compareRunsMode={mode}"
        f"&searchFilter={wish}&orderByKey={order}&orderByAsc=false&startTime=ALL"
    )
