"""MLflow stores of made-up trainings."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from medseg.tracking import open_store
from tests.medseg.stores import Training, add


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Database without runs; MLflow takes a second to make one, so others are copies."""
    database = tmp_path_factory.mktemp("store") / "mlflow.db"
    client = open_store(f"sqlite:///{database}")
    client.delete_experiment("0")  # its artifacts would go to the working directory
    return database


@pytest.fixture
def store_of(empty_store: Path, tmp_path: Path) -> Callable[..., str]:
    """Makes a store of some trainings; returns its URI."""

    def make(*trainings: Training) -> str:
        uri = f"sqlite:///{shutil.copyfile(empty_store, tmp_path / 'mlflow.db')}"
        add(uri, *trainings)
        return uri

    return make
