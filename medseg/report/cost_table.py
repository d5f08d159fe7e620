"""What each network costs beside what it scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from medseg.report.gather import StudyScores
from medseg.report.numerals import MISSING, counted, memory, short, time, whole
from medseg.report.tables import Table

__all__ = ["cost_table", "machine_of"]


def cost_table(study: StudyScores, costs: Mapping[str, Mapping[str, Any]]) -> Table:
    """Parameters, multiply-adds, times and memory of each network."""
    lines = [_line(study, network, costs.get(network, {})) for network in study.networks]
    return Table(
        name="cost",
        caption="What each network costs",
        columns=(
            "Network", "Parameters", "Multiply-adds a slice", "Training", "Training step", "Prediction a slice",
            "Peak memory, training", "Peak memory, prediction",
        ),
        rows=tuple(_cells(line) for line in lines),
        data=pd.DataFrame(lines),
        note=_note(study, costs),
    )  # fmt: skip


def _line(study: StudyScores, network: str, cost: Mapping[str, Any]) -> dict[str, Any]:
    facts = [result.facts for result in study.of(network)]
    seconds = pd.Series([fact.get("seconds") for fact in facts], dtype=float)
    measured = ("multiply_adds", "train_step_seconds", "infer_seconds", "train_peak_bytes", "infer_peak_bytes")
    return {
        "network": network,
        "parameters": cost.get("parameters", facts[0].get("parameters")),
        "training_seconds": seconds.mean(),
        "trainings": len(facts),
        **{name: cost.get(name) for name in measured},
    }


def _cells(line: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        line["network"], whole(line["parameters"]), short(line["multiply_adds"]), time(line["training_seconds"]),
        time(line["train_step_seconds"]), time(line["infer_seconds"]), memory(line["train_peak_bytes"]),
        memory(line["infer_peak_bytes"]),
    )  # fmt: skip


def _note(study: StudyScores, costs: Mapping[str, Mapping[str, Any]]) -> str:
    trainings = _machines([result.facts for result in study.results])
    jobs = sorted({str(result.facts.get("jobs")) for result in study.results})
    note = (
        f"Training: mean time of a training with its validations, {trainings}, {' or '.join(jobs)} at"
        " a time; trainings beside each other slow each other down."
    )
    if not costs:
        return f"{note} The other costs were not measured: {MISSING}."
    sizes = sorted({" × ".join(map(str, cost["slice_px"])) for cost in costs.values()})
    repeats = sorted({str(cost.get("repeats")) for cost in costs.values()})
    batches = sorted({str(cost.get("batch_size")) for cost in costs.values()})
    note = (
        f"{note} The rest is measured for slices of {' or '.join(sizes)} pixels, {_machines(costs.values())}: the"
        f" median of {' or '.join(repeats)} repeats, a training step of batch size {' or '.join(batches)}."
    )
    if len({machine_of(cost) for cost in costs.values()}) > 1:
        note += (
            " Times of different machines cannot be compared, so no chart sets them beside each other; delete costs/"
            " in the study's folder and measure all on one."
        )
    return note


def _machines(facts: Iterable[Mapping[str, Any]]) -> str:
    """Kinds of machine, not which."""
    return " and ".join(sorted({machine_of(fact) for fact in facts}))


def machine_of(fact: Mapping[str, Any]) -> str:
    """Device, kind of machine and number of threads that a time was measured with."""
    threads = fact.get("threads")
    used = "" if threads is None else f", {counted(threads, 'thread')}"
    return f"on {fact.get('device', '?')} ({fact.get('machine', '?')}{used})"
