"""What one run of a task gives."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Sample", "Samples"]


@dataclass(frozen=True)
class Sample:
    """One run.

    Attributes:
        seconds: Wall time without imports.
        extra_bytes: Peak memory above the bare imports; None where it is not known.
        voxels: Number of voxels that came out; None where they are not comparable.
        total: Their sum, by which tools that did not read the same are found out.
        versions: Of the libraries that did it.
    """

    seconds: float
    extra_bytes: int | None
    voxels: int | None = None
    total: float | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Sample:
        """As :meth:`to_json` gave it."""
        return cls(**content)


@dataclass(frozen=True)
class Samples:
    """All counted runs of a task.

    Attributes:
        key: The task's.
        samples: One a round; empty if it could not run.
        missing: Why it could not run.
    """

    key: str
    samples: tuple[Sample, ...] = ()
    missing: str | None = None

    @property
    def seconds(self) -> list[float]:
        """Wall times, one a round."""
        return [sample.seconds for sample in self.samples]

    @property
    def extra_bytes(self) -> list[int]:
        """Peak memories, one a round; empty where they are not known."""
        return [sample.extra_bytes for sample in self.samples if sample.extra_bytes is not None]
