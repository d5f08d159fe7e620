"""Oddities that do not stop a run: with names for the terminal, by ordinal for files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["Oddities"]


class Oddities:
    """Warnings, each once however many cases it is about."""

    def __init__(self) -> None:
        self._cases: dict[str, list[int]] = {}
        self._names: dict[str, list[str]] = {}
        self._private: list[str] = []

    def add(self, text: str, *, cases: Iterable[int] = (), names: Iterable[str] = ()) -> None:
        """Add a warning.

        Args:
            text: What is odd, without names of the source.
            cases: Ordinals of the cases it is about.
            names: Names of the source.
        """
        self._cases.setdefault(text, []).extend(cases)
        self._names.setdefault(text, []).extend(names)

    def add_for_terminal(self, text: str) -> None:
        """Add a warning with names of the source in its text, which is therefore shown and never written."""
        self._private.append(text)

    def join(self, other: Oddities) -> None:
        """Add all of another's."""
        for text, cases in other._cases.items():
            self.add(text, cases=cases, names=other._names[text])
        self._private += other._private

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._cases or self._private)

    def for_terminal(self) -> list[str]:
        """One line a warning, with the first names."""
        return [*self._private, *(text + _few(names) for text, names in self._names.items())]

    def for_file(self) -> list[dict[str, object]]:
        """The warnings without names."""
        return [{"text": text, "cases": sorted(set(cases))} for text, cases in self._cases.items()]

    def by_case(self, names: Sequence[str], *, without: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The warnings but one with the cases' made names, which are given by ordinal."""
        return tuple(
            (text, tuple(names[index] for index in sorted(set(cases))))
            for text, cases in self._cases.items()
            if text != without
        )


def _few(names: list[str]) -> str:
    if not names:
        return ""
    return f" ({len(names)}: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
