from __future__ import annotations

import struct
from io import BytesIO

import pytest
from pydicom.encaps import encapsulate

from medseg.io.dicom.fragments import frame_fragments, read_spans

END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


def item(content: bytes) -> bytes:
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content


def frames_of(data: bytes, frames: int, *, start: int = 0) -> list[bytes]:
    file = BytesIO(data)
    return [read_spans(file, spans) for spans in frame_fragments(file, start, len(data), frames)]


class TestFrameFragments:
    @pytest.mark.parametrize("table", [False, True])
    def test_one_fragment_a_frame(self, table: bool) -> None:
        data = encapsulate([b"ab", b"cdef", b"gh"], has_bot=table) + END
        assert frames_of(b"head" + data, 3, start=4) == [b"ab", b"cdef", b"gh"]

    @pytest.mark.parametrize("table", [False, True])
    def test_fragments_of_a_single_frame_are_joined(self, table: bool) -> None:
        data = encapsulate([b"abcdefgh"], fragments_per_frame=3, has_bot=table) + END
        assert frames_of(data, 1) == [b"abcdefgh"]

    def test_offsets_tell_frames_of_several_fragments_apart(self) -> None:
        # Offsets count from the first fragment's tag; each fragment takes 8 bytes and its content.
        table = struct.pack("<2L", 0, 2 * (8 + 2))
        data = item(table) + item(b"ab") + item(b"cd") + item(b"efgh") + END
        assert frames_of(data, 2) == [b"abcd", b"efgh"]

    def test_missing_delimiter_is_taken_as_the_end(self) -> None:
        assert frames_of(item(b"") + item(b"ab"), 1) == [b"ab"]

    def test_fragment_that_reaches_over_the_delimiter_has_lost_bytes(self) -> None:
        whole = item(b"") + item(b"abcdefghijklmnop") + END
        with pytest.raises(
            ValueError, match="must have its end behind its last item, got it within; bytes are missing"
        ):
            frames_of(whole.replace(b"defghijk", b""), 1)

    @pytest.mark.parametrize("offsets", [(0, 4), (10, 20), (20, 0), (0, 0)])
    def test_offsets_between_fragments_raise(self, offsets: tuple[int, int]) -> None:
        data = item(struct.pack("<2L", *offsets)) + item(b"ab") + item(b"cd") + item(b"ef") + END
        with pytest.raises(ValueError, match=r"offsets of frames in pixel data \(7FE0,0010\) must point at fragments"):
            frames_of(data, 2)

    @pytest.mark.parametrize(("frames", "got"), [(4, 3), (2, 3), (10**6, 3)])
    def test_fragments_that_are_not_the_frames_raise(self, frames: int, got: int) -> None:
        data = item(b"") + item(b"ab") * 3 + END
        with pytest.raises(
            ValueError, match=rf"fragments of {frames} frames \(0028,0008\), got {got} and a table of 0"
        ):
            frames_of(data, frames)

    def test_no_fragments_raise(self) -> None:
        with pytest.raises(ValueError, match="fragments of 1 frames"):
            frames_of(item(b"") + END, 1)

    def test_fragment_beyond_the_file_raises(self) -> None:
        data = item(b"") + struct.pack("<HHL", 0xFFFE, 0xE000, 2**32 - 2) + b"abc"
        with pytest.raises(ValueError, match=r"must hold 4294967294 bytes in its item 1, got 3; the file is cut short"):
            frames_of(data, 1)

    @pytest.mark.parametrize("data", [b"", b"\xfe\xff", item(b"") + item(b"ab") + b"\xfe\xff\x00\xe0"])
    def test_end_within_an_item_s_head_raises(self, data: bytes) -> None:
        with pytest.raises(
            ValueError, match="must end with its last item, got the file's end within one; the file is cut short"
        ):
            frames_of(data, 1)

    def test_another_tag_raises(self) -> None:
        with pytest.raises(ValueError, match=r"items \(FFFE,E000\), got something else"):
            frames_of(item(b"") + struct.pack("<HHL", 0x0010, 0x0010, 2) + b"ab", 1)
