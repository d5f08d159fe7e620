from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from medseg.io.dicom.codestream import Codestream, read_codestream
from tests.medseg.io.dicom.encodings import j2k, jls, jpeg
from tests.medseg.io.dicom.writer import slice_dataset

PIXELS = np.arange(40 * 33).reshape(40, 33)  # rows, columns; OpenJPEG wants at least 32


class TestReadCodestream:
    @pytest.mark.parametrize("signed", [False, True])
    @pytest.mark.parametrize("bits", [8, 12, 16])
    def test_jpeg_2000_tells_size_bits_and_sign(self, bits: int, signed: bool) -> None:
        assert read_codestream(j2k(PIXELS, bits=bits, signed=signed)) == Codestream(40, 33, 1, bits, signed)

    @pytest.mark.parametrize("bits", [8, 12, 16])
    def test_jpeg_ls_tells_size_and_bits(self, bits: int) -> None:
        assert read_codestream(jls(PIXELS, bits=bits)) == Codestream(40, 33, 1, bits)

    def test_jpeg_tells_size_and_bits(self, tmp_path: Path) -> None:
        _, data = jpeg(slice_dataset(PIXELS.astype(np.uint8).T, (0, 0, 0)), tmp_path)
        assert read_codestream(data) == Codestream(40, 33, 1, 8)

    def test_markers_before_the_size_are_passed(self) -> None:
        comment = b"\xff\xfe" + struct.pack(">H", 5) + b"abc"
        size = b"\xff\xff\xc0" + struct.pack(">HBHHB", 8, 8, 3, 4, 1)
        assert read_codestream(b"\xff\xd8\xff\xd0" + comment + size + b"\xff\xd9") == Codestream(3, 4, 1, 8)

    def test_jp2_boxes_are_passed(self) -> None:
        boxes = b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60)
        assert read_codestream(boxes + j2k(PIXELS, bits=8)).columns == 33

    def test_padding_behind_the_end_is_passed(self) -> None:
        assert read_codestream(jls(PIXELS, bits=8) + bytes(8)).rows == 40

    @pytest.mark.parametrize("data", [b"", bytes(100), j2k(PIXELS, bits=8)[:-2], jls(PIXELS, bits=8) + bytes(9)])
    def test_missing_end_raises(self, data: bytes) -> None:
        with pytest.raises(ValueError, match="must end with its end marker"):
            read_codestream(data)

    def test_another_start_raises(self) -> None:
        with pytest.raises(ValueError, match="must begin as JPEG, JPEG-LS or JPEG 2000"):
            read_codestream(bytes(90) + b"\xff\xd9")

    @pytest.mark.parametrize("data", [b"\xff\xd8\xff\xc0\x00\xff\xd9", b"\xff\x4f\xff\x51" + bytes(20) + b"\xff\xd9"])
    def test_end_before_the_size_raises(self, data: bytes) -> None:
        with pytest.raises(ValueError, match="must tell its size, got its end before"):
            read_codestream(data)

    @pytest.mark.parametrize("data", [b"\xff\xd8\xff\xda\x00\x02", b"\xff\xd8\x00\x00"])
    def test_scan_before_the_size_raises(self, data: bytes) -> None:
        with pytest.raises(ValueError, match="before its first scan"):
            read_codestream(data + bytes(4) + b"\xff\xd9")

    def test_subsampled_values_raise(self) -> None:
        data = bytearray(j2k(PIXELS, bits=8))
        data[43] = 2  # XRsiz of the only component
        with pytest.raises(ValueError, match="must hold every pixel, got one in 2 x 1"):
            read_codestream(bytes(data))
