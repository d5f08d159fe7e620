"""A run's folder, ``runs/<bundle>/<data set>/<run name>/``, and the names of what it holds."""

from __future__ import annotations

import datetime
import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medseg.errors import UsageError
from medseg.manifest import read_manifest

__all__ = ["RunFolder", "new_run_name", "run_folder"]


@dataclass(frozen=True)
class RunFolder:
    """Paths below one run's folder."""

    root: Path

    @property
    def config(self) -> Path:
        """The executed config, with every override in place."""
        return self.root / "config.json"

    @property
    def facts(self) -> Path:
        """What the run is: bundle, data set, fold, settings, status."""
        return self.root / "run.json"

    @property
    def log(self) -> Path:
        """Everything that was logged."""
        return self.root / "log.txt"

    @property
    def history(self) -> Path:
        """One line an epoch."""
        return self.root / "history.csv"

    @property
    def mlflow_run_id(self) -> Path:
        """Id of the training's run in MLflow."""
        return self.root / "mlflow_run_id"

    @property
    def overlays(self) -> Path:
        """Pictures of predictions on validation slices."""
        return self.root / "overlays"

    @property
    def checkpoint(self) -> Path:
        """All that is needed to go on after the last complete epoch."""
        return self.root / "checkpoints" / "last.pt"

    def weights(self, which: str) -> Path:
        """State dict of the ``last`` or ``best`` epoch; a JSON file beside it says what it was trained on."""
        return self.root / "weights" / which / "model.pt"

    def scores(self, which: str) -> Path:
        """Per-slice scores of the ``last`` or ``best`` epoch."""
        return self.root / f"scores_{which}.csv"

    def volumes(self, which: str) -> Path:
        """Scores of whole cases of the ``last`` or ``best`` epoch."""
        return self.root / f"volumes_{which}.csv"

    def calibration(self, which: str) -> Path:
        """Pixels of the ``last`` or ``best`` epoch by the probability that they were given."""
        return self.root / f"calibration_{which}.csv"

    def masks(self, which: str) -> Path:
        """Predicted masks of the ``last`` or ``best`` epoch, for :func:`medseg.runs.load_masks`."""
        return self.root / f"masks_{which}.npz"

    def summary(self, which: str) -> Path:
        """Summary of :meth:`scores` and :meth:`volumes`."""
        return self.root / f"summary_{which}.json"

    def read_facts(self) -> dict[str, Any]:
        """Content of :attr:`facts`.

        Raises:
            UsageError: If the folder is not a run.
        """
        if not self.facts.is_file():
            raise UsageError(f"{self.root}: run must be the folder of a training, but it has no {self.facts.name}")
        facts: dict[str, Any] = json.loads(self.facts.read_text(encoding="utf-8"))
        return facts


def new_run_name() -> str:
    """Start time and four random letters, so that two runs started in one second stay apart."""
    return f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def run_folder(
    runs_dir: str, bundle_name: str, dataset_dir: str, run_name: str | None, resume: str | None
) -> RunFolder:
    """Folder of a new training, or of the one that ``resume`` names; nothing is created.

    Args:
        runs_dir: Folder of all runs.
        bundle_name: First level below it.
        dataset_dir: Prepared data set, whose name is the second level.
        run_name: Third level; made from the time where None.
        resume: Folder of a run to go on with, or None.

    Raises:
        UsageError: If ``run_name`` has other characters than letters, digits, ``.``, ``_`` and ``-``, the new folder
            exists already, or ``resume`` is not a run that can go on.
    """
    if resume is not None:
        folder = RunFolder(Path(resume).resolve())
        if not folder.checkpoint.is_file():
            raise UsageError(f"{resume}: resume must be a run's folder, but it has no checkpoints/last.pt")
        return folder
    name = new_run_name() if run_name is None else str(run_name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UsageError(f"run_name must consist of letters, digits, '.', '_' and '-', got {name!r}")
    folder = RunFolder((Path(runs_dir) / bundle_name / read_manifest(dataset_dir).name / name).resolve())
    if folder.root.exists():
        raise UsageError(f"{folder.root}: run_name must be new, but the folder exists; go on with it by --resume")
    return folder
