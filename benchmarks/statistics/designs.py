"""What is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.statistics.simulate import Design

__all__ = ["BLOCKS", "EFFECT", "ONE_SEED", "SEEDS", "TRIALS", "Trial"]

EFFECT = 0.02


@dataclass(frozen=True)
class Trial:
    """Whole comparisons of so many networks."""

    design: Design
    networks: int


def _sections(likeness: float, *, seeds: int = 1, training_sd: float = 0.0) -> Design:
    """Thirty sections of one block, whose own mean is what is asked for."""
    return Design(1, 30, seeds=seeds, unit_sd=0.0, case_sd=0.02, training_sd=training_sd, likeness=likeness)


ONE_SEED: Mapping[str, Design] = {
    **{f"{units} patients": Design(units) for units in (6, 10, 20, 50)},
    **{f"{units} patients, 20 images each": Design(units, 20, case_sd=0.02) for units in (6, 20)},
}
SEEDS: Mapping[str, Design] = {
    **{
        f"{units} patients, 5 folds x {seeds}, SD {sd:g}": Design(units, seeds=seeds, training_sd=sd)
        for sd in (0.005, 0.02)
        for seeds in (2, 3)
        for units in (6, 20, 50)
    },
    **{
        f"20 patients, 1 fold x {seeds}, SD 0.02": Design(20, folds=1, seeds=seeds, training_sd=0.02)
        for seeds in (2, 3, 5)
    },
    "20 patients, 5 folds x 3, SD 0.005, sets' SD 0.005": Design(20, seeds=3, training_sd=0.005, set_sd=0.005),
    **{f"20 patients, 5 folds x 1, SD {sd:g}": Design(20, training_sd=sd) for sd in (0.005, 0.02)},
}
BLOCKS: Mapping[str, Design] = {
    **{
        f"30 sections of 1 block, correlation {likeness:g}": _sections(likeness)
        for likeness in (0.0, 0.3, 0.5, 0.7, 0.9)
    },
    "30 sections of 1 block, correlation 0.5, 5 folds x 3, SD 0.005": _sections(0.5, seeds=3, training_sd=0.005),
    "6 sections of 1 block, correlation 0.5": Design(1, 6, folds=1, unit_sd=0.0, case_sd=0.02, likeness=0.5),
    **{
        f"100 images of each of 4 patients, correlation {likeness:g}": Design(
            4, 100, folds=4, unit_sd=0.0, case_sd=0.02, likeness=likeness
        )
        for likeness in (0.5, 0.9)
    },
}
TRIALS: Mapping[str, Trial] = {
    **{f"{units} patients, 5 folds x 1": Trial(Design(units), 4) for units in (6, 10, 20, 50)},
    **{
        f"{units} patients, 5 folds x 3, SD {sd:g}": Trial(Design(units, seeds=3, training_sd=sd), 4)
        for sd in (0.005, 0.02)
        for units in (10, 20, 50)
    },
    "30 sections of 1 block, correlation 0.5": Trial(_sections(0.5), 4),
    "30 sections of 1 block, correlation 0.5, 5 folds x 3, SD 0.005": Trial(
        _sections(0.5, seeds=3, training_sd=0.005), 4
    ),
    "6 patients, 5 folds x 1, two networks": Trial(Design(6), 2),
    "20 patients, 5 folds x 3, SD 0.005, two networks": Trial(Design(20, seeds=3, training_sd=0.005), 2),
}
