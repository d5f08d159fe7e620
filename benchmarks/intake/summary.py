"""Medians, ratios and bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from benchmarks.intake.sample import Samples

__all__ = ["BOUNDS", "Bound", "Spread", "Verdict", "judge", "memory_in_volumes", "ratio"]


@dataclass(frozen=True)
class Spread:
    """Median and range of one figure over the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None of no values."""
        return cls(median(values), min(values), max(values)) if values else None


@dataclass(frozen=True)
class Bound:
    """What is demanded of a task.

    Attributes:
        claim: In words.
        task: Key of the task.
        at_most: The bound.
        peer: Key of the task whose time is divided by; None where peak memory in volumes is bound.
    """

    claim: str
    task: str
    at_most: float
    peer: str | None = None


@dataclass(frozen=True)
class Verdict:
    """A bound, and what was measured.

    Attributes:
        bound: The bound.
        measured: None if a task could not run.
    """

    bound: Bound
    measured: Spread | None

    @property
    def outcome(self) -> Literal["holds", "MISSED", "not measured"]:
        """Whether the median keeps the bound."""
        if self.measured is None:
            return "not measured"
        return "holds" if self.measured.median <= self.bound.at_most else "MISSED"


BOUNDS = (
    Bound("scan, check and read takes no longer than SimpleITK", "read-medseg", 1, "read-simpleitk"),
    Bound("scan, check and read takes at most 1/8 of MONAI's PydicomReader", "read-medseg", 1 / 8, "read-monai"),
    Bound("series to prepared case takes no longer than dcm2niix", "prepare-medseg", 1, "convert-dcm2niix"),
    Bound("series to prepared case takes no longer than nnU-Net's preprocessing", "prepare-medseg", 1, "case-nnunet"),
    Bound("peak memory of reading is at most 3 volumes", "read-medseg", 3),
    Bound("peak memory of preparing is at most 3 volumes", "prepare-medseg", 3),
)


def ratio(samples: Samples, peer: Samples) -> Spread | None:
    """Times divided by the peer's of the same round, so that a slow spell of the machine cancels out."""
    return Spread.of([own / other for own, other in zip(samples.seconds, peer.seconds, strict=False)])


def memory_in_volumes(samples: Samples, volume_bytes: int) -> Spread | None:
    """Peak memory above the bare imports, by the size of the volume."""
    return Spread.of([extra / volume_bytes for extra in samples.extra_bytes])


def judge(measured: Sequence[Samples], volume_bytes: int, bounds: Sequence[Bound] = BOUNDS) -> list[Verdict]:
    """Compare what was measured with the bounds."""
    by_key = {samples.key: samples for samples in measured}
    verdicts = []
    for bound in bounds:
        own = by_key.get(bound.task, Samples(bound.task))
        if bound.peer is None:
            found = memory_in_volumes(own, volume_bytes)
        else:
            found = ratio(own, by_key.get(bound.peer, Samples(bound.peer)))
        verdicts.append(Verdict(bound, found))
    return verdicts
