"""What was simulated, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.statistics.candidates import CANDIDATES
from benchmarks.statistics.coverage import Coverage
from benchmarks.statistics.verdicts import Verdicts

__all__ = ["coverage_table", "verdict_table"]


def coverage_table(title: str, target: str, found: Mapping[str, Mapping[str, Coverage]]) -> str:
    """A row a design, a column a kind of interval: coverage, and median width.

    Args:
        title: Of the table.
        target: Attribute of :class:`Coverage`: the mean of which networks the interval is to hold.
        found: By design and kind.
    """
    head = [f"**{title}**", "", _row(["", *CANDIDATES, "n"]), _row(["---", *["---:"] * (len(CANDIDATES) + 1)])]
    rows = [
        _row([design, *(_covered(kinds[name], target) for name in CANDIDATES), str(_repetitions(kinds))])
        for design, kinds in found.items()
    ]
    return "\n".join([*head, *rows])


def verdict_table(title: str, found: Mapping[str, tuple[Verdicts, Verdicts]]) -> str:
    """A row a design: what is claimed of equal networks, and of networks of which one is better."""
    columns = [
        "",
        "any wrong claim",
        "by Wilcoxon and Holm alone",
        "without correction",
        "right claims",
        "wrong ones beside",
        "n",
    ]
    head = [f"**{title}**", "", _row(columns), _row(["---", *["---:"] * (len(columns) - 1)])]
    return "\n".join([*head, *(_row([design, *_shares(*verdicts)]) for design, verdicts in found.items())])


def _shares(equal: Verdicts, unequal: Verdicts) -> Sequence[str]:
    assert unequal.right is not None
    shares = [equal.wrong, equal.wilcoxon, equal.uncorrected, unequal.right, unequal.wrong]
    return [*(f"{share:.3f}" for share in shares), f"{equal.repetitions}, {unequal.repetitions}"]


def _covered(coverage: Coverage, target: str) -> str:
    return f"{getattr(coverage, target):.3f} ({coverage.width:.4f})"


def _repetitions(kinds: Mapping[str, Coverage]) -> int:
    return next(iter(kinds.values())).repetitions


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
