from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from medseg.io.dicom.locate import encapsulated_value, inflated_value, read_elements
from tests.medseg.io.dicom.encodings import DEFLATED, RLE, rle, save_as, save_encapsulated
from tests.medseg.io.dicom.writer import save, slice_dataset

PIXELS = np.arange(12, dtype=np.uint16).reshape(3, 4)  # x, y


class TestEncapsulatedValue:
    def test_first_item_is_found(self, tmp_path: Path) -> None:
        path = save_encapsulated(slice_dataset(PIXELS, (0, 0, 0)), tmp_path / "a.dcm", RLE, [rle(PIXELS.T)])
        with path.open("rb") as file:
            offset = encapsulated_value(file)
        assert path.read_bytes()[offset:].startswith(b"\xfe\xff\x00\xe0")
        assert path.read_bytes()[:offset].endswith(b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff")

    def test_pixels_of_a_length_raise(self, tmp_path: Path) -> None:
        path = save(slice_dataset(PIXELS, (0, 0, 0)), tmp_path / "a.dcm")
        with path.open("rb") as file, pytest.raises(ValueError, match="must be of undefined length, got one"):
            encapsulated_value(file)


class TestInflatedValue:
    def test_pixels_are_found(self, tmp_path: Path) -> None:
        path = save_as(slice_dataset(PIXELS, (0, 0, 0)), tmp_path / "a.dcm", DEFLATED)
        with path.open("rb") as file:
            data, offset, length = inflated_value(file, 24)
        data.seek(offset)
        assert length == 24
        assert data.read(length) == PIXELS.T.tobytes()

    def test_no_more_is_inflated_than_the_pixels_can_need(self, tmp_path: Path) -> None:
        path = save_as(slice_dataset(PIXELS, (0, 0, 0)), tmp_path / "a.dcm", DEFLATED)
        content = path.read_bytes()
        # (0002,0000) counts the bytes behind its own 12, which follow the preamble of 132.
        start = 144 + struct.unpack_from("<L", content, 140)[0]
        data_set = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content[start:])
        bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        path.write_bytes(content[:start] + bomb.compress(data_set + bytes(10**8)) + bomb.flush())
        with path.open("rb") as file:
            data, offset, _ = inflated_value(file, 24)
        assert data.seek(0, 2) == 24 + 2**24
        data.seek(offset)
        assert data.read(24) == PIXELS.T.tobytes()

    def test_another_stream_raises(self, tmp_path: Path) -> None:
        path = save(slice_dataset(PIXELS, (0, 0, 0)), tmp_path / "a.dcm")
        with (
            path.open("rb") as file,
            pytest.raises(ValueError, match="deflated data set must inflate to elements, got"),
        ):
            inflated_value(file, 24)


class TestReadElements:
    def test_elements_before_the_pixels(self, tmp_path: Path) -> None:
        path = save(slice_dataset(PIXELS, (0, 0, 0)), tmp_path / "a.dcm")
        elements = read_elements(path, frames=1, deflated=False)
        assert elements.Rows == 4
        assert "PixelData" not in elements

    def test_damaged_stream_raises(self, tmp_path: Path) -> None:
        path = save(slice_dataset(PIXELS, (0, 0, 0)), tmp_path / "a.dcm")
        with pytest.raises(ValueError, match="elements before the pixels must be readable, got error"):
            read_elements(path, frames=1, deflated=True)
