"""Stored values of a frame: their type, and their bits without what else shares the word.

Values take the low *Bits Stored* bits of each word; the rest may be sign, zeros or an overlay's plane, and is no part
of them (PS3.5, 8.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.dicom.header import Header

__all__ = ["Stored", "stored_values"]

_BITS_ALLOCATED = (8, 16, 32)


@dataclass(frozen=True)
class Stored:
    """How a frame's values are stored.

    Attributes:
        rows: (0028,0010).
        columns: (0028,0011).
        bits_allocated: (0028,0100), 8, 16 or 32.
        bits_stored: (0028,0101).
        signed: (0028,0103).
    """

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in the machine's byte order."""
        return np.dtype(f"{'i' if self.signed else 'u'}{self.bits_allocated // 8}")

    @property
    def frame_bytes(self) -> int:
        """Length of a frame without compression."""
        return self.rows * self.columns * self.bits_allocated // 8

    def strip(self, frame: NDArray[Any]) -> None:
        """Leave only the stored bits, in place, and extend the sign."""
        if self.bits_stored < self.bits_allocated:
            _keep_low_bits(frame, self.bits_stored)

    def from_codestream(self, decoded: NDArray[Any], precision: int) -> NDArray[Any]:
        """Values of a decoded frame.

        Header and codestream may disagree on bits and sign. Where the bits agree, the header's sign holds, as in all
        readers (codestreams of signed values that say unsigned are common). Where the bits differ too, pydicom extends
        the sign from the codestream's bits, GDCM and dcm2niix from the header's; values on which they differ are
        refused.

        Args:
            decoded: ``(rows, columns)``, signed as the codestream says.
            precision: Bits of a value in the codestream, at most those allocated.

        Returns:
            ``(rows, columns)`` in :attr:`dtype`.

        Raises:
            ValueError: If values are read differently by header and codestream.
        """
        words = decoded.astype(self.dtype)
        if precision == self.bits_stored:
            self.strip(words)
            return words
        by_codestream = words.copy()
        _keep_low_bits(by_codestream, precision)
        self.strip(words)
        if not np.array_equal(words, by_codestream):
            raise ValueError(
                f"bits stored (0028,0101) must be those of the codestream, {precision}, where values reach the highest"
                f" of them, got {self.bits_stored}"
            )
        return words


def stored_values(header: Header) -> Stored:
    """How an image's values are stored.

    Raises:
        SourceError: If a tag is missing, or what it says is not grey values in words of 8, 16 or 32 bits.
    """
    _require(header, header.samples_per_pixel == 1, "samples per pixel (0028,0002) must be 1", header.samples_per_pixel)
    allocated, stored, high = header.bits_allocated, header.bits_stored, header.high_bit
    if allocated not in _BITS_ALLOCATED:
        raise _fault(header, f"bits allocated (0028,0100) must be one of {_BITS_ALLOCATED}", allocated)
    if stored is None or not 1 <= stored <= allocated:
        raise _fault(header, f"bits stored (0028,0101) must be 1 to {allocated}", stored)
    _require(
        header, high in (None, stored - 1), f"high bit (0028,0102) must be {stored - 1}, one below bits stored", high
    )
    if header.signed is None:
        raise _fault(header, "pixel representation (0028,0103) must be 0 or 1", None)
    if not header.rows or not header.columns:
        raise _fault(
            header, "rows (0028,0010) and columns (0028,0011) must be at least 1", (header.rows, header.columns)
        )
    return Stored(header.rows, header.columns, allocated, stored, header.signed)


def _keep_low_bits(words: NDArray[Any], bits: int) -> None:
    if words.dtype.kind == "u":
        words &= words.dtype.type((1 << bits) - 1)
        return
    shift = 8 * words.itemsize - bits
    np.left_shift(words, shift, out=words)
    np.right_shift(words, shift, out=words)


def _require(header: Header, holds: bool, rule: str, got: object) -> None:
    if not holds:
        raise _fault(header, rule, got)


def _fault(header: Header, rule: str, got: object) -> SourceError:
    return SourceError(header.path, f"{rule}, got {'none' if got is None else got}; export the series again")
