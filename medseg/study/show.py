"""A study's trainings as tables on the terminal."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from medseg.study.cluster import check_cluster
from medseg.study.cost import estimate_seconds, measure_cost, one_a_bundle
from medseg.study.states import RunState, run_states
from medseg.study.study import How, Study, setting_of, warn_of_threads

__all__ = ["show_estimate", "show_states"]


def show_states(study: Study, console: Console) -> None:
    """Print a line a training: what is done, running, failed and left."""
    states = run_states(study.runs, study.folder, study.work)
    table = _table("training", "fold", "seed", "state", "epochs", "Dice", "min")
    for state in states:
        run = state.run
        dice = "" if state.dice is None else f"{state.dice:.4f}"
        minutes = "" if state.seconds is None else f"{state.seconds / 60:.1f}"
        table.add_row(
            run.bundle_name,
            str(run.fold),
            str(run.seed),
            state.state,
            f"{state.epochs}/{run.max_epochs}",
            dice,
            minutes,
        )
    console.print(table)
    for state in states:
        if state.state == "failed":
            console.print(Text(f"{state.run.title} failed: {state.reason}"), soft_wrap=True)
    console.print(_summary(study, states), soft_wrap=True)


def show_estimate(study: Study, how: How, console: Console) -> None:
    """Print what is left and how long it would take at the pace of some steps that are timed now.

    Raises:
        MedsegError: If a network cannot be trained.
    """
    done, setting = study.done(), setting_of(study, how)
    left = study.left(done)
    warn_of_threads(setting, how, console)
    console.print(f"{study.count(done)}; timing some steps of each network")
    costs = {run.bundle_name: measure_cost(run, setting) for run in one_a_bundle(left)}
    table = _table("training", "fold", "seed", "epochs", "min")
    total = 0.0
    for run in left:
        seconds = estimate_seconds(run, costs[run.bundle_name])
        total += seconds
        table.add_row(run.bundle_name, str(run.fold), str(run.seed), str(run.max_epochs), f"{seconds / 60:.1f}")
    console.print(table)
    jobs = setting.jobs if how.dask is None else check_cluster(how.dask)
    at_once = "" if jobs == 1 else f", {jobs} at a time (steps were timed here, one network at a time)"
    steps = next((cost["repeats"] for cost in costs.values()), 0)
    hours = total / jobs / 3600
    console.print(f"about {hours:.1f} hours{at_once}, from {steps} timed steps a network", soft_wrap=True)


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("training", "state") else "right", no_wrap=True)
    return table


def _summary(study: Study, states: Sequence[RunState]) -> str:
    counts = Counter(state.state for state in states)
    said = ", ".join(f"{counts[name]} {name}" for name in ("done", "running", "failed", "left") if counts[name])
    look = f"; look at them with: medseg report {os.path.relpath(study.folder.root)}" if counts["done"] else ""
    return f"study {study.plan.name}: {said}{look}"
