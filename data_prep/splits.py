"""Folds of cases, without the same patient on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medseg.errors import UsageError
from medseg.manifest import Fold, Split, SplitMethod

__all__ = ["make_folds"]


def make_folds(
    names: Sequence[str], groups: Sequence[str], *, method: SplitMethod, folds: int, seed: int
) -> tuple[Split, tuple[Fold, ...]]:
    """Put every case into the validation part of one fold.

    Args:
        names: Cases in order.
        groups: Group of each case.
        method: ``group`` shuffles whole groups into folds of about equal numbers of cases; ``contiguous`` cuts the
            order into runs; ``random`` shuffles single cases.
        folds: Wanted number; fewer where there are fewer groups or cases.
        seed: For the shuffle.

    Returns:
        How the folds were made, with their actual number, and the folds.

    Raises:
        UsageError: If ``folds`` is below 2, or there are not two groups or cases to separate.
    """
    if folds < 2:
        raise UsageError(f"--folds must be at least 2, got {folds}")
    if method == "group":
        parts = _group_parts(groups, folds, seed)
    else:
        if len(names) < 2:
            raise UsageError(f"a split needs at least 2 images, got {len(names)}")
        order = np.arange(len(names))
        if method == "random":
            order = np.random.default_rng(seed).permutation(len(names))
        parts = [set(part.tolist()) for part in np.array_split(order, min(folds, len(names)))]
    made = tuple(
        Fold(
            train=tuple(name for index, name in enumerate(names) if index not in part),
            val=tuple(name for index, name in enumerate(names) if index in part),
        )
        for part in parts
    )
    return Split(method=method, seed=seed, folds=len(made)), made


def _group_parts(groups: Sequence[str], folds: int, seed: int) -> list[set[int]]:
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    if len(members) < 2:
        raise UsageError(
            f"--split group needs at least 2 groups, got {len(members)};"
            " give groups with --groups, or choose --split contiguous"
        )
    names = list(members)
    shuffled = [names[index] for index in np.random.default_rng(seed).permutation(len(names))]
    parts: list[set[int]] = [set() for _ in range(min(folds, len(names)))]
    # Largest first into the smallest part: parts come out about equal, and none stays empty.
    for group in sorted(shuffled, key=lambda name: -len(members[name])):
        min(parts, key=len).update(members[group])
    return parts
