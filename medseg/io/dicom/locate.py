"""Where the pixels lie in files that are compressed as a whole or by frames, and what stands before them."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

__all__ = ["encapsulated_value", "inflated_value", "read_elements"]

_ROWS, _PIXELS = 0x00280010, 0x7FE00010
_UNDEFINED = 0xFFFFFFFF
# In both byte orders.
_ITEMS = [struct.pack(order + "HH", 0xFFFE, 0xE000) for order in "<>"]
_PREAMBLE_BYTES = 132
# Elements before the pixels; functional groups take about 1 kB a frame.
_MAX_OTHER_BYTES = 2**24
_MAX_ITEMS = 2**18


def read_elements(path: Path, *, frames: int, deflated: bool) -> Dataset:
    """Read all elements before the pixels of a multi-frame image.

    Args:
        path: File.
        frames: (0028,0008), by which the number of items in sequences is bounded.
        deflated: Whether the data set is deflated.

    Raises:
        ValueError: If they are damaged, or more than that many frames can need: 16 MiB, or 100 items a frame and a
            thousand more, or 2 ** 18 items.
    """
    try:
        with path.open("rb") as file:
            head = _inflate(file, _MAX_OTHER_BYTES) if deflated else BytesIO(file.read(_MAX_OTHER_BYTES))
        # Each becomes some kB of objects.
        items = sum(head.getvalue().count(tag) for tag in _ITEMS)
        if items <= min(_MAX_ITEMS, 1000 + 100 * frames):
            return _read_inflated(head) if deflated else dcmread(head, stop_before_pixels=True, force=True)
    except Exception as error:
        raise ValueError(f"elements before the pixels must be readable, got {type(error).__name__}") from error
    raise ValueError(f"sequences must have the items of {frames} frames (0028,0008), got {items} items")


def encapsulated_value(file: BinaryIO) -> int:
    """Offset of the first item of encapsulated pixels.

    Args:
        file: Opened at its start.

    Raises:
        ValueError: If there are no encapsulated pixels.
    """
    try:
        # pydicom stops at the element's tag.
        dcmread(file, stop_before_pixels=True, specific_tags=[_ROWS], force=True)
    except Exception as error:
        raise ValueError(f"elements before the pixels must be readable, got {type(error).__name__}") from error
    offset, length = _value(file)
    if length != _UNDEFINED:
        raise ValueError("compressed pixel data (7FE0,0010) must be of undefined length, got one")
    return offset


def inflated_value(file: BinaryIO, pixel_bytes: int) -> tuple[BinaryIO, int, int]:
    """Inflate a deflated data set as far as its pixels reach.

    Args:
        file: Opened at its start.
        pixel_bytes: Length that the pixels must have.

    Returns:
        The data set, and offset and length of its pixels, of which less may be there.

    Raises:
        ValueError: If the data set does not inflate, or has no pixels.
    """
    try:
        inflated = _inflate(file, pixel_bytes + _MAX_OTHER_BYTES)
        _read_inflated(inflated, only=[_ROWS])
    except Exception as error:
        raise ValueError(f"deflated data set must inflate to elements, got {type(error).__name__}") from error
    return inflated, *_value(inflated)


def _inflate(file: BinaryIO, most_bytes: int) -> BytesIO:
    file.seek(_PREAMBLE_BYTES)
    read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    return BytesIO(zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(), most_bytes))


def _read_inflated(inflated: BytesIO, only: list[int] | None = None) -> Dataset:
    """Read up to the pixels' tag; with tags of interest the others are passed, which takes a quarter of the time."""
    return read_dataset(inflated, False, True, stop_when=lambda tag, _vr, _length: tag == _PIXELS, specific_tags=only)


def _value(file: BinaryIO) -> tuple[int, int]:
    """Offset and length of the value of the element at hand, which must be the pixels, with explicit VR."""
    head = file.read(12)
    if len(head) < 12 or struct.unpack_from("<HH", head) != (_PIXELS >> 16, _PIXELS & 0xFFFF):
        raise ValueError("pixel data (7FE0,0010) must be there, got none")
    return file.tell(), struct.unpack_from("<L", head, 8)[0]
