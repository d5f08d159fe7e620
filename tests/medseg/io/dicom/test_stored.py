from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medseg.errors import SourceError
from medseg.io.dicom.header import Header
from medseg.io.dicom.stored import Stored, stored_values


def header(**tags: Any) -> Header:
    usual: dict[str, Any] = {
        "rows": 2,
        "columns": 3,
        "samples_per_pixel": 1,
        "bits_allocated": 16,
        "bits_stored": 12,
        "high_bit": 11,
        "signed": False,
    }
    return Header(path=Path("slice.dcm"), transfer_syntax="1.2.840.10008.1.2", **(usual | tags))


class TestStoredValues:
    def test_tags_are_taken(self) -> None:
        stored = stored_values(header(signed=True))
        assert stored == Stored(rows=2, columns=3, bits_allocated=16, bits_stored=12, signed=True)
        assert stored.frame_bytes == 12
        assert stored.dtype == np.int16

    def test_missing_high_bit_is_taken_as_usual(self) -> None:
        assert stored_values(header(high_bit=None)).bits_stored == 12

    @pytest.mark.parametrize(
        ("tags", "fault"),
        [
            ({"samples_per_pixel": 3}, r"samples per pixel \(0028,0002\) must be 1, got 3"),
            ({"samples_per_pixel": None}, r"samples per pixel \(0028,0002\) must be 1, got none"),
            ({"bits_allocated": 12}, r"bits allocated \(0028,0100\) must be one of \(8, 16, 32\), got 12"),
            ({"bits_allocated": None}, r"bits allocated \(0028,0100\) must be one of \(8, 16, 32\), got none"),
            ({"bits_stored": 17}, r"bits stored \(0028,0101\) must be 1 to 16, got 17"),
            ({"bits_stored": 0}, r"bits stored \(0028,0101\) must be 1 to 16, got 0"),
            ({"bits_stored": None}, r"bits stored \(0028,0101\) must be 1 to 16, got none"),
            ({"high_bit": 15}, r"high bit \(0028,0102\) must be 11, one below bits stored, got 15"),
            ({"signed": None}, r"pixel representation \(0028,0103\) must be 0 or 1, got none"),
            ({"rows": 0}, r"rows \(0028,0010\) and columns \(0028,0011\) must be at least 1, got \(0, 3\)"),
            ({"columns": None}, r"must be at least 1, got \(2, None\)"),
        ],
    )
    def test_other_kinds_raise(self, tags: dict[str, Any], fault: str) -> None:
        with pytest.raises(SourceError, match=rf"^slice\.dcm: .*{fault}; export the series again$"):
            stored_values(header(**tags))


class TestStrip:
    def test_unsigned_keeps_the_low_bits(self) -> None:
        words = np.array([0x0FFF, 0xFFFF, 0xF001], np.uint16)
        Stored(1, 3, 16, 12, False).strip(words)
        assert words.tolist() == [4095, 4095, 1]

    def test_signed_extends_the_sign_whatever_the_high_bits_are(self) -> None:
        # -2048 and -1 with zeros above, -1 with ones above, 5 with an overlay's bit above.
        words = np.array([0x0800, 0x0FFF, 0xFFFF, 0x1005], np.uint16).view(np.int16)
        Stored(1, 4, 16, 12, True).strip(words)
        assert words.tolist() == [-2048, -1, -1, 5]

    def test_full_words_are_left(self) -> None:
        words = np.array([-32768, 32767], np.int16)
        Stored(1, 2, 16, 16, True).strip(words)
        assert words.tolist() == [-32768, 32767]


class TestFromCodestream:
    """Columns: allocated, stored, signed by the header; decoded values in their type, precision; stored values."""

    @pytest.mark.parametrize(
        ("stored", "decoded", "precision", "values"),
        [
            # The same bits: the header's sign holds.
            ((16, 12, True), np.array([[0, 2047, 2048, 4095]], np.uint16), 12, [0, 2047, -2048, -1]),
            ((16, 12, False), np.array([[0, 2047, -2048, -1]], np.int16), 12, [0, 2047, 2048, 4095]),
            ((16, 16, True), np.array([[1, 65535]], np.uint16), 16, [1, -1]),
            ((16, 16, False), np.array([[1, -1]], np.int16), 16, [1, 65535]),
            # Fewer bits in the codestream, whose sign agrees.
            ((16, 16, True), np.array([[5, -2048]], np.int16), 12, [5, -2048]),
            ((16, 16, False), np.array([[5, 4095]], np.uint16), 12, [5, 4095]),
            # Another sign, but values below the highest bit.
            ((16, 16, True), np.array([[5, 2047]], np.uint16), 12, [5, 2047]),
            # More bits in the codestream than are used.
            ((16, 12, False), np.array([[5, 4095]], np.uint16), 16, [5, 4095]),
            ((16, 12, True), np.array([[5, -2048]], np.int16), 16, [5, -2048]),
            # A smaller word.
            ((16, 8, False), np.array([[5, 255]], np.uint8), 8, [5, 255]),
            ((16, 8, True), np.array([[5, 255]], np.uint8), 8, [5, -1]),
        ],
    )
    def test_readings_that_agree(
        self, stored: tuple[int, int, bool], decoded: Any, precision: int, values: Any
    ) -> None:
        got = Stored(1, decoded.shape[1], *stored).from_codestream(decoded, precision)
        assert got.dtype == Stored(1, 1, *stored).dtype
        assert got.tolist() == [values]

    @pytest.mark.parametrize(
        ("stored", "decoded", "precision"),
        [
            # pydicom reads -2048, GDCM 2048.
            ((16, 16, True), np.array([[2048]], np.uint16), 12),
            # pydicom reads 4095, GDCM 65535.
            ((16, 16, False), np.array([[-1]], np.int16), 12),
            # More bits are used than the header says.
            ((16, 12, False), np.array([[5000]], np.uint16), 16),
        ],
    )
    def test_readings_that_differ_raise(self, stored: tuple[int, int, bool], decoded: Any, precision: int) -> None:
        fault = rf"bits stored \(0028,0101\) must be those of the codestream, {precision}, .* got {stored[1]}"
        with pytest.raises(ValueError, match=fault):
            Stored(1, 1, *stored).from_codestream(decoded, precision)
