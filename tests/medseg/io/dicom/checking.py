"""Checks of a folder's only series, shared by the tests of the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medseg.io.dicom import Choices, Verdicts, check_series, group_series, read_headers


def verdicts(folder: Path, **choices: Any) -> Verdicts:
    """Check the only series of a folder."""
    (series,) = group_series(read_headers(folder).headers)
    return check_series(series, Choices(**choices))


def only_error(folder: Path, **choices: Any) -> str:
    """The one rule that the folder's only series breaks."""
    (error,) = verdicts(folder, **choices).errors
    return error
