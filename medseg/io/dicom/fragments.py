"""Encapsulated frames (PS3.5, A.4): the fragments of the pixel data element, and which of them make up each frame.

pydicom returns what is left of a fragment that the file's end cuts; here every fragment must be whole.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import BinaryIO

__all__ = ["Span", "frame_fragments", "read_spans"]

Span = tuple[int, int]
"""Where bytes lie in the file: offset and length."""

_ITEM = (0xFFFE, 0xE000)
_END = (0xFFFE, 0xE0DD)
_DELIMITER = struct.pack("<HHL", *_END, 0)
_TAG = "pixel data (7FE0,0010)"
# Each costs some memory, and a million are more than the longest perfusion study has.
_MAX_FRAGMENTS = 2**20


def frame_fragments(file: BinaryIO, start: int, end: int, frames: int) -> list[list[Span]]:
    """Find the fragments of each frame, without reading them.

    Args:
        file: Open file.
        start: First byte of the element's value.
        end: Size of the file.
        frames: (0028,0008) Number of Frames.

    Returns:
        One list of spans a frame.

    Raises:
        ValueError: If items are damaged or cut short, or cannot be told apart as that many frames.
    """
    (table_at, table_bytes), *fragments = _items(file, start, end)
    if frames == 1 and fragments:
        return [fragments]
    if len(fragments) == frames:
        return [[fragment] for fragment in fragments]
    if len(fragments) > frames and table_bytes == 4 * frames:
        file.seek(table_at)
        return _by_offsets(fragments, struct.unpack(f"<{frames}L", file.read(table_bytes)))
    raise ValueError(
        f"{_TAG} must hold the fragments of {frames} frames (0028,0008), got {len(fragments)}"
        f" and a table of {table_bytes // 4} offsets"
    )


def read_spans(file: BinaryIO, spans: list[Span]) -> bytes:
    """Read a frame's fragments as one."""
    parts = []
    for offset, length in spans:
        file.seek(offset)
        parts.append(file.read(length))
    return b"".join(parts)


def _items(file: BinaryIO, start: int, end: int) -> list[Span]:
    """Spans of all items; the first is the basic offset table."""
    items: list[Span] = []
    file.seek(start)
    at = start
    # Some writers leave the delimiter out, so the file's end ends the items too.
    while at < end or not items:
        head = file.read(8)
        if len(head) < 8:
            raise ValueError(
                f"{_TAG} must end with its last item, got the file's end within one; the file is cut short"
            )
        group, element, length = struct.unpack("<HHL", head)
        if (group, element) == _END and items:
            return items
        if (group, element) != _ITEM or len(items) > _MAX_FRAGMENTS:
            raise ValueError(f"{_TAG} must consist of up to {_MAX_FRAGMENTS} items (FFFE,E000), got something else")
        if length > end - at - 8:
            raise ValueError(
                f"{_TAG} must hold {length} bytes in its item {len(items)}, got {end - at - 8}; the file is cut short"
            )
        items.append((at + 8, length))
        at += 8 + length
        file.seek(at)
    if _ends_in_delimiter(file, items[-1]):
        # An item that has lost as many bytes as that takes reaches over it.
        raise ValueError(f"{_TAG} must have its end behind its last item, got it within; bytes are missing")
    return items


def _ends_in_delimiter(file: BinaryIO, span: Span) -> bool:
    offset, length = span
    if length < len(_DELIMITER):
        return False
    file.seek(offset + length - len(_DELIMITER))
    return file.read(len(_DELIMITER)) == _DELIMITER


def _by_offsets(fragments: list[Span], offsets: tuple[int, ...]) -> list[list[Span]]:
    """Frames by the basic offset table, whose offsets count from the first fragment's item tag."""
    origin = fragments[0][0]
    starts = {offset - origin: number for number, (offset, _) in enumerate(fragments)}
    if offsets[0] != 0 or list(offsets) != sorted(set(offsets)) or not starts.keys() >= set(offsets):
        raise ValueError(f"offsets of frames in {_TAG} must point at fragments in order, got others")
    bounds = [*(starts[offset] for offset in offsets), len(fragments)]
    return [fragments[first:last] for first, last in pairwise(bounds)]
