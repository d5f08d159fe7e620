"""A training goes on as what it was begun as."""

from __future__ import annotations

from typing import Any

from medseg.errors import UsageError
from medseg.runs.folder import RunFolder

__all__ = ["check_resume"]

_MAY_CHANGE = ("device", "machine", "threads", "amp", "git_commit", "train_cases_sha256", "surface_tolerance")

_OF_THE_DATA = ("plane", "spacing_mm", "picture_window_hu", "picture_levels", "training_set")
"""What only describes the data, which are known by their fingerprint; older runs have none of these."""


def check_resume(folder: RunFolder, facts: dict[str, Any]) -> None:
    """Refuse to go on with other data or settings; only code, machine, device and how cases are scored may be others.

    Args:
        folder: The run's folder.
        facts: What the training would go on as.

    Raises:
        UsageError: If ``facts`` differ from the folder's.
    """
    earlier = folder.read_facts()
    for name, value in facts.items():
        if name in _MAY_CHANGE or name in _OF_THE_DATA or name.endswith("_version"):
            continue
        if earlier.get(name) != value:
            raise UsageError(
                f"{folder.root}: resume must keep {name}, which was {earlier.get(name)!r}, got {value!r};"
                " start a new run, or give the same settings"
            )
