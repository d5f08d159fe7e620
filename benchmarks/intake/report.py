"""The measurements as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.intake.machine import Machine
from benchmarks.intake.material import Material
from benchmarks.intake.sample import Samples
from benchmarks.intake.summary import Spread, Verdict, judge, memory_in_volumes, ratio
from benchmarks.intake.tasks import TASKS, Group

__all__ = ["Report"]

_WORK: dict[Group, str] = {
    "read": "Reading the series",
    "prepare": "Series to prepared case",
    "several": "Preparing several such series",
}


@dataclass(frozen=True)
class Report:
    """What a run of the benchmark found.

    Attributes:
        machine: Where.
        material: On what.
        repeats: Counted rounds.
        measured: What came of each task.
    """

    machine: Machine
    material: Material
    repeats: int
    measured: tuple[Samples, ...]

    @property
    def verdicts(self) -> list[Verdict]:
        """What became of each bound."""
        return judge(self.measured, self.material.volume_bytes)

    @property
    def disagreements(self) -> list[str]:
        """Tasks whose voxels differ from those of the first; their times are not comparable then."""
        found = {
            samples.key: {(sample.voxels, sample.total) for sample in samples.samples}
            for samples in self.measured
            if any(sample.voxels is not None for sample in samples.samples)
        }
        first = next(iter(found.values()), set())
        return [key for key, values in found.items() if len(values) != 1 or values != first]

    def to_json(self) -> dict[str, Any]:
        """Everything, run by run; no path and no name of a machine or file."""
        return {
            "machine": asdict(self.machine),
            "series": {"shape": list(self.material.shape), "own": self.material.own},
            "cases": self.material.cases,
            "repeats": self.repeats,
            "versions": self._versions(),
            "runs": {
                samples.key: {
                    "seconds": samples.seconds,
                    "extra_bytes": samples.extra_bytes,
                    "missing": samples.missing,
                }
                for samples in self.measured
            },
            "bounds": [
                {
                    "claim": verdict.bound.claim,
                    "at_most": verdict.bound.at_most,
                    "measured": None if verdict.measured is None else asdict(verdict.measured),
                    "outcome": verdict.outcome,
                }
                for verdict in self.verdicts
            ],
        }

    def to_markdown(self) -> str:
        """Tables for docs/performance.md."""
        parts = [self._heading(), self._table_of_bounds()]
        for group in _WORK:
            rows = [samples for samples in self.measured if TASKS[samples.key].group == group]
            if rows:
                parts.append(self._table_of_tasks(group, rows))
        if self.disagreements:
            parts.append(f"**Not the same voxels as the first tool: {', '.join(self.disagreements)}.**")
        return "\n\n".join(parts)

    def _versions(self) -> dict[str, str]:
        versions: dict[str, str] = {}
        for samples in self.measured:
            for sample in samples.samples[:1]:
                versions |= sample.versions
        return dict(sorted(versions.items(), key=lambda item: item[0].lower()))

    def _heading(self) -> str:
        columns, rows, slices = self.material.shape
        what = "a series of one's own" if self.material.own else "a phantom's series"
        versions = ", ".join(f"{name} {version}" for name, version in self._versions().items())
        return (
            f"{self.machine}. {what.capitalize()}: {slices} slices of {columns} x {rows}, 16 bits;"
            f" {self.repeats} round{'s' if self.repeats > 1 else ''}.\n{versions}."
        )

    def _table_of_bounds(self) -> str:
        lines = ["| bound | at most | measured | over the rounds | |", "|---|---:|---:|---|---|"]
        for verdict in self.verdicts:
            measured = verdict.measured
            figures = "| |" if measured is None else f"{_plain(measured.median)} | {_range(measured)} |"
            lines.append(f"| {verdict.bound.claim} | {_plain(verdict.bound.at_most)} | {figures} {_outcome(verdict)} |")
        return "\n".join(lines)

    def _table_of_tasks(self, group: Group, rows: Sequence[Samples]) -> str:
        slices = self.material.several_slices if group == "several" else self.material.shape[2]
        lines = [
            f"**{_WORK[group]}, {slices} slices**",
            "",
            "| | seconds | over the rounds | slices/s | time, first row = 1 | peak memory, volumes |",
            "|---|---:|---|---:|---:|---:|",
        ]
        return "\n".join(lines + [self._row(samples, rows[0], slices) for samples in rows])

    def _row(self, samples: Samples, first: Samples, slices: int) -> str:
        title = TASKS[samples.key].title
        seconds, times = Spread.of(samples.seconds), ratio(samples, first)
        if seconds is None:
            return f"| {title} | {samples.missing} | | | | |"
        memory = memory_in_volumes(samples, self.material.volume_bytes)
        return (
            f"| {title} | {seconds.median:.3f} | {_range(seconds)} | {slices / seconds.median:.0f}"
            f" | {'' if times is None else _plain(times.median)} | {'' if memory is None else _plain(memory.median)} |"
        )


def _outcome(verdict: Verdict) -> str:
    if verdict.outcome != "MISSED" or verdict.measured is None:
        return verdict.outcome
    return f"**MISSED by {verdict.measured.median / verdict.bound.at_most - 1:.0%}**"


def _range(spread: Spread) -> str:
    return f"{_plain(spread.least)} to {_plain(spread.most)}"


def _plain(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
