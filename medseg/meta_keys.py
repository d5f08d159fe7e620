"""What medseg adds to MONAI's metadata of a volume; texts, since a loader cannot batch lists of different length."""

from __future__ import annotations

__all__ = ["DECISIONS", "MODALITY", "SOURCE_FILES", "WARNINGS"]

MODALITY = "modality"
"""``CT``, ``MR`` and so on; empty where nobody knows."""

WARNINGS = "warnings"
"""What is odd, without names of the source, joined by ``; ``."""

DECISIONS = "decisions"
"""What was changed by choice, likewise."""

SOURCE_FILES = "source_files"
"""Paths of all files that the volume was read from, one a line; of a DICOM series in the order in which they came."""
