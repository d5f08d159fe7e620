"""Peak memory of a piece of work, as Linux counts it for this process alone.

``ru_maxrss`` would not do: imports may have set that mark higher than the work does, and it is handed on from the
process that started this one.
"""

from __future__ import annotations

import re
import resource
from pathlib import Path

__all__ = ["PeakMemory"]

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """Counts from its making on."""

    def __init__(self) -> None:
        self._known = _STATUS.exists()
        self._children = _children_bytes()
        if self._known:
            _RESET.write_text("5", encoding="ascii")  # sets the peak back to what is held now (proc(5))
            self._before = _status_bytes("VmRSS")

    def extra_bytes(self) -> int | None:
        """What was held at most beyond what was held before, or all that a child process held if that is more.

        None where the system does not say.
        """
        if not self._known:
            return None
        own = _status_bytes("VmHWM") - self._before
        children = _children_bytes()
        return max(own, children) if children > self._children else own


def _status_bytes(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise OSError(f"{_STATUS} must have {field}")
    return int(found[1]) * 1024


def _children_bytes() -> int:
    """Peak of the largest child process that has ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
