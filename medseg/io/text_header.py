"""Headers of lines of text, as NRRD and MetaImage have them.

They are read strictly: a field has the form it must have, or it is an error that names the field. Messages hold numbers
and words of the format, never other text of the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from medseg.errors import SourceError

__all__ = ["MAX_HEADER_BYTES", "TextHeader", "collect"]

MAX_HEADER_BYTES = 2**20

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf(inity)?)", re.ASCII | re.IGNORECASE)
_MAX_DIGITS = 40

T = TypeVar("T")


@dataclass(frozen=True)
class TextHeader:
    """Fields of a text header.

    Attributes:
        path: The file.
        fields: Values by name.
        end: Bytes of the file before what follows the header.
    """

    path: Path
    fields: Mapping[str, str]
    end: int

    def fault(self, fault: str) -> SourceError:
        """The error to raise."""
        return SourceError(self.path, fault)

    def one_of(self, name: str, meanings: Mapping[str, T], rule: str, *, default: T | None = None) -> T:
        """Meaning of a field's word, in any case.

        Args:
            name: The field.
            meanings: Meanings by word in lower case.
            rule: What the field must be, for the message.
            default: Meaning where the field is missing; None demands it.

        Raises:
            SourceError: If the field is missing and has no default, or holds another word.
        """
        if name not in self.fields and default is not None:
            return default
        word = self.fields.get(name, "").lower()
        if word not in meanings:
            got = "nothing" if name not in self.fields else "another value"
            raise self.fault(f"{name} must be {rule}, got {got}; write the file anew")
        return meanings[word]

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """Finite numbers of a field.

        Raises:
            SourceError: If the field is missing, or holds anything but ``count`` finite numbers.
        """
        return self.parse_numbers(name, self.fields.get(name), count)

    def parse_numbers(self, name: str, text: str | None, count: int, between: str | None = None) -> tuple[float, ...]:
        """Finite numbers of a text in the field called ``name``, parted by spaces or by ``between``."""
        words = [word.strip() for word in (text or "").split(between)]
        if text is None or len(words) != count or not all(map(_is_number, words)):
            got = "nothing" if text is None else "something else"
            raise self.fault(f"{name} must be {count} number{'s' * (count > 1)}, got {got}; write the file anew")
        values = tuple(float(word) for word in words)
        if not all(map(math.isfinite, values)):
            raise self.fault(f"{name} must be finite numbers, got NaN or infinity; write the file anew")
        return values

    def whole(self, name: str, count: int) -> tuple[int, ...]:
        """Whole numbers of a field.

        Raises:
            SourceError: As :meth:`numbers`, or if a number has a fraction.
        """
        values = self.numbers(name, count)
        if not all(value.is_integer() for value in values):
            raise self.fault(f"{name} must be whole numbers, got fractions; write the file anew")
        return tuple(int(value) for value in values)

    def shape(self, name: str) -> tuple[int, int, int]:
        """Voxels along x, y and z.

        Raises:
            SourceError: As :meth:`whole`, or if a number is below 1.
        """
        x, y, z = self.whole(name, 3)
        if min(x, y, z) < 1:
            raise self.fault(f"{name} must be at least 1 along each axis, got {x} x {y} x {z}; the header is damaged")
        return x, y, z

    def beside(self, name: str) -> Path:
        """The detached data file of a header.

        Raises:
            SourceError: If there is no such file.
        """
        path = self.path.parent / name
        try:
            found = path.is_file()
        except OSError:
            found = False
        if not found:
            raise SourceError(path, "must be there as data file of a header, got none; copy both files")
        return path


def collect(path: Path, fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Put fields into a dictionary.

    Raises:
        SourceError: If a field stands twice, with different values.
    """
    collected: dict[str, str] = {}
    for name, value in fields:
        if collected.setdefault(name, value) != value:
            raise SourceError(path, "must give each header field once, got one twice with different values")
    return collected


def _is_number(word: str) -> bool:
    return len(word) <= _MAX_DIGITS and _NUMBER.fullmatch(word) is not None
