"""Stored values of a DICOM Segmentation's frames.

Values of 8 and 16 bits are read like an image's, compressed or not. Binary segmentations have 1 bit a pixel: without
compression frames follow each other bit by bit, lowest bit first (PS3.5, 8.1.1 and D.1); in a codestream each frame is
an image of 1 bit.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.dicom.header import Header
from medseg.io.dicom.pixels import read_frames
from medseg.io.dicom.syntaxes import BIG_ENDIAN, Packing, packing
from medseg.io.labels.dicom_object import DicomObject, required

__all__ = ["read_seg_frames", "seg_header"]

_IMPLICIT = "1.2.840.10008.1.2"
_WAY_OUT = "export it again"


def seg_header(found: DicomObject) -> Header:
    """What reading a segmentation's pixels needs to know.

    Raises:
        SourceError: If there are no pixels, a tag is missing, or the transfer syntax is not read.
    """
    header = _described(found)
    kind, one_bit = packing(header), header.bits_allocated == 1
    if one_bit and kind is Packing.CODESTREAM:
        return replace(header, bits_allocated=8)
    if one_bit and (kind is Packing.RLE or header.transfer_syntax == BIG_ENDIAN):
        got = "big endian" if header.transfer_syntax == BIG_ENDIAN else "RLE"
        raise SourceError(
            found.path,
            "binary segmentations must be uncompressed little endian, deflated or JPEG 2000 (0002,0010), got"
            f" {got}; {_WAY_OUT}",
        )
    if kind is Packing.NATIVE or one_bit:
        at, length = _pixel_value(found)
        _require_no_more(header, length)
        return replace(header, pixel_offset=at, pixel_bytes=length)
    return header


def _described(found: DicomObject) -> Header:
    def number(keyword: str) -> int:
        return int(required(found.path, found.data, keyword))

    return Header(
        path=found.path,
        frames=number("NumberOfFrames"),
        transfer_syntax=found.transfer_syntax,
        file_bytes=found.path.stat().st_size,
        rows=number("Rows"),
        columns=number("Columns"),
        samples_per_pixel=number("SamplesPerPixel"),
        bits_allocated=number("BitsAllocated"),
        bits_stored=number("BitsStored"),
        high_bit=number("HighBit"),
        signed=bool(number("PixelRepresentation")),
    )


def read_seg_frames(found: DicomObject, header: Header, frames: Sequence[int]) -> NDArray[Any]:
    """Read some frames.

    Args:
        found: The segmentation.
        header: From :func:`seg_header`.
        frames: Which, from 0.

    Returns:
        ``(column, row, frame)``.

    Raises:
        SourceError: If pixels are cut short or damaged.
    """
    if header.bits_allocated != 1:
        return read_frames([replace(header, frame=frame) for frame in frames])
    rows, columns = header.rows or 0, header.columns or 0
    values = np.empty((len(frames), rows * columns), np.uint8)
    with found.open() as source:
        at = _require_enough(source, header)
        for frame, bits in zip(frames, values, strict=True):
            first, skipped = divmod(frame * bits.size, 8)
            source.seek(at + first)
            packed = np.frombuffer(source.read((skipped + bits.size + 7) // 8), np.uint8)
            bits[...] = np.unpackbits(packed, bitorder="little")[skipped : skipped + bits.size]
    return values.reshape(-1, rows, columns).T


def _pixel_value(found: DicomObject) -> tuple[int, int]:
    """Offset and length of the value of pixels that are not encapsulated."""
    order = ">" if found.transfer_syntax == BIG_ENDIAN else "<"
    size = 8 if found.transfer_syntax == _IMPLICIT else 12
    with found.open() as source:
        source.seek(found.pixels_at)
        head = source.read(size)
    if len(head) < size or struct.unpack_from(f"{order}HH", head) != (0x7FE0, 0x0010):
        raise SourceError(found.path, f"pixel data (7FE0,0010) must be there, got none; {_WAY_OUT}")
    return found.pixels_at + size, struct.unpack_from(f"{order}L", head, size - 4)[0]


def _needed_bytes(header: Header) -> int:
    return (header.frames * (header.rows or 0) * (header.columns or 0) * (header.bits_allocated or 0) + 7) // 8


def _require_no_more(header: Header, length: int) -> None:
    """More than an even number of bytes needs was written otherwise, such as with each frame filled up to a byte."""
    needed = _needed_bytes(header)
    if length > needed + needed % 2:
        raise SourceError(
            header.path,
            f"pixel data (7FE0,0010) must hold the {needed} bytes that frames (0028,0008), size (0028,0010),"
            f" (0028,0011) and bits (0028,0100) demand, got {length}; {_WAY_OUT}",
        )


def _require_enough(source: BinaryIO, header: Header) -> int:
    """Offset of pixels that are all there."""
    at, needed = header.pixel_offset or 0, _needed_bytes(header)
    got = min(header.pixel_bytes or 0, source.seek(0, 2) - at)
    if got < needed:
        raise SourceError(
            header.path,
            f"pixel data (7FE0,0010) must hold {needed} bytes, got {max(got, 0)}; the file is cut short, {_WAY_OUT}",
        )
    return at
