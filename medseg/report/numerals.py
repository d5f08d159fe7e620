"""Numbers as a person reads them; a dash stands for what is not known."""

from __future__ import annotations

import math

__all__ = ["MISSING", "between", "counted", "fixed", "memory", "p_value", "short", "time", "whole"]

MISSING = "–"
_MINUS = "\N{MINUS SIGN}"
_LEAST_P = 0.001


def fixed(value: float | None, decimals: int = 4) -> str:
    """``0.9363``."""
    if value is None or _unknown(value):
        return MISSING
    # Adding 0 takes the sign from what rounds to zero.
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".replace("-", _MINUS)


def between(low: float | None, high: float | None, decimals: int = 4) -> str:
    """``0.9301 to 0.9412``."""
    if _unknown(low) or _unknown(high):
        return MISSING
    return f"{fixed(low, decimals)} to {fixed(high, decimals)}"


def whole(value: float | None) -> str:
    """``7,759,521``."""
    return fixed(value, 0)


def short(value: float | None) -> str:
    """Three significant digits with k, M, G or T: ``13.5 G``."""
    if value is None or _unknown(value):
        return MISSING
    for factor, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"


def p_value(value: float | None) -> str:
    """``0.012``, ``< 0.001``."""
    if value is None or _unknown(value):
        return MISSING
    return f"< {_LEAST_P}" if value < _LEAST_P else f"{value:.3f}"


def time(seconds: float | None) -> str:
    """``34 ms``, ``34 s``, ``12.3 min``, ``5.2 h``."""
    if seconds is None or _unknown(seconds):
        return MISSING
    for least, unit_s, unit in ((3600.0, 3600.0, "h"), (60.0, 60.0, "min"), (1.0, 1.0, "s")):
        if seconds >= least:
            return f"{seconds / unit_s:.1f} {unit}"
    return f"{seconds * 1000:.3g} ms"


def memory(size_bytes: float | None) -> str:
    """``1.25 GB``, ``312 MB``; a GB is 1000 MB."""
    if size_bytes is None or _unknown(size_bytes):
        return MISSING
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"


def counted(count: int, noun: str) -> str:
    """``1 case``, ``2 cases``."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def _unknown(value: float | None) -> bool:
    return value is None or not math.isfinite(value)
