"""The kind of machine, without anything that names this one."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path

from medseg.io.processes import usable_cores

__all__ = ["Machine", "this_machine"]


@dataclass(frozen=True)
class Machine:
    """Kind of machine.

    Attributes:
        cpu: Name of the processor.
        cores: Cores that this process may use.
        system: Operating system.
        python: Version.
    """

    cpu: str
    cores: int
    system: str
    python: str

    def __str__(self) -> str:
        return f"{self.cpu}, {self.cores} cores, {self.system}, Python {self.python}"


def this_machine() -> Machine:
    """The kind of the machine that this runs on."""
    return Machine(_cpu(), usable_cores(), platform.system(), platform.python_version())


def _cpu() -> str:
    try:
        known = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        known = None
    return known[1].strip() if known else platform.machine()
