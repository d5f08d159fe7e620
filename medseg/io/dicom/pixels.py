"""Stored values of DICOM images, as one volume.

Uncompressed pixels are read from where the header found them straight into the volume, without parsing the file again.
Deflated data sets are inflated as far as their pixels reach, RLE is decoded here, and other codestreams by a process
that may die (:mod:`medseg.io.dicom.decode`).

Sizes that files cannot hold are refused before memory is taken: uncompressed pixels must all be there, and decoded ones
may take at most 1032 (deflated), 64 (RLE) or 1000 (other codestreams) times the bytes of their files, or 64 MiB. Beside
the volume, memory holds one file's deflated data set or one frame's codestream at a time.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from medseg.errors import SourceError
from medseg.io.dicom.decode import FrameDecoder
from medseg.io.dicom.fragments import frame_fragments, read_spans
from medseg.io.dicom.header import Header
from medseg.io.dicom.locate import encapsulated_value, inflated_value
from medseg.io.dicom.parse import quiet_pydicom
from medseg.io.dicom.rle import decode_rle
from medseg.io.dicom.stored import Stored, stored_values
from medseg.io.dicom.syntaxes import BIG_ENDIAN, Packing, packing

__all__ = ["read_frames"]

_SMALL_BYTES = 2**26
_WAY_OUT = "copy or export it again"


def read_frames(headers: Sequence[Header]) -> NDArray[Any]:
    """Read the stored values of frames, before any rescale.

    Args:
        headers: One a frame, in the order of the slices; equal in size, allocated bits and sign.

    Returns:
        ``(x, y, z)``: column index, row index, frame, in uint8, int8, uint16, int16, uint32 or int32 as (0028,0100) and
        (0028,0103) say. Each slice is one block of memory in which x runs fastest. Bits beyond (0028,0101) are gone.

    Raises:
        SourceError: If a file's pixels are cut short, damaged, in a transfer syntax that no decoder reads, or
            contradict their header; or if frames differ.
        MedsegError: If a decoder is not installed.
    """
    frames = [_Frame(header, stored_values(header)) for header in headers]
    _require_alike(frames)
    _require_room(frames)
    volume = _allocate(frames)
    by_file: dict[Path, list[tuple[_Frame, NDArray[Any]]]] = defaultdict(list)
    for frame, values in zip(frames, volume, strict=True):
        by_file[frame.header.path].append((frame, values))
    with FrameDecoder() as decoder:
        for path, targets in by_file.items():
            try:
                with path.open("rb") as file:
                    _read_file(file, targets, decoder)
            except OSError as error:
                raise SourceError(path, f"must be readable, got {os.strerror(error.errno or 0)}") from error
            except ValueError as error:
                raise SourceError(path, f"{error}; {_WAY_OUT}") from error
    return volume.T


@dataclass(frozen=True)
class _Frame:
    header: Header
    stored: Stored

    @property
    def file_pixel_bytes(self) -> int:
        """What all frames of the file take without compression."""
        return max(self.header.frames, self.header.frame + 1) * self.stored.frame_bytes


_Target = tuple[_Frame, NDArray[Any]]


def _require_alike(frames: Sequence[_Frame]) -> None:
    kinds = {(frame.stored.rows, frame.stored.columns, frame.stored.dtype) for frame in frames}
    if len(kinds) != 1:
        raise SourceError(
            frames[0].header.path.parent if frames else "series",
            "size (0028,0010) and (0028,0011), bits allocated (0028,0100) and sign (0028,0103) must be the same"
            f" throughout, got {len(kinds)} kinds; choose images of one kind",
        )


def _require_room(frames: Sequence[_Frame]) -> None:
    """Refuse sizes that the files cannot hold."""
    decoded_bytes, most_bytes = 0, 0
    for frame in {frame.header.path: frame for frame in frames}.values():
        header = frame.header
        kind = packing(header)
        if kind is Packing.NATIVE:
            offset, length = _native_value(header)
            present = min(length, header.file_bytes - offset)
            if present < frame.file_pixel_bytes:
                raise SourceError(header.path, _cut_short(frame, present))
        else:
            decoded_bytes += frame.file_pixel_bytes
            most_bytes += header.file_bytes * kind.value
    if decoded_bytes > max(most_bytes, _SMALL_BYTES):
        raise SourceError(
            frames[0].header.path,
            f"compressed pixel data (7FE0,0010) may decode to {most_bytes} bytes by the size of its files, but rows"
            f" (0028,0010), columns (0028,0011) and frames (0028,0008) demand {decoded_bytes}; {_WAY_OUT}",
        )


def _native_value(header: Header) -> tuple[int, int]:
    """Offset and length of uncompressed pixels."""
    if header.pixel_offset is None or header.pixel_bytes is None:
        raise SourceError(
            header.path, f"pixel data (7FE0,0010) must have a length where it is uncompressed, got none; {_WAY_OUT}"
        )
    return header.pixel_offset, header.pixel_bytes


def _allocate(frames: Sequence[_Frame]) -> NDArray[Any]:
    stored = frames[0].stored
    try:
        return np.empty((len(frames), stored.rows, stored.columns), stored.dtype)
    except MemoryError as error:
        raise SourceError(
            frames[0].header.path,
            f"volume must fit into memory, got {len(frames) * stored.frame_bytes} bytes; choose less",
        ) from error


def _read_file(file: BinaryIO, targets: list[_Target], decoder: FrameDecoder) -> None:
    frame = targets[0][0]
    header = frame.header
    kind = packing(header)
    if kind is Packing.NATIVE:
        _read_native(file, _native_value(header)[0], targets)
    elif kind is Packing.DEFLATED:
        with quiet_pydicom():
            data, offset, length = inflated_value(file, frame.file_pixel_bytes)
        if length < frame.file_pixel_bytes:
            raise ValueError(_cut_short(frame, length))
        _read_native(data, offset, targets)
    else:
        _read_encapsulated(file, targets, decoder)


def _read_native(file: BinaryIO, offset: int, targets: list[_Target]) -> None:
    for frame, values in targets:
        start = offset + frame.header.frame * frame.stored.frame_bytes
        if frame.header.transfer_syntax == BIG_ENDIAN and frame.stored.bits_allocated == 8:
            _require_bytes(file, offset)
        file.seek(start)
        got = file.readinto(values.reshape(-1).view(np.uint8).data)  # type: ignore[attr-defined]
        if got < frame.stored.frame_bytes:
            raise ValueError(_cut_short(frame, start - offset + got))
        if (frame.header.transfer_syntax == BIG_ENDIAN) != (sys.byteorder == "big"):
            values.byteswap(inplace=True)
        frame.stored.strip(values)


def _require_bytes(file: BinaryIO, offset: int) -> None:
    """Big-endian 8-bit pixels are in order only where their VR, 8 bytes before the value, is OB, and not words, OW."""
    file.seek(offset - 8)
    if file.read(2) != b"OB":
        raise ValueError("big-endian pixel data (7FE0,0010) of 8 bits must have the VR OB, got another")


def _read_encapsulated(file: BinaryIO, targets: list[_Target], decoder: FrameDecoder) -> None:
    header, stored = targets[0][0].header, targets[0][0].stored
    with quiet_pydicom():
        offset = encapsulated_value(file)
    fragments = frame_fragments(file, offset, header.file_bytes, header.frames)
    rle = packing(header) is Packing.RLE
    for frame, values in targets:
        data = read_spans(file, fragments[frame.header.frame])
        if rle:
            words = decode_rle(data, stored.rows * stored.columns, stored.bits_allocated // 8)
            values[...] = words.view(f"<{stored.dtype.str[1:]}").reshape(values.shape)
            frame.stored.strip(values)
        else:
            values[...] = decoder.decode(data, frame.header, frame.stored)


def _cut_short(frame: _Frame, got_bytes: int) -> str:
    return (
        f"pixel data (7FE0,0010) must hold {frame.file_pixel_bytes} bytes, got {max(got_bytes, 0)}; the file is cut"
        f" short, {_WAY_OUT}"
    )
