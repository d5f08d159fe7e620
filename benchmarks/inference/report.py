"""The measurements as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from benchmarks.inference.material import Network
from benchmarks.inference.sample import Sample, Samples
from benchmarks.inference.tasks import BASE, TASKS
from benchmarks.intake.machine import Machine
from benchmarks.intake.summary import Spread

__all__ = ["Report"]

_PACKAGES = ("medseg", "monai", "onnxruntime", "openvino", "torch")


@dataclass(frozen=True)
class Report:
    """What a run of the benchmark found.

    Attributes:
        machine: Where.
        networks: Which networks.
        shape: Columns, rows and slices of the volume.
        own: Whether the volume is the user's own; else the phantom's.
        repeats: Rounds.
        measured: What came of each task on each network.
    """

    machine: Machine
    networks: tuple[Network, ...]
    shape: tuple[int, int, int]
    own: bool
    repeats: int
    measured: tuple[Samples, ...]

    def floor_seconds(self, network: Network, samples: Samples) -> float | None:
        """Time of the volume at the highest rate of a matrix product that was met with as many threads."""
        threads = TASKS[samples.task].threads
        rates = [
            sample.rate for other in self.measured if TASKS[other.task].threads == threads for sample in other.samples
        ]
        return network.slice_flops * self.shape[2] / max(rates) if rates else None

    def to_json(self) -> dict[str, Any]:
        """Everything, run by run; no path and no name of a machine or file."""
        return {
            "machine": asdict(self.machine),
            "shape": list(self.shape),
            "own": self.own,
            "repeats": self.repeats,
            "versions": {name: version(name) for name in _PACKAGES},
            "networks": {
                network.name: {"trained": network.trained, "slice_flops": network.slice_flops}
                for network in self.networks
            },
            "runs": [asdict(samples) for samples in self.measured],
        }

    def to_markdown(self) -> str:
        """Tables for docs/performance.md."""
        return "\n\n".join([self._heading(), *map(self._table, self.networks)])

    def _heading(self) -> str:
        columns, rows, slices = self.shape
        what = "Slices of one's own" if self.own else "The phantom's slices"
        versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
        rates = [sample.rate for samples in self.measured for sample in samples.samples]
        peak = f" Matrix product: at best {max(rates) / 1e9:.0f} GFLOP/s." if rates else ""
        return f"{self.machine}. {what}: {slices} of {columns} x {rows}; {self.repeats} rounds.{peak}\n{versions}."

    def _table(self, network: Network) -> str:
        rows = [samples for samples in self.measured if samples.network == network.name]
        base = next((samples for samples in rows if samples.task == BASE), None)
        weights = "trained" if network.trained else "drawn"
        lines = [
            f"**{network.name}**, {network.slice_flops / 1e9:.0f} GFLOP a slice, {weights} weights",
            "",
            "| | s a slice | over the rounds | time, naive = 1 | time, floor = 1 | start, s | peak memory, MiB"
            " | max abs difference of logits | pixels that differ | Dice of the masks |",
            "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|",
        ]
        return "\n".join(lines + [self._row(network, samples, base) for samples in rows])

    def _row(self, network: Network, samples: Samples, base: Samples | None) -> str:
        title, slices = TASKS[samples.task].title, self.shape[2]
        seconds = Spread.of([value / slices for value in samples.seconds])
        if seconds is None:
            return f"| {title} | {samples.missing} | | | | | | | | |"
        times = _ratio(samples.seconds, [] if base is None else base.seconds)
        floor = self.floor_seconds(network, samples)
        cells = (
            f"{seconds.median:.3f}",
            f"{seconds.least:.3f} to {seconds.most:.3f}",
            "" if times is None else f"{times.median:.2f}",
            "" if floor is None else f"{seconds.median * slices / floor:.2f}",
            f"{_median(samples.samples, 'first_seconds'):.1f}",
            _mebibytes(samples.samples),
            "" if samples.max_abs_difference is None else f"{samples.max_abs_difference:.1e}",
            "" if samples.differing_px is None else f"{samples.differing_px}",
            "" if samples.dice is None else f"{samples.dice:.6f}",
        )
        return f"| {title} | {' | '.join(cells)} |"


def _ratio(own: Sequence[float], base: Sequence[float]) -> Spread | None:
    """Times divided by those of the same round, so that a slow spell of the machine cancels out."""
    return Spread.of([time / other for time, other in zip(own, base, strict=False)])


def _median(samples: Sequence[Sample], field: str) -> float:
    spread = Spread.of([getattr(sample, field) for sample in samples])
    assert spread is not None
    return spread.median


def _mebibytes(samples: Sequence[Sample]) -> str:
    known = Spread.of([sample.extra_bytes / 2**20 for sample in samples if sample.extra_bytes is not None])
    return "" if known is None else f"{known.median:.0f}"
