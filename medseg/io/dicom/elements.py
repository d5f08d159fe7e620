"""Values of data elements from their bytes, by the few value representations that intake needs.

A value that breaks its form is noted as illegible and read as absent, so that the checks name its tag and nobody
guesses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag, Tag

from medseg.io.dicom.header import MARKS

__all__ = ["TAGS", "Elements", "printable", "tag_text"]

TAGS: tuple[BaseTag, ...] = tuple(
    Tag(tag)
    for tag in (
        *(tag for _, tag in MARKS),
        *(0x00080016, 0x00080018, 0x00080060, 0x0008103E, 0x00100020, 0x00180050, 0x00180088, 0x00181120),
        *(0x0020000D, 0x0020000E, 0x00200011, 0x00200013, 0x00200032, 0x00200037, 0x00200052),
        *(0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011, 0x00280030),
        *(0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280120, 0x00281052, 0x00281053, 0x00281054, 0x00283000),
    )
)

_LONGEST_TEXT = 4096
# Python reads more as a number than DICOM writes.
_DECIMAL = b"0123456789+-.eE \\"
_UNDEFINED = 0xFFFFFFFF


class Elements:
    """The elements of :data:`TAGS` that a data set has.

    Args:
        elements: As pydicom read them, unconverted.

    Attributes:
        implicit: Whether they are without value representations.
        cut_short: Whether the file ends within one of them.
    """

    def __init__(self, elements: Iterable[DataElement | RawDataElement]) -> None:
        self._elements = {int(element.tag): element for element in elements}
        self._illegible: set[int] = set()
        raw = next((e for e in self._elements.values() if isinstance(e, RawDataElement)), None)
        self.cut_short = any(_is_cut_short(element) for element in self._elements.values())
        self.implicit = raw is not None and raw.is_implicit_VR
        self._order: str = "little" if raw is None or raw.is_little_endian else "big"

    def __contains__(self, tag: int) -> bool:
        return tag in self._elements

    def illegible(self) -> tuple[str, ...]:
        """Tags whose values broke their form so far, such as ``(0028,0030)``."""
        return tuple(tag_text(tag) for tag in sorted(self._illegible))

    def transfer_syntax(self) -> str:
        """The uncompressed transfer syntax that the elements are written in."""
        if self.implicit:
            return "1.2.840.10008.1.2"
        return "1.2.840.10008.1.2.1" if self._order == "little" else "1.2.840.10008.1.2.2"

    def text(self, tag: int) -> str:
        """A text without padding; each byte one character, since texts are only compared and hashed."""
        return self._value(tag)[:_LONGEST_TEXT].decode("latin-1").strip(" \0")

    def texts(self, tag: int) -> tuple[str, ...]:
        """The values of a text of several, in upper case and without padding."""
        text = self.text(tag)
        return tuple(part.strip().upper() for part in text.split("\\")) if text else ()

    def number(self, tag: int) -> float | None:
        """A decimal string of one value."""
        values = self.numbers(tag, 1)
        return None if values is None else values[0]

    def numbers(self, tag: int, count: int) -> tuple[float, ...] | None:
        """A decimal string of ``count`` values."""
        value = self._value(tag).strip(b" \0")
        if not value:
            return None
        try:
            numbers = tuple(float(part) for part in value.split(b"\\"))
        except ValueError:
            numbers = ()
        if len(numbers) != count or value.translate(None, _DECIMAL) or not all(map(math.isfinite, numbers)):
            self._illegible.add(tag)
            return None
        return numbers

    def integer(self, tag: int) -> int | None:
        """An integer string of one value."""
        number = self.number(tag)
        if number is None:
            return None
        if number != int(number):
            self._illegible.add(tag)
            return None
        return int(number)

    def unsigned(self, tag: int) -> int | None:
        """A binary integer from 0."""
        return self.whole(tag, signed=False)

    def whole(self, tag: int, *, signed: bool) -> int | None:
        """A binary integer of two bytes, or of four."""
        value = self._value(tag)
        if not value:
            return None
        if len(value) not in (2, 4):
            self._illegible.add(tag)
            return None
        return int.from_bytes(value, "little" if self._order == "little" else "big", signed=signed)

    def _value(self, tag: int) -> bytes:
        element = self._elements.get(tag)
        value = element.value if isinstance(element, RawDataElement) else None
        if element is not None and not isinstance(value, (bytes, type(None))):
            self._illegible.add(tag)
            return b""
        return value or b""


def _is_cut_short(element: DataElement | RawDataElement) -> bool:
    if not isinstance(element, RawDataElement) or element.length == _UNDEFINED:
        return False
    return len(element.value or b"") < element.length


def printable(text: str) -> str:
    """What may go to a terminal: other than printable ASCII becomes ``?``."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)


def tag_text(tag: int) -> str:
    """A tag as messages show it, such as ``(0028,0030)``."""
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
