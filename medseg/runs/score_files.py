"""Tables of scores as files; trainings and evaluations write them alike."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from medseg.io.atomic import atomic_path

__all__ = ["read_table", "write_table"]


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV with all digits, atomically; what is not known is an empty cell."""
    with atomic_path(path) as partial:
        table.to_csv(partial, index=False)


def read_table(path: Path) -> pd.DataFrame:
    """Read what :func:`write_table` wrote: names are text, even where they are digits only, or ``NA`` or ``null``."""
    return pd.read_csv(path, dtype={"group": str, "case": str}, keep_default_na=False, na_values=["", "nan"])
