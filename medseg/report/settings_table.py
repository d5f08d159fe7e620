"""Settings in which the networks' trainings differ."""

from __future__ import annotations

from typing import Any

import pandas as pd

from medseg.report.gather import StudyScores
from medseg.report.numerals import MISSING
from medseg.report.tables import Table

__all__ = ["settings_table"]

# What a training is and how it went, beside how it was set; the rest of its facts are settings.
_NO_SETTINGS = frozenset(
    {
        "key", "study", "config_sha256", "jobs", "bundle_name", "seed", "fold", "parameters", "dataset", "fingerprint",
        "modality", "foreground", "orientation", "plane", "spacing_mm", "picture_window_hu", "picture_levels", "split",
        "split_seed", "split_sha256", "leaky", "train_cases", "val_cases", "training_set", "device", "machine",
        "git_commit", "threads", "peak_memory_bytes", "peak_memory_of", "epochs_done", "seconds", "best_epoch",
        "status",
        "started",
    }
)  # fmt: skip


def settings_table(study: StudyScores) -> Table | None:
    """Settings whose values are not the same for all networks; None if there are none."""
    facts = {network: study.of(network)[0].facts for network in study.networks}
    names = dict.fromkeys(name for own in facts.values() for name in own)
    lines = []
    for name in names:
        values = [_text(own.get(name)) for own in facts.values()]
        if not (name in _NO_SETTINGS or name.endswith("_version")) and len(set(values)) > 1:
            lines.append((name, *values))
    if not lines:
        return None
    columns = ("Setting", *study.networks)
    return Table(
        name="settings",
        caption="Settings that differ between the networks",
        columns=columns,
        rows=tuple(lines),
        data=pd.DataFrame(lines, columns=list(columns)),
        note="All other settings are the same for all networks.",
    )


def _text(value: Any) -> str:
    return MISSING if value is None else str(value)
