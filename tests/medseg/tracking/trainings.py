"""Tracked trainings as a person would start them, and what the store in their folder has of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.commands import ROOT, train

EPOCHS = 6


def tracked(data: Path, *options: str | Path, epochs: int = EPOCHS) -> list[str]:
    return train(data, "--tracking", ROOT / "mlflow.yaml", *options, epochs=epochs)


def store(folder: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")


def runs_in(folder: Path) -> list[Run]:
    client = store(folder)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments))


def only_run(folder: Path) -> Run:
    (run,) = runs_in(folder)
    return run


def history(run: Path, column: str) -> list[float]:
    return list(pd.read_csv(run / "history.csv")[column])
