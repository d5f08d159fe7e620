"""``medseg study`` as a person would type it, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.commands import Ended, environment, run_process

SHORT = ("--no-costs", "--set", "max_epochs=2", "--set", "epoch_length=2", "--threads", "1")


def study_command(*args: str | Path) -> list[str]:
    """``medseg study ARGS``."""
    return [sys.executable, "-m", "medseg.cli", "study", *map(str, args)]


def run_study(folder: Path, *args: str | Path, timeout: float = 600) -> Ended:
    """Run ``medseg study run study ARGS`` in ``folder`` to its end."""
    return run_process(study_command("run", "study", *args), folder, timeout)


def start_study(folder: Path, *args: str | Path, **extra: str) -> subprocess.Popen[str]:
    """Start ``medseg study run study ARGS`` in ``folder``, with ``extra`` in its environment."""
    return subprocess.Popen(
        study_command("run", "study", *args),
        cwd=folder,
        env=environment(**extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def until(condition: Callable[[], bool], timeout: float = 120) -> None:
    """Wait for ``condition``."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def tracked_runs(folder: Path) -> list[Run]:
    """All runs in the store of ``folder``, oldest first."""
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments, order_by=["attributes.start_time ASC"]))


def keys(folder: Path) -> list[str]:
    """Names of the finished trainings, without their hashes."""
    return sorted(path.name.rsplit("-", 1)[0] for path in (folder / "study/results").glob("*"))


def scores(folder: Path) -> dict[str, pd.DataFrame]:
    """Scores of the last epoch of each finished training."""
    return {path.parent.name: pd.read_csv(path) for path in (folder / "study/results").glob("*/scores_last.csv")}
