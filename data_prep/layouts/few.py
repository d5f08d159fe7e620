"""Lists of names that stay one short line."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["few"]

_SHOWN = 3


def few(names: Sequence[object]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(str, names[:_SHOWN])) + more
