"""Where a study keeps things: results that are committed, and work that is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medseg.runs import RunFolder

__all__ = ["StudyFolder", "WorkFolder"]


@dataclass(frozen=True)
class StudyFolder:
    """Paths below a study's own folder: small, and all that a report needs but for pictures."""

    root: Path

    @property
    def results(self) -> Path:
        """A folder a finished training."""
        return self.root / "results"

    @property
    def costs(self) -> Path:
        """A file a network."""
        return self.root / "costs"

    def result(self, key: str) -> Path:
        """A finished training's folder."""
        return self.results / key


@dataclass(frozen=True)
class WorkFolder:
    """Paths below the folder of what a study works with: trainings, weights, logs; may be deleted when it is done."""

    root: Path

    @property
    def runs(self) -> Path:
        """Folder of all trainings, as ``runs_dir``."""
        return self.root / "runs"

    def run(self, bundle: str, dataset: str, key: str) -> RunFolder:
        """A training's folder."""
        return RunFolder((self.runs / bundle / dataset / key).resolve())

    def log(self, key: str) -> Path:
        """What a training printed."""
        return self.root / "logs" / f"{key}.txt"

    def lock(self, key: str) -> Path:
        """Held by whoever trains ``key``."""
        return self.root / "locks" / f"{key}.lock"

    def failure(self, key: str) -> Path:
        """Why a training failed, in a line; gone when it is tried again."""
        return self.root / "failures" / f"{key}.txt"

    def masks(self, key: str) -> Path:
        """Predicted masks of the last epoch."""
        return self.root / "masks" / f"{key}.npz"

    def best_weights(self, bundle: str) -> Path:
        """The weights of the bundle's training with the highest score, a JSON file beside them."""
        return self.root / "best" / bundle / "model.pt"

    @property
    def mlflow_parent(self) -> Path:
        """Store and id of the study's MLflow run."""
        return self.root / "mlflow_parent.json"
