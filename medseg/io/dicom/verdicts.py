"""What the checks have to say about a series, none of it with names or texts of the source."""

from __future__ import annotations

from dataclasses import dataclass, field

from medseg.io.dicom.header import Header

__all__ = ["Findings", "Verdicts", "counted"]


@dataclass(frozen=True)
class Verdicts:
    """Result of the checks.

    Attributes:
        errors: Broken rules: rule, tag, values, way out. With any, there is no volume.
        warnings: What is odd.
        decisions: Choices that were needed, as they apply.
        headers: The slices to read, in order: all of the series, or the first of each position by choice.
    """

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    decisions: tuple[str, ...]
    headers: tuple[Header, ...]


@dataclass
class Findings:
    """Collects verdicts while the rules run."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)

    def of(self, headers: tuple[Header, ...]) -> Verdicts:
        """The verdicts so far, each once."""
        return Verdicts(_once(self.errors), _once(self.warnings), _once(self.decisions), headers)


def _once(texts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def counted(number: int, total: int) -> str:
    """Such as ``3 of 20 images``."""
    return f"{number} of {total} image{'' if total == 1 else 's'}"
