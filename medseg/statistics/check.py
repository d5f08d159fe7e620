"""What scores must be like to be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from medseg.errors import UsageError
from medseg.statistics.evidence import Missing

__all__ = ["check_complete", "check_scores"]

_COLUMNS = ("architecture", "fold", "seed", "group", "case")
_MOST_NAMED = 5


def check_scores(scores: pd.DataFrame, metric: str) -> None:
    """Refuse tables that no comparison can be made of.

    Raises:
        UsageError: If a column lacks, nothing is scored, a score is infinite, a case is scored twice by one training,
            or a case is in two groups.
    """
    lacking = [name for name in (*_COLUMNS, metric) if name not in scores.columns]
    if lacking:
        raise UsageError(
            f"scores must have the columns {', '.join((*_COLUMNS, metric))}, got none named {_few(lacking)}"
        )
    if scores[metric].notna().sum() == 0:
        raise UsageError(f"{metric} must be there for at least one case, got none")
    infinite = scores[np.isinf(scores[metric].to_numpy(np.float64))]
    if len(infinite):
        raise UsageError(f"{metric} must be finite, got infinity for {_few(_named(infinite))}; leave such cells empty")
    twice = scores[scores.duplicated([*_COLUMNS[:3], "case"])]
    if len(twice):
        raise UsageError(f"a training must score a case once, got two scores of {_few(_named(twice))}")
    groups = scores.groupby("case")["group"].nunique()
    if (groups > 1).any():
        raise UsageError(f"a case must be in one group, got several for {_few(list(groups.index[groups > 1]))}")


def check_complete(missing: Sequence[Missing]) -> None:
    """Refuse networks that were not scored on the same cases.

    Raises:
        UsageError: If anything is missing; names it.
    """
    if missing:
        parts = [f"{gap.architecture}, fold {gap.fold}, seed {gap.seed}: {_few(gap.cases)}" for gap in missing]
        raise UsageError(
            "all networks must have scores of the same cases in the same folds and seeds, missing"
            f" {'; '.join(parts)}; finish these trainings, or allow missing cases to compare over the common ones"
        )


def _named(rows: pd.DataFrame) -> list[str]:
    return [
        f"{row.case} ({row.architecture}, fold {row.fold}, seed {row.seed})" for row in rows.itertuples(index=False)
    ]


def _few(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(map(str, names[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
