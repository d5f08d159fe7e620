"""Oddities that do not stop a run: with names for the terminal, by ordinal for files."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Oddities"]


class Oddities:
    """Warnings, each once however many cases it is about."""

    def __init__(self) -> None:
        self._cases: dict[str, list[int]] = {}
        self._names: dict[str, list[str]] = {}

    def add(self, text: str, *, cases: Iterable[int] = (), names: Iterable[str] = ()) -> None:
        """Add a warning.

        Args:
            text: What is odd, without names of the source.
            cases: Ordinals of the cases it is about.
            names: Names of the source.
        """
        self._cases.setdefault(text, []).extend(cases)
        self._names.setdefault(text, []).extend(names)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._cases)

    def for_terminal(self) -> list[str]:
        """One line a warning, with the first names."""
        return [text + _few(names) for text, names in self._names.items()]

    def for_file(self) -> list[dict[str, object]]:
        """The warnings without names."""
        return [{"text": text, "cases": sorted(set(cases))} for text, cases in self._cases.items()]


def _few(names: list[str]) -> str:
    if not names:
        return ""
    return f" ({len(names)}: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
