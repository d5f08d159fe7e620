"""What a JPEG, JPEG-LS or JPEG 2000 codestream says of itself, before a decoder trusts it.

Sources: ITU-T T.81 B.2 (JPEG), T.87 C.2 (JPEG-LS), T.800 A.5.1 (JPEG 2000, and by T.814 its high-throughput form).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["Codestream", "read_codestream"]

_J2K_START = b"\xff\x4f\xff\x51"
_END = b"\xff\xd9"
# An even length takes a byte of padding; some writers pad more.
_MAX_PADDING = 8
# JP2's boxes before the codestream break DICOM's rules but are met; they take some hundred bytes.
_MAX_JP2_BOXES = 2**16
_START_OF_SCAN = 0xDA
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class Codestream:
    """A codestream's own account of its image.

    Attributes:
        rows: Height.
        columns: Width.
        components: Colours.
        precision: Bits of a value.
        signed: Whether values have a sign, which only JPEG 2000 can say.
    """

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool = False


def read_codestream(data: bytes) -> Codestream:
    """Read the head of a codestream.

    Raises:
        ValueError: If there is none, it is damaged before the size of the image, or its end is missing, on which
            decoders fill in or take long.
    """
    if _END not in data[-len(_END) - _MAX_PADDING :]:
        raise ValueError("codestream must end with its end marker, got other bytes; it is cut short")
    try:
        if data[:2] == b"\xff\xd8":
            return _read_jpeg(data)
        start = data.find(_J2K_START, 0, _MAX_JP2_BOXES)
        if start >= 0:
            return _read_j2k(data, start)
    except struct.error:
        raise ValueError("codestream must tell its size, got its end before") from None
    raise ValueError("codestream must begin as JPEG, JPEG-LS or JPEG 2000, got other bytes")


def _read_jpeg(data: bytes) -> Codestream:
    at = 2
    while True:
        fill, marker = struct.unpack_from("BB", data, at)
        if fill != 0xFF or marker == _START_OF_SCAN:
            raise ValueError("codestream must tell its size before its first scan, got no frame header")
        if marker == 0xFF:
            at += 1
        elif marker in _NO_LENGTH:
            at += 2
        elif marker in _FRAME_HEADERS:
            precision, rows, columns, components = struct.unpack_from(">BHHB", data, at + 4)
            return Codestream(rows, columns, components, precision)
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _read_j2k(data: bytes, start: int) -> Codestream:
    # Behind the two markers: Lsiz and Rsiz, then image, its offset, tile, its offset, components.
    right, bottom, left, top, *_, components = struct.unpack_from(">8LH", data, start + 8)
    depth, step_x, step_y = struct.unpack_from("BBB", data, start + 42)
    if (step_x, step_y) != (1, 1):
        raise ValueError(f"codestream must hold every pixel, got one in {step_x} x {step_y}")
    return Codestream(bottom - top, right - left, components, (depth & 0x7F) + 1, bool(depth & 0x80))
