"""Names by which masks are told from their images."""

from __future__ import annotations

import re

__all__ = ["strip_mask_suffix"]

_MASK_SUFFIX = re.compile(r"[_-](mask|masks|label|labels|seg|gt)$", re.IGNORECASE)


def strip_mask_suffix(name: str) -> str:
    """``a/000`` of ``a/000_mask``; a name without such a suffix comes back unchanged."""
    return _MASK_SUFFIX.sub("", name)
