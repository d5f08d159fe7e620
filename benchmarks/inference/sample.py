"""What one measurement gives."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Sample", "Samples"]


@dataclass(frozen=True)
class Sample:
    """One run of a task on a network.

    Attributes:
        seconds: Wall time of the volume, without imports, loading and a first batch.
        first_seconds: Wall time of loading the network and of a first batch, compiling included.
        extra_bytes: Peak memory above what was held before the volume; None where it is not known.
        rate: Operations a second of a large matrix product just before, with the task's threads.
    """

    seconds: float
    first_seconds: float
    extra_bytes: int | None
    rate: float

    def to_json(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)


@dataclass(frozen=True)
class Samples:
    """All runs of a task on a network.

    Attributes:
        network: The network's name.
        task: The task's key.
        samples: One a round; empty if it could not run.
        missing: Why it could not run.
        max_abs_difference: Largest difference of a logit from the first task's.
        differing_px: Pixels of the mask that differ from the first task's.
        dice: Dice of the two masks; 1 if both are empty.
    """

    network: str
    task: str
    samples: tuple[Sample, ...] = ()
    missing: str | None = None
    max_abs_difference: float | None = None
    differing_px: int | None = None
    dice: float | None = None

    @property
    def seconds(self) -> list[float]:
        """Wall times, one a round."""
        return [sample.seconds for sample in self.samples]
