"""Stored values of a DICOM Segmentation's frames.

Values of 8 and 16 bits are read like an image's, compressed or not. Binary segmentations have 1 bit a pixel: without
compression frames follow each other bit by bit, lowest bit first (PS3.5, 8.1.1 and D.1); in a codestream each frame is
an image of 1 bit.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.dicom.header import Header
from medseg.io.dicom.locate import inflated_value
from medseg.io.dicom.pixels import read_frames
from medseg.io.dicom.syntaxes import BIG_ENDIAN, Packing, packing
from medseg.io.labels.dicom_object import DicomObject, required

__all__ = ["read_seg_frames", "seg_header"]

_IMPLICIT = "1.2.840.10008.1.2"
_WAY_OUT = "export it again"


def seg_header(path: Path, found: DicomObject) -> Header:
    """What reading a segmentation's pixels needs to know.

    Raises:
        SourceError: If there are no pixels, a tag is missing, or no decoder reads the transfer syntax.
    """

    def number(keyword: str) -> int:
        return int(required(path, found.data, keyword))

    header = Header(
        path=path,
        frames=number("NumberOfFrames"),
        transfer_syntax=found.transfer_syntax,
        file_bytes=path.stat().st_size,
        rows=number("Rows"),
        columns=number("Columns"),
        samples_per_pixel=number("SamplesPerPixel"),
        bits_allocated=number("BitsAllocated"),
        bits_stored=number("BitsStored"),
        high_bit=number("HighBit"),
        signed=bool(number("PixelRepresentation")),
    )
    kind = packing(header)
    if kind is Packing.NATIVE:
        at, length = _pixel_value(path, found)
        _require_no_more(header, length)
        return replace(header, pixel_offset=at, pixel_bytes=length)
    return replace(header, bits_allocated=8) if kind is Packing.CODESTREAM and header.bits_allocated == 1 else header


def read_seg_frames(header: Header, frames: Sequence[int]) -> NDArray[Any]:
    """Read some frames.

    Args:
        header: From :func:`seg_header`.
        frames: Which, from 0.

    Returns:
        ``(column, row, frame)``.

    Raises:
        SourceError: If pixels are cut short, damaged, or of a kind that is not read.
    """
    if header.bits_allocated != 1:
        return read_frames([replace(header, frame=frame) for frame in frames])
    if packing(header) is Packing.RLE or header.transfer_syntax == BIG_ENDIAN:
        got = "big endian" if header.transfer_syntax == BIG_ENDIAN else "RLE"
        raise SourceError(
            header.path,
            "binary segmentations must be uncompressed little endian, deflated or JPEG 2000 (0002,0010), got"
            f" {got}; {_WAY_OUT}",
        )
    with header.path.open("rb") as file:
        if header.pixel_offset is not None and header.pixel_bytes is not None:
            length = min(header.pixel_bytes, header.file_bytes - header.pixel_offset)
            return _read_bits(file, header.pixel_offset, length, header, frames)
        try:
            inflated, at, length = inflated_value(file, _needed_bytes(header))
        except ValueError as error:
            raise SourceError(header.path, f"{error}; {_WAY_OUT}") from error
        _require_no_more(header, length)
        return _read_bits(inflated, at, min(length, inflated.seek(0, 2) - at), header, frames)


def _read_bits(source: BinaryIO, at: int, length: int, header: Header, frames: Sequence[int]) -> NDArray[np.uint8]:
    """Frames of 1 bit a pixel."""
    rows, columns = header.rows or 0, header.columns or 0
    if length < _needed_bytes(header):
        raise SourceError(
            header.path,
            f"pixel data (7FE0,0010) must hold {_needed_bytes(header)} bytes, got {max(length, 0)}; the file is cut"
            f" short, {_WAY_OUT}",
        )
    found = np.empty((len(frames), rows, columns), np.uint8)
    for values, frame in zip(found, frames, strict=True):
        first, skipped = divmod(frame * rows * columns, 8)
        source.seek(at + first)
        packed = np.frombuffer(source.read((skipped + rows * columns + 7) // 8), np.uint8)
        bits = np.unpackbits(packed, bitorder="little")[skipped : skipped + rows * columns]
        values[...] = bits.reshape(rows, columns)
    return found.T


def _needed_bytes(header: Header) -> int:
    return (header.frames * (header.rows or 0) * (header.columns or 0) * (header.bits_allocated or 0) + 7) // 8


def _require_no_more(header: Header, length: int) -> None:
    """More than an even number of bytes needs were written otherwise, such as with each frame filled up to a byte."""
    needed = _needed_bytes(header)
    if length > needed + needed % 2:
        raise SourceError(
            header.path,
            f"pixel data (7FE0,0010) must hold the {needed} bytes that frames (0028,0008), size (0028,0010),"
            f" (0028,0011) and bits (0028,0100) demand, got {length}; {_WAY_OUT}",
        )


def _pixel_value(path: Path, found: DicomObject) -> tuple[int, int]:
    """Offset and length of the value of uncompressed pixels."""
    order = ">" if found.transfer_syntax == BIG_ENDIAN else "<"
    size = 8 if found.transfer_syntax == _IMPLICIT else 12
    with path.open("rb") as file:
        file.seek(found.pixels_at)
        head = file.read(size)
    if len(head) < size or struct.unpack_from(f"{order}HH", head) != (0x7FE0, 0x0010):
        raise SourceError(path, f"pixel data (7FE0,0010) must be there, got none; {_WAY_OUT}")
    return found.pixels_at + size, struct.unpack_from(f"{order}L", head, size - 4)[0]
