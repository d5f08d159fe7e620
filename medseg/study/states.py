"""What is done, running, failed and left of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from medseg.study.child import Claim
from medseg.study.folders import StudyFolder, WorkFolder
from medseg.study.planned import PlannedRun
from medseg.study.results import read_result
from medseg.study.training import epochs_done, is_done

__all__ = ["RunState", "run_states"]


@dataclass(frozen=True)
class RunState:
    """How far a training is.

    Attributes:
        state: ``left`` is not begun, or begun and stopped.
        epochs: Complete epochs.
        dice: Mean over the scored cases of a training that is done.
        seconds: Time that it took.
        reason: Why it failed, in a line.
    """

    run: PlannedRun
    state: Literal["done", "running", "failed", "left"]
    epochs: int
    dice: float | None = None
    seconds: float | None = None
    reason: str = ""


def run_states(runs: Sequence[PlannedRun], study: StudyFolder, work: WorkFolder) -> list[RunState]:
    """State of each training, in their order.

    Raises:
        MedsegError: If a result is damaged, or of other data or settings.
    """
    return [_state(run, study, work) for run in runs]


def _state(run: PlannedRun, study: StudyFolder, work: WorkFolder) -> RunState:
    if is_done(run, study):
        result = read_result(study.root, run.key)
        assert result is not None
        dice = float(result.volumes()["dice"].mean())
        return RunState(run, "done", run.max_epochs, dice, float(result.facts["seconds"]))
    epochs = epochs_done(work.run(run.bundle_name, run.dataset, run.key))
    if Claim.is_taken(work.lock(run.key)):
        return RunState(run, "running", epochs)
    failure = work.failure(run.key)
    if failure.is_file():
        return RunState(run, "failed", epochs, reason=failure.read_text(encoding="utf-8").strip())
    return RunState(run, "left", epochs)
