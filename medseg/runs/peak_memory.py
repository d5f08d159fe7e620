"""Most memory that a process has held."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import torch

__all__ = ["peak_memory"]

_STATUS = Path("/proc/self/status")


def peak_memory(device: torch.device) -> tuple[int | None, str]:
    """Peak bytes, and whose they are.

    Args:
        device: Where the network is.

    Returns:
        On CUDA what torch allocated there (``cuda``), else the process's resident memory (``process``), Python and its
        libraries included; None where the system does not tell.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device)), "cuda"
    return _own_peak() or _usage_peak(), "process"


def _own_peak() -> int | None:
    """As Linux counts it for this process alone; ``ru_maxrss`` is handed on from the process that started this one."""
    if not _STATUS.exists():
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(encoding="utf-8"), re.MULTILINE)
    return None if found is None else int(found[1]) * 1024


def _usage_peak() -> int | None:
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)
