"""Where a child process finds what it works on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Inputs"]


@dataclass(frozen=True)
class Inputs:
    """What a child process works on.

    Attributes:
        series: Folder of one DICOM series.
        raw: Folder of one case for ``data_prep``: that series and its label.
        several: Folder of several such cases.
        image: The series as NIfTI, as nnU-Net takes it.
        label: Its label, likewise.
        out: Empty folder for what is written.
    """

    series: Path
    raw: Path
    several: Path
    image: Path
    label: Path
    out: Path

    def to_json(self) -> dict[str, str]:
        """For another process."""
        return {name: str(path) for name, path in asdict(self).items()}

    @classmethod
    def from_json(cls, content: dict[str, str]) -> Inputs:
        """As :meth:`to_json` gave it."""
        return cls(**{name: Path(path) for name, path in content.items()})
