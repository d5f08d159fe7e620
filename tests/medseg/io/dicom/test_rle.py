from __future__ import annotations

import struct

import numpy as np
import pytest

from medseg.io.dicom.rle import decode_rle
from tests.medseg.io.dicom.encodings import rle


def frame(*planes: bytes) -> bytes:
    offsets = [64 + sum(map(len, planes[:index])) for index in range(len(planes))]
    return struct.pack("<16L", len(planes), *offsets, *[0] * (15 - len(planes))) + b"".join(planes)


class TestDecodeRle:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
    @pytest.mark.parametrize("spread", [2, 100])
    def test_pydicom_s_frames_return_their_words(self, dtype: type, spread: int) -> None:
        pixels = np.random.default_rng(0).integers(0, spread, (37, 21)).astype(dtype)
        words = decode_rle(rle(pixels), pixels.size, pixels.itemsize)
        np.testing.assert_array_equal(words.view(np.dtype(dtype).newbyteorder("<")).reshape(37, 21), pixels)

    def test_runs_literals_and_no_operation(self) -> None:
        # Two literal bytes, 128 for nothing, a run of three: PS3.5, G.3.1.
        assert decode_rle(frame(bytes([1, 7, 8, 128, 254, 9])), 5, 1).ravel().tolist() == [7, 8, 9, 9, 9]

    def test_first_plane_is_the_highest_byte(self) -> None:
        assert decode_rle(frame(bytes([0, 1]), bytes([0, 2])), 1, 2).tolist() == [[2, 1]]

    def test_zero_padding_is_left_out(self) -> None:
        assert decode_rle(frame(bytes([1, 7, 8, 0])), 2, 1).ravel().tolist() == [7, 8]

    @pytest.mark.parametrize(
        ("plane", "got"),
        [
            (bytes([0, 7]), "1 from 2 of 2 bytes"),
            (bytes([1, 7]), "1 from 2 of 2 bytes"),
            (bytes([254, 7]), "3 from 2 of 2 bytes"),
            (bytes([1, 7, 8, 0, 9]), "2 from 3 of 5 bytes"),
        ],
    )
    def test_plane_of_another_length_raises(self, plane: bytes, got: str) -> None:
        with pytest.raises(ValueError, match=f"RLE plane must give 2 bytes, got {got}"):
            decode_rle(frame(plane), 2, 1)

    def test_missing_plane_raises(self) -> None:
        with pytest.raises(ValueError, match="must have 2 planes, got 1"):
            decode_rle(frame(bytes([0, 7])), 1, 2)

    def test_short_header_raises(self) -> None:
        with pytest.raises(ValueError, match="header must have 64 bytes, got 63"):
            decode_rle(bytes(63), 1, 1)

    @pytest.mark.parametrize("offsets", [(64, 60), (66, 68), (64, 4000)])
    def test_other_offsets_raise(self, offsets: tuple[int, int]) -> None:
        data = struct.pack("<16L", 2, *offsets, *[0] * 13) + bytes([0, 1, 0, 2])
        with pytest.raises(ValueError, match="planes must follow each other"):
            decode_rle(data, 1, 2)
