"""The ``medseg`` command, and MLflow stores of made-up trainings."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from medseg.cli import main
from medseg.tracking import open_store
from tests.commands import Ended
from tests.medseg.stores import Training, add

Medseg = Callable[..., Ended]


@pytest.fixture
def medseg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Medseg:
    """Runs the ``medseg`` command in ``tmp_path``, without a process of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def run(*args: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["medseg", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run


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
