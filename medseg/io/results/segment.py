"""What a mask shows and what made it, as DICOM tells it."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.sr.coding import Code

from medseg.errors import UsageError

__all__ = ["Algorithm", "Segment", "check_text"]

_LONGEST = 64


@dataclass(frozen=True)
class Segment:
    """What a mask shows.

    Attributes:
        label: Name for people (0062,0005).
        category: Segmented property category (0062,0003), of CID 7150.
        kind: Segmented property type (0062,000F).
        modifier: Side (0062,0011), of CID 244; None where it has none or it is not told.

    Raises:
        UsageError: If the label is no text of DICOM.
    """

    label: str
    category: Code
    kind: Code
    modifier: Code | None = None

    def __post_init__(self) -> None:
        """Check the label."""
        check_text("a segment's label", self.label)


@dataclass(frozen=True)
class Algorithm:
    """What made a mask.

    Attributes:
        name: Such as the bundle's.
        version: Such as the bundle's.

    Raises:
        UsageError: If either is no text of DICOM.
    """

    name: str
    version: str

    def __post_init__(self) -> None:
        """Check both texts."""
        check_text("an algorithm's name", self.name)
        check_text("an algorithm's version", self.version)


def check_text(what: str, text: str) -> None:
    """Refuse what a long string (LO) of one value cannot hold.

    Raises:
        UsageError: If the text is empty or blank, longer than 64 characters, or has a backslash or control character.
    """
    if not 0 < len(text.strip()) <= len(text) <= _LONGEST or "\\" in text or not text.isprintable():
        raise UsageError(
            f"{what} must be 1 to {_LONGEST} characters without backslash and control characters, got {text!r};"
            " choose another name"
        )
