"""Numbers as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["between", "counted", "quantity", "rounded", "share", "times"]

_DIGITS = 3
_MINUS = "\N{MINUS SIGN}"


def rounded(value: float) -> float:
    """As :func:`quantity` shows it: what looks the same is the same."""
    return round(value, _decimals(value))


def quantity(value: float, unit: str = "") -> str:
    """Three significant digits or all before the point, and the unit."""
    decimals = _decimals(value)
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if decimals else text
    return f"{text.replace('-', _MINUS)} {unit}".rstrip()


def _decimals(value: float) -> int:
    return max(0, _DIGITS - 1 - math.floor(math.log10(abs(value)))) if value else 0


def share(part: float, whole: float) -> str:
    """Per cent."""
    return quantity(100 * part / whole if whole else 0.0, "%")


def between(values: Iterable[float], unit: str = "") -> str:
    """``1 to 5 mm``, or the one value that all have."""
    values = list(values)
    low, high = quantity(min(values)), quantity(max(values))
    return f"{low if low == high else f'{low} to {high}'} {unit}".rstrip()


def times(sizes: Iterable[float], unit: str = "") -> str:
    """``512 × 512 × 78``."""
    return f"{' × '.join(map(quantity, sizes))} {unit}".rstrip()


def counted(count: int, noun: str) -> str:
    """``1 case``, ``2 cases``."""
    return f"{quantity(count)} {noun if count == 1 else noun + 's'}"
